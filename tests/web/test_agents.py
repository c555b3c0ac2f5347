"""The page of site agents: how each is, a code for a new one, and sending one away."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.test import Client

from allmende import wiring
from allmende.domain.basics.people import Role
from allmende.domain.trust.agents import read_code
from allmende.services import agents
from allmende.storage import agents as store
from allmende.storage import people as people_store
from allmende.wiring.factory import load_factory
from tests.agent.lines import enrol
from tests.web.api.conftest import register

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def factory(monkeypatch):
    """Let an agent speak for the site on which jobs run."""
    found = load_factory()
    sites = tuple(replace(site, agent=site.id == "werkstatt") for site in found.sites)
    found = replace(found, sites=sites)
    monkeypatch.setattr("allmende.web.pages.agents.load_factory", lambda: found)
    return found


def a_browser(*roles: Role) -> Client:
    person = register("otto", *roles, password="correct horse battery staple")
    browser = Client()
    browser.force_login(people_store.PersonRow.objects.get(id=person.id).login)
    return browser


def text_of(answer) -> str:
    return answer.content.decode()


def test_an_operator_makes_a_code_that_is_shown_once(factory):
    browser = a_browser(Role.OPERATOR)
    assert "No agent yet" in text_of(browser.get("/sites/agents"))
    made = browser.post("/sites/agents", {"site": "werkstatt"})
    (code,) = re.findall(r"allmende-agent\.[\w.-]+", text_of(made))
    code_id, _, _ = read_code(code)
    assert store.lock_code(code_id).site_id == "werkstatt"
    assert made["Cache-Control"] == "no-store"
    assert "allmende-agent." not in text_of(browser.get("/sites/agents"))
    assert browser.post("/sites/agents", {"site": "juelich"}).status_code == 422


def test_each_state_of_an_agent_is_told_and_one_is_sent_away():
    browser = a_browser(Role.OPERATOR)
    agent = enrol()
    page = text_of(browser.get("/sites/agents"))
    assert "no call yet" in page
    assert agent.fingerprint[:16] in page
    now = wiring.now()
    for contact, word in ((now, "calls in"), (now - timedelta(hours=1), "cut off")):
        store.save_agent(replace(agent, last_contact_at=contact, trouble="The disk is full."))
        page = text_of(browser.get("/sites/agents"))
        assert word in page
        assert "The disk is full." in page
    answer = browser.post(f"/sites/agents/{agent.id}/revoke")
    assert (answer.status_code, answer.url) == (302, "/sites/agents")
    assert store.get_agent(agent.id).revoked_at is not None
    page = text_of(browser.get("/sites/agents"))
    assert "revoked" in page
    assert "The disk is full." not in page


def test_an_auditor_sees_the_agents_and_changes_none():
    browser, agent = a_browser(Role.AUDITOR), enrol()
    page = text_of(browser.get("/sites/agents"))
    assert agent.id in page
    assert "<form" not in page.partition("<main")[2].partition("</main")[0]
    assert browser.post(f"/sites/agents/{agent.id}/revoke").status_code == 403
    assert "Agents that call in" in text_of(browser.get("/sites"))


def test_the_list_pages_and_asks_as_much_for_many_as_for_few(
    django_assert_max_num_queries, monkeypatch
):
    monkeypatch.setattr("allmende.web.pages.agents.PAGE_SIZE", 3)
    browser = a_browser(Role.OPERATOR)
    ids = [enrol(bytes([number]) * 32).id for number in range(7)]
    seen, address = [], "/sites/agents"
    while address:
        with django_assert_max_num_queries(8):
            page = text_of(browser.get(address))
        seen += re.findall(r'<code class="muted small">(ag-\w+)</code>', page)
        more = re.search(r'href="(\?after=ag-\w+)"', page)
        address = f"/sites/agents{more[1]}" if more else ""
    assert sorted(seen) == sorted(ids)
    assert len(seen) == len(set(seen))
    everybody = agents.list_agents(register("a", Role.AUDITOR))
    assert [each.id for each in everybody] == seen
