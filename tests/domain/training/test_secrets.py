"""Secrets are named in job files, and are environment variables of jobs."""

import pytest

from allmende.domain.training import secrets
from allmende.domain.training.job_files import InvalidJobFile, parse_job_file


def parse(**keys):
    return parse_job_file({"name": "a", "run": "true"} | keys)


def test_a_job_file_names_each_once():
    spec = parse(secrets=["HUB_TOKEN", "b", "HUB_TOKEN"])
    assert spec.secrets == ("HUB_TOKEN", "b")
    assert parse_job_file(spec.to_json()) == spec
    assert "secrets" not in parse().to_json()


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"secrets": ["ALLMENDE_OUT"]}, "secrets: ALLMENDE_OUT is no name of a secret."),
        ({"secrets": ["A"], "envs": {"A": "1"}}, "secrets: A stands under envs as well."),
        ({"secrets": "A"}, "secrets takes a list"),
        ({"secrets": ["A"], "envs": "B"}, "envs takes keys and values"),
    ],
)
def test_what_is_no_name_is_refused(keys, words):
    with pytest.raises(InvalidJobFile) as refused:
        parse(**keys)
    assert words in str(refused.value)


def test_they_may_be_keys_without_values_as_in_skypilot():
    assert parse(secrets={"HUB_TOKEN": None, "b": None}).secrets == ("HUB_TOKEN", "b")


@pytest.mark.parametrize("given", [["A=hush"], [{"A": "hush"}], {"A": "hush"}])
def test_a_value_that_stands_there_by_mistake_is_not_repeated(given):
    with pytest.raises(InvalidJobFile) as refused:
        parse(secrets=given)
    assert str(refused.value) == (
        "The job file was not accepted. secrets: the value of A does not belong here. "
        "Set it once with allmende secret set, and write its name alone."
    )


@pytest.mark.parametrize("name", ["", "1A", "A-B", "Ä", "A B", "A" * 65, "PATH", "ALLMENDE_X"])
def test_a_name_is_one_of_a_variable_that_is_not_taken(name):
    with pytest.raises(secrets.UnusableName):
        secrets.check_name(name)
    secrets.check_name("_Hub2")


@pytest.mark.parametrize("value", ["", "a\0b", "\ud800", "x" * 32_769])
def test_a_value_is_text_that_a_variable_holds(value):
    with pytest.raises(secrets.UnusableValue) as refused:
        secrets.check_value(value)
    assert not value or value not in str(refused.value)
    secrets.check_value("x" * 32_768)


def test_an_unknown_one_is_refused_with_the_one_that_was_meant():
    secrets.check_known(["TOKEN"], ["TOKEN"], project_id="p")
    with pytest.raises(secrets.NoSuchSecret, match="Did you mean token"):
        secrets.check_known(["tokem"], ["token"], project_id="p")
    with pytest.raises(secrets.NoSuchSecret, match=r"no secret A\. There are none yet\. A member"):
        secrets.check_known(["A"], [], project_id="p")
