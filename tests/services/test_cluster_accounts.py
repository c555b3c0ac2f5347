"""Cluster accounts: each person is one user at a site, and each user is one person."""

from dataclasses import replace

import pytest

from allmende.domain.basics.cluster_accounts import ClusterAccount, UserNameIsWrong
from allmende.domain.basics.people import Role
from allmende.domain.basics.refusals import NotFound, NotPermitted
from allmende.domain.basics.sites import SlurmCluster
from allmende.services import cluster_accounts
from allmende.services.cluster_accounts import SiteHasNoCluster, UserNameIsTaken
from allmende.storage import audit as audit_store
from allmende.storage import cluster_accounts as store
from allmende.wiring.factory import load_factory
from tests.services.access import deed, person

pytestmark = pytest.mark.django_db

SITE = "juelich"


def a_factory():
    factory = load_factory()
    sites = tuple(
        replace(site, slurm=SlurmCluster(cluster=site.id, work_folder="/work"))
        if site.id in (SITE, "berlin")
        else site
        for site in factory.sites
    )
    return replace(factory, sites=sites)


FACTORY = a_factory()


@pytest.fixture
def operator(db):
    return person("olga", Role.OPERATOR)


@pytest.fixture
def mina(db):
    return person("mina")


def give(actor, person_id, user_name, *, site_id=SITE):
    return cluster_accounts.set_account(
        deed(actor), site_id=site_id, person_id=person_id, user_name=user_name, factory=FACTORY
    )


def actions():
    return [event.action for event in audit_store.list_events(after=0, limit=100, subject="")]


def test_an_operator_says_who_is_which_user(operator, mina):
    given = give(operator, mina.id, "mina")
    assert given == ClusterAccount(site_id=SITE, person_id=mina.id, user_name="mina")
    assert store.find_user_name(SITE, mina.id) == "mina"
    assert store.find_person_id(SITE, "mina") == mina.id
    assert store.get_user_names(SITE) == {mina.id: "mina"}
    assert cluster_accounts.list_accounts(operator, SITE, factory=FACTORY) == [given]


def test_who_has_no_account_at_a_site_is_no_user_there(operator, mina):
    give(operator, mina.id, "mina")
    assert store.find_user_name("berlin", mina.id) is None
    assert store.find_person_id("berlin", "mina") is None


def test_saying_it_again_changes_nothing(operator, mina):
    give(operator, mina.id, "mina")
    before = actions()
    give(operator, mina.id, "mina")
    assert actions() == before


def test_a_person_may_get_another_name(operator, mina):
    give(operator, mina.id, "mina")
    give(operator, mina.id, "mina2")
    assert store.find_user_name(SITE, mina.id) == "mina2"
    assert store.find_person_id(SITE, "mina") is None


def test_two_people_never_share_a_user(operator, mina):
    otto = person("otto")
    give(operator, mina.id, "mina")
    with pytest.raises(UserNameIsTaken):
        give(operator, otto.id, "mina")
    assert give(operator, otto.id, "mina", site_id="berlin").user_name == "mina"


def test_an_account_is_taken_away_once(operator, mina):
    give(operator, mina.id, "mina")
    for _ in range(2):
        cluster_accounts.remove_account(
            deed(operator), site_id=SITE, person_id=mina.id, factory=FACTORY
        )
    assert store.find_user_name(SITE, mina.id) is None
    assert actions().count("cluster_account.removed") == 1


def test_what_is_wrong_is_refused_and_nothing_is_kept(operator, mina):
    with pytest.raises(UserNameIsWrong):
        give(operator, mina.id, "Mina K.")
    with pytest.raises(NotFound):
        give(operator, "p-nobody", "mina")
    with pytest.raises(SiteHasNoCluster):
        give(operator, mina.id, "mina", site_id="werkstatt")
    with pytest.raises(NotFound):
        give(operator, mina.id, "mina", site_id="atlantis")
    assert store.list_accounts(SITE) == []


@pytest.mark.parametrize("role", [Role.APPLICANT, Role.PROGRAMME_OFFICER, Role.ADMINISTRATOR])
def test_only_operators_name_users(role, mina):
    other = person("someone", role)
    with pytest.raises(NotPermitted):
        give(other, mina.id, "mina")
    with pytest.raises(NotPermitted):
        cluster_accounts.remove_account(
            deed(other), site_id=SITE, person_id=mina.id, factory=FACTORY
        )
    with pytest.raises(NotPermitted):
        cluster_accounts.list_accounts(other, SITE, factory=FACTORY)
