"""Pages and API of Slurm clusters: plan, apply what was seen, drift, and who is which user."""

import json
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from allmende import wiring
from allmende.domain.basics.cluster_accounts import ClusterAccount
from allmende.domain.basics.people import Role
from allmende.domain.scheduling.slurm_policies import account_key
from allmende.domain.trust.agents import Agent
from allmende.services.deeds import Deed
from allmende.storage import agents as agent_store
from allmende.storage import cluster_accounts as account_store
from allmende.storage import people as people_store
from allmende.web.acting import get_person
from allmende.web.api import clusters as api
from allmende.web.pages import clusters as pages
from allmende.wiring.clusters import reach_of
from tests.services.access import person
from tests.services.slurm_model import FACTORY, LATER, SITE, World
from tests.web.api.conftest import a_token

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db, monkeypatch):
    world = World()
    for module in (pages, api):
        monkeypatch.setattr(module, "load_factory", lambda: FACTORY)
        monkeypatch.setattr(module, "policy_keeper_of", world.keeper_of)
        # The hour of the world: its project ends one day, and from then on it has another plan.
        monkeypatch.setattr(module, "begin_deed", begin_deed)
    monkeypatch.setattr(pages, "now", lambda: LATER)
    monkeypatch.setattr(api, "wiring", SimpleNamespace(now=lambda: LATER))
    return world


def begin_deed(request) -> Deed:
    actor = getattr(request, "auth", None) or get_person(request)
    return Deed(actor=actor, now=LATER, new_id=wiring.new_id)


def browser_of(somebody):
    people_store.create_login(somebody.id, email=somebody.email, password=None)
    client = Client()
    client.force_login(people_store.PersonRow.objects.get(id=somebody.id).login)
    return client


@pytest.fixture
def operator(world):
    return browser_of(world.olga)


def read(client, address):
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_clusters_of_the_sites_are_listed(operator, world):
    assert "never" in read(operator, "/clusters")
    world.apply()
    page = read(operator, "/clusters")
    assert f'href="/clusters/{SITE}"' in page
    assert "never" not in page


def test_what_was_seen_is_applied_once(operator, world):
    page = read(operator, f"/clusters/{SITE}")
    assert f"account {world.project_id}" in page
    assert "Make these 9 changes" in page
    digest = world.plan().digest
    assert digest in page
    answer = operator.post(f"/clusters/{SITE}/apply", {"digest": digest, "seen": "on"})
    assert answer.status_code == 302
    assert len(world.cluster.changes) == 9
    assert "The cluster is as it shall be." in read(operator, f"/clusters/{SITE}")


@pytest.mark.parametrize("digest", ["", "another"])
def test_what_was_not_seen_is_not_applied(operator, world, digest):
    assert operator.post(f"/clusters/{SITE}/apply", {"digest": digest}).status_code == 409
    assert world.cluster.changes == []


def test_drift_is_shown_before_and_after(operator, world):
    assert "Nothing to compare with yet" in read(operator, f"/clusters/{SITE}")
    world.apply()
    assert "Nothing was changed by hand since" in read(operator, f"/clusters/{SITE}")
    world.cluster.set_by_hand(account_key("sme"), Fairshare="777")
    page = read(operator, f"/clusters/{SITE}")
    assert "<del>375</del>" in page
    assert "<ins>777</ins>" in page


def test_a_long_plan_is_cut_and_says_so(operator, monkeypatch):
    monkeypatch.setattr(pages, "CHANGES_MAX", 2)
    page = read(operator, f"/clusters/{SITE}")
    assert "The first 2 of 9" in page
    assert page.count("<tr>") == 3


def test_an_operator_gives_and_takes_accounts(operator, world):
    address = f"/clusters/{SITE}/accounts"
    assert 'value="ada"' in read(operator, address)
    assert operator.post(f"{address}/{world.ada.id}", {"user_name": " ada2 "}).status_code == 302
    assert account_store.find_user_name(SITE, world.ada.id) == "ada2"
    assert operator.post(f"{address}/{world.ada.id}", {"user_name": "root"}).status_code == 422
    assert operator.post(f"{address}/{world.ada.id}", {"user_name": ""}).status_code == 302
    assert account_store.find_user_name(SITE, world.ada.id) is None
    assert world.ada.name in read(operator, address), "who works there is listed, with no account"
    assert "has no effect there" in read(operator, f"/clusters/{SITE}")


def test_an_auditor_looks_and_changes_nothing(world):
    auditor = browser_of(person("aishe", Role.AUDITOR))
    page = read(auditor, f"/clusters/{SITE}")
    assert f'action="/clusters/{SITE}/apply"' not in page
    assert "<input" not in read(auditor, f"/clusters/{SITE}/accounts").partition("<main")[2]
    answer = auditor.post(f"/clusters/{SITE}/apply", {"digest": world.plan().digest})
    assert answer.status_code == 403
    assert world.cluster.changes == []


def test_who_belongs_to_no_site_sees_none(world):
    applicant = browser_of(world.ada)
    for address in ("/clusters", f"/clusters/{SITE}", f"/clusters/{SITE}/accounts"):
        assert applicant.get(address).status_code == 403


def test_the_list_of_people_takes_as_many_questions_for_a_hundred_as_for_one(operator, world):
    address = f"/clusters/{SITE}/accounts"

    def count_questions() -> int:
        with CaptureQueriesContext(connection) as seen:
            read(operator, address)
        return len(seen)

    before = count_questions()
    for number in range(100):
        account = ClusterAccount(
            site_id=SITE, person_id=person(f"p{number}").id, user_name=f"user{number}"
        )
        account_store.save_account(account)
    assert count_questions() == before
    page = read(operator, address)
    assert page.count('name="user_name"') == 50
    assert "?after=" in page


def ask(world, method, path, body=None):
    """Return the answer of the API to a program of the operator."""
    answer = Client().generic(
        method,
        f"/api/v1/clusters/{SITE}{path}",
        json.dumps(body) if body is not None else "",
        content_type="application/json",
        headers={"Authorization": f"Bearer {a_token(world.olga)}"},
    )
    return answer.status_code, answer.json() if answer.content else None


def test_programs_plan_apply_and_compare(world):
    _, plan = ask(world, "GET", "/plan")
    assert plan["digest"] == world.plan().digest
    assert plan["changes"][-1]["item"] == f"user:ada@{world.project_id}/booster"
    never = {"site_id": SITE, "applied_at": None, "changes": []}
    assert ask(world, "GET", "/drift") == (200, never)
    status, problem = ask(world, "POST", "/apply", {"digest": "another"})
    assert (status, problem["code"]) == (409, "PlanHasChanged")
    assert ask(world, "POST", "/apply", {"digest": plan["digest"]}) == (200, plan)
    assert ask(world, "POST", "/apply", {})[1]["changes"] == []
    world.cluster.set_by_hand(account_key("sme"), Fairshare="777")
    (change,) = ask(world, "GET", "/drift")[1]["changes"]
    assert change == {
        "kind": "change",
        "item": "account:sme",
        "before": {"Fairshare": "375"},
        "after": {"Fairshare": "777"},
    }


def test_programs_give_and_take_accounts(world):
    path = f"/accounts/{world.ada.id}"
    given = {"site_id": SITE, "person_id": world.ada.id, "user_name": "ada2"}
    assert ask(world, "PUT", path, {"user_name": "ada2"}) == (200, given)
    assert ask(world, "GET", "/accounts")[1]["items"] == [given]
    assert ask(world, "PUT", path, {"user_name": "Ada 2"})[0] == 422
    assert ask(world, "DELETE", path) == ask(world, "DELETE", path) == (204, None)
    assert ask(world, "GET", "/accounts")[1]["items"] == []


def test_a_cluster_whose_agent_does_not_call_in_says_since_when(operator, monkeypatch):
    site = replace(FACTORY.get_site(SITE), agent=True)
    seen_at = wiring.now() - timedelta(minutes=3)
    facts = {"public_key": bytes(32), "enrolled_at": seen_at, "last_contact_at": seen_at}
    agent_store.save_agent(Agent(id="ag-1", site_id=SITE, protocol=2, **facts))
    monkeypatch.setattr(pages, "policy_keeper_of", lambda _: reach_of(site).policies())
    answer = operator.get(f"/clusters/{SITE}")
    assert answer.status_code == 503
    page = answer.content.decode()
    assert "Something does not answer at the moment" in page
    assert f"{SITE} is cut off: its agent has not called in since" in page
