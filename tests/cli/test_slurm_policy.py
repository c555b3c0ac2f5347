"""`allmende slurm account|plan|apply|drift`, as an operator types them."""

import io
import json

import pytest

from allmende import cli
from allmende.cli import cluster_accounts, slurm_policy
from allmende.domain.scheduling.slurm_policies import account_key
from tests.services.slurm_model import FACTORY, SITE, World

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db, monkeypatch):
    world = World()
    for module in (slurm_policy, cluster_accounts):
        monkeypatch.setattr(module, "load_factory", lambda: FACTORY)
    monkeypatch.setattr(slurm_policy, "policy_keeper_of", world.keeper_of)
    return world


@pytest.fixture
def allmende(capsys, world):
    def type_in(*words: str, expect: int = 0) -> str:
        code = cli.run(["--as", world.olga.id, "slurm", *words])
        printed = capsys.readouterr()
        assert code == expect, printed.err
        return printed.out or printed.err

    return type_in


def test_an_operator_says_who_is_which_user(allmende, world):
    given = json.loads(allmende("account", "set", SITE, world.ada.email, "ada2", "--json"))
    assert given == {"site_id": SITE, "person_id": world.ada.id, "user_name": "ada2"}
    assert json.loads(allmende("account", "list", SITE, "--json")) == [given]
    allmende("account", "remove", SITE, world.ada.id)
    assert "Nobody has an account there yet." in allmende("account", "list", SITE)
    refused = json.loads(allmende("account", "set", SITE, world.ada.id, "root", "--json", expect=1))
    assert refused["error"]["code"] == "UserNameIsPrivileged"


def test_a_plan_reads_as_what_is_to_be_changed(allmende, world):
    lines = allmende("plan", SITE, expect=6).splitlines()
    assert "+ account sme" in lines
    assert "    Parent: allmende" in lines
    assert f"+ user ada in {world.project_id} on booster" in lines
    assert lines[-1] == "Changes to make: 9."
    world.apply()
    world.cluster.set_by_hand(account_key("sme"), Fairshare="7")
    lines = allmende("plan", SITE, expect=6).splitlines()
    assert lines[:2] == ["~ account sme", "    Fairshare: 7 -> 375"]


def test_a_plan_for_programs_has_everything(allmende):
    found = json.loads(allmende("plan", SITE, "--json", expect=6))
    assert found["site_id"] == SITE
    assert found["changes"][0]["item"] == "qos:industry"
    assert (found["shortcomings"], found["outsiders"]) == ([], [])


def test_members_who_are_left_out_are_named(allmende, world):
    allmende("account", "remove", SITE, world.ada.id)
    assert f"! {world.ada.id} works in {world.project_id}" in allmende("plan", SITE, expect=6)


def test_applying_asks_before_unless_told_not_to(allmende, world, monkeypatch):
    monkeypatch.setattr("typer.confirm", lambda *_, **__: pytest.fail("it was told not to ask"))
    assert "Changes made: 9." in allmende("apply", SITE, "--yes")
    assert "The cluster is as it shall be." in allmende("plan", SITE)
    assert "The cluster is as it shall be." in allmende("apply", SITE)
    assert json.loads(allmende("apply", SITE, "--yes", "--json"))["changes"] == []


def test_nothing_is_applied_without_a_yes(allmende, world, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    allmende("apply", SITE, expect=1)
    refused = json.loads(allmende("apply", SITE, "--json", expect=1))
    assert refused["error"]["code"] == "InvalidInput"
    assert world.cluster.changes == []


def test_drift_is_what_others_changed(allmende, world):
    assert "Policy was never applied here." in allmende("drift", SITE)
    allmende("apply", SITE, "--yes")
    assert "Nothing was changed by hand since" in allmende("drift", SITE)
    world.cluster.set_by_hand(account_key("cuckoo"), Parent="sme")
    assert "+ account cuckoo" in allmende("drift", SITE, expect=6)
    found = json.loads(allmende("drift", SITE, "--json", expect=6))
    assert [change["item"] for change in found["changes"]] == ["account:cuckoo"]
