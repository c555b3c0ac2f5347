"""/metrics: who reads it, what it says, and that no tenant is named."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from allmende import wiring
from allmende.domain.basics.people import DAEMON
from allmende.domain.trust.agents import Agent
from allmende.domain.trust.tokens import Scope
from allmende.services import leases
from allmende.storage import agents as agent_store
from allmende.wiring.factory import load_factory
from tests.docs.pages import PROJECT
from tests.exposition import Read, read_exposition
from tests.web.api.conftest import a_token
from tests.web.world import World, build_world

pytestmark = pytest.mark.django_db
PAGE = "docs/howto/watch-with-prometheus.md"
SECRET = "a-token-for-the-scraper"


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def scraper(monkeypatch) -> Client:
    monkeypatch.setattr(settings, "METRICS_TOKEN", SECRET)
    return Client(headers={"Authorization": f"Bearer {SECRET}"})


def read(client: Client, query: str = "") -> Read:
    answer = client.get(f"/metrics{query}")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return read_exposition(answer.content.decode())


def test_it_says_how_machines_groups_and_installation_fare(world: World, scraper: Client):
    assert leases.take_lead(wiring.deed_of(DAEMON), holder="one")
    read_once = read(scraper)
    found = {
        (name, dict(labels).get("group"), dict(labels).get("state")): value
        for (name, labels), value in read_once.items()
    }
    assert found["allmende_nodes", None, None] == 6
    assert found["allmende_nodes_drained", None, None] == 0
    assert found["allmende_group_guaranteed_nodes", "sme", None] == pytest.approx(1.5)
    lag = found["allmende_group_lag_node_seconds", "sme", None]
    assert 0 <= lag < found["allmende_group_lag_bound_node_seconds", "sme", None]
    assert 0 <= found["allmende_heartbeat_age_seconds", None, None] < 300
    assert found["allmende_database_bytes", None, None] > 100_000
    assert found["allmende_audit_events_total", None, None] > 10
    jobs = {key: value for key, value in found.items() if key[0] == "allmende_jobs"}
    assert jobs
    assert {state for _, _, state in jobs} <= {"pending", "running"}


def test_nobody_is_named(world: World, scraper: Client):
    text = scraper.get("/metrics").content.decode()
    names = {name for (_, labels) in read(scraper) for name, _ in labels}
    assert names == {"site", "partition", "group", "state", "version"}
    for each in world.ids.values():
        assert each not in text or each in {p.id for p in load_factory().partitions}
    assert not any(person.name in text or person.id in text for person in world.people.values())


def test_one_site_is_told_alone(world: World, scraper: Client):
    found = read(scraper, "?site=werkstatt")
    assert found
    assert {dict(labels)["site"] for _, labels in found} == {"werkstatt"}
    assert scraper.get("/metrics?site=nowhere").status_code == 404


def test_only_operators_and_the_scraper_read_it(world: World, scraper: Client):
    assert Client().get("/metrics").status_code == 401
    for wrong in ("Bearer ", "Bearer x", f"Basic {SECRET}", "Bearer ä"):
        assert Client(headers={"Authorization": wrong}).get("/metrics").status_code == 401
    for name, person in world.people.items():
        secret = a_token(person, Scope.READ)
        status = 200 if name == "operator" else 403
        client = Client(headers={"Authorization": f"Bearer {secret}"})
        assert client.get("/metrics").status_code == status
    assert scraper.post("/metrics").status_code == 405


def test_without_a_configured_token_no_token_is_one(world: World, monkeypatch):
    monkeypatch.setattr(settings, "METRICS_TOKEN", "")
    assert Client(headers={"Authorization": "Bearer "}).get("/metrics").status_code == 401


def test_however_much_there_is_it_asks_as_often(world: World, scraper: Client):
    def count(query: str = "") -> int:
        with CaptureQueriesContext(connection) as asked:
            read(scraper, query)
        return len(asked)

    few = count()
    assert few <= 11
    assert count("?site=werkstatt") <= 5  # and one more where incidents last
    for site in load_factory().sites:
        call_in(site.id, seconds_ago=10)
    assert count() == few


def call_in(site_id: str, *, seconds_ago: float) -> None:
    agent = Agent(
        id=f"ag-{site_id}-{seconds_ago}",
        site_id=site_id,
        public_key=site_id.encode().ljust(32),
        enrolled_at=wiring.now() - timedelta(days=1),
        protocol=1,
        software="1",
        last_contact_at=wiring.now() - timedelta(seconds=seconds_ago),
    )
    agent_store.save_agent(agent)


def test_how_long_the_agent_of_a_site_is_silent(world: World, scraper: Client):
    name = "allmende_agent_contact_age_seconds"
    assert name not in {found for found, _ in read(scraper)}
    call_in("werkstatt", seconds_ago=3000)
    call_in("juelich", seconds_ago=1)
    ages = {dict(at)["site"]: age for (found, at), age in read(scraper).items() if found == name}
    assert 3000 <= ages["werkstatt"] < 3300
    assert 0 <= ages["juelich"] < 300
    agent_store.save_agent(replace(agent_store.get_agent("ag-juelich-1"), revoked_at=wiring.now()))
    left = {dict(at)["site"] for found, at in read(scraper) if found == name}
    assert left == {"werkstatt"}


def test_the_page_about_monitoring_tells_every_figure_and_no_other(world: World, scraper: Client):
    assert leases.take_lead(wiring.deed_of(DAEMON), holder="one")
    call_in("werkstatt", seconds_ago=1)
    told = set(re.findall(r"allmende_[a-z_]+", (PROJECT / PAGE).read_text().partition("## In")[2]))
    silent = {  # in this world nothing runs and nobody was written to
        "allmende_nodes_busy",
        "allmende_mails",
        "allmende_plan_age_seconds",
        "allmende_oldest_waiting_job_seconds",
        "allmende_nodes_wanted",
    }
    assert {name for name, _ in read(scraper)} | silent == told
