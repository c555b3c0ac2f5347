"""A user name is one that POSIX has, and belongs to a person."""

import pytest

from allmende.domain.basics.cluster_accounts import (
    ClusterAccount,
    UserNameIsPrivileged,
    UserNameIsWrong,
    check_user_name,
)


@pytest.mark.parametrize("user_name", ["mina", "m", "_mina", "mina-2", "mina_k", "a" * 32])
def test_a_user_name_of_a_person_is_taken_as_it_is(user_name):
    check_user_name(user_name)


@pytest.mark.parametrize(
    "user_name",
    ["", "Mina", "2mina", "-mina", "mi na", "mina\n", "mina;id", "mína", "a" * 33, "mina@site"],
)
def test_what_is_no_user_name_is_refused(user_name):
    with pytest.raises(UserNameIsWrong):
        check_user_name(user_name)


def test_nobody_runs_jobs_as_root():
    with pytest.raises(UserNameIsPrivileged):
        check_user_name("root")


def test_an_account_is_named_by_its_site_and_its_person():
    assert ClusterAccount(site_id="juelich", person_id="p-1", user_name="mina").key == "juelich:p-1"
