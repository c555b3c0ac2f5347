"""Usage and reconciliation of a cluster: pages and API, who sees what, and how much they ask."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from allmende import wiring
from allmende.domain.basics.people import Person, Role
from allmende.services import usage
from allmende.services.deeds import Deed
from allmende.storage import people as people_store
from allmende.storage import usage as usage_store
from allmende.web.acting import get_person
from allmende.web.api import usage as api
from allmende.web.pages import clusters as cluster_pages
from allmende.web.pages import projects as project_pages
from allmende.web.pages import reconciliations, sites
from allmende.web.pages import usage as pages
from tests.agent.lines import enrol
from tests.services.access import person
from tests.services.usage_worlds import (
    CLUSTER,
    DEED,
    NOW,
    SITE,
    Accounting,
    a_record,
    add_project,
    begin_attempt,
    open_pools,
    settle,
)
from tests.web.api.conftest import a_token

pytestmark = pytest.mark.django_db
SPAN = f"{NOW:%Y-%m}"


@pytest.fixture
def cluster(db, monkeypatch) -> Accounting:
    """Let the pages show a site with a cluster on which a project has time."""
    accounting = Accounting()
    factory = replace(sites.load_factory(), sites=(SITE,))
    for module in (pages, api, reconciliations, sites, project_pages, cluster_pages):
        monkeypatch.setattr(module, "load_factory", lambda: factory)
    for module in (reconciliations, api):
        monkeypatch.setattr(module, "usage_reader", lambda _site: accounting)
        # Not the clock itself: whoever is imported meanwhile would keep the one that stands still.
        monkeypatch.setattr(module, "begin_deed", begin_deed)
    monkeypatch.setattr(api, "wiring", SimpleNamespace(now=lambda: NOW))
    for module in (pages, reconciliations):
        monkeypatch.setattr(module, "now", lambda: NOW)
    open_pools()
    add_project("pr-1")
    return accounting


def begin_deed(request) -> Deed:
    actor = getattr(request, "auth", None) or get_person(request)
    return Deed(actor=actor, now=NOW, new_id=wiring.new_id)


def take_in(cluster: Accounting, *records) -> None:
    cluster.records += records
    usage.ingest(DEED, SITE, records, read_at=NOW)


def browser_of(somebody: Person) -> Client:
    people_store.create_login(somebody.id, email=somebody.email, password=None)
    client = Client()
    client.force_login(people_store.PersonRow.objects.get(id=somebody.id).login)
    return client


def staff(role: Role = Role.OPERATOR) -> Client:
    return browser_of(person("theo", role))


def member() -> Client:
    """Return the browser of the member of pr-1."""
    somebody = person("mina", Role.APPLICANT)
    people_store.PersonRow.objects.filter(id=somebody.id).update(id="per-1")
    return browser_of(replace(somebody, id="per-1"))


def read(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return answer.content.decode()


def jobs_on(page: str) -> list[int]:
    return [int(number) for number in re.findall(r'/usage/\d+">(\d+)</a>', page)]


@pytest.mark.parametrize("typed", ["9" * 5000, "9" * 25, "00", "-1", "\u0663", "x"])
@pytest.mark.parametrize(
    "address", ["/clusters/lab/usage", "/clusters/lab/reconciliation", "/audit"]
)
def test_whatever_is_typed_for_a_page_is_a_page(cluster, address, typed):
    read(staff(Role.AUDITOR), f"{address}?before={typed}")


def test_runs_are_listed_filtered_and_paged(cluster, monkeypatch):
    client = staff()
    assert "allmende slurm collect lab" in read(client, "/clusters/lab/usage")
    begin_attempt()
    ours = a_record(1, comment="allmende:j-1.1")
    take_in(cluster, ours, a_record(2), a_record(3, account="nobody"), a_record(4, minutes=None))
    settle(ours)
    page = read(client, "/clusters/lab/usage")
    assert jobs_on(page) == [4, 3, 2, 1]
    assert page.count("plain sbatch ·") == 3
    for query, expected in {
        "foreign=on": [4, 3, 2],
        "state=not_charged": [3],
        "state=running": [4],
        "state=charged&foreign=on": [2],
        "project=pr-1": [4, 2, 1],
        "project=pr-2": [],
        "state=nonsense": [4, 3, 2, 1],
    }.items():
        assert jobs_on(read(client, f"/clusters/lab/usage?{query}")) == expected, query
    assert "No record fits" in read(client, "/clusters/lab/usage?project=pr-2")
    monkeypatch.setattr(pages, "PAGE_SIZE", 2)
    seen, query = [], "?project=pr-1"
    while query:
        page = read(client, f"/clusters/lab/usage{query}")
        seen += jobs_on(page)
        more = re.search(r'class="button quiet" href="(\?[^"]+)"', page)
        query = more[1].replace("&amp;", "&") if more else ""
    assert seen == [4, 2, 1]


def test_each_charged_second_leads_to_its_transfer(cluster):
    begin_attempt()
    ours = a_record(1, comment="allmende:j-1.1", state="NODE_FAIL")
    take_in(cluster, a_record(2), replace(ours, ended_at=None, state="RUNNING"))
    settle(ours)
    usage.ingest(DEED, SITE, [ours], read_at=NOW + timedelta(seconds=1))
    longer = a_record(2, minutes=20)
    usage.ingest(DEED, SITE, [longer], read_at=NOW + timedelta(seconds=1))
    client = staff(Role.AUDITOR)
    for known in usage_store.list_usages(site_id="lab", limit=9):
        page = read(client, f"/clusters/lab/usage/{known.number}")
        status, traced = ask(f"/clusters/lab/usage/{known.number}")
        assert status == 200
        moves = traced["moves"]
        assert sum(each["charged_seconds"] for each in moves) == known.booked_seconds > 0
        assert sum(each["given_back_seconds"] for each in moves) == known.given_back_seconds
        assert all(each["transfer_id"].replace(">", "&gt;") in page for each in moves)
        assert len(moves) == 2
    assert client.get("/clusters/lab/usage/999").status_code == 404


def test_members_see_their_projects_and_nobody_elses(cluster):
    add_project("pr-2")
    take_in(cluster, a_record(1), a_record(2, account="pr-2"), a_record(3, account="nobody"))
    numbers = {u.record.job_id: u.number for u in usage_store.list_usages(site_id="lab", limit=9)}
    mina = member()
    assert jobs_on(read(mina, "/projects/pr-1/usage")) == [1]
    assert jobs_on(read(mina, "/projects/pr-1/usage?state=running")) == []
    page = read(mina, "/projects/pr-1")
    assert "plain sbatch --account=pr-1 are shown and charged too" in page
    assert jobs_on(page) == [1]
    assert "charge:usage:" in read(mina, f"/projects/pr-1/usage/{numbers[1]}")
    assert mina.get(f"/projects/pr-1/usage/{numbers[2]}").status_code == 404
    for address in ("usage", f"usage/{numbers[1]}", "reconciliation"):
        assert mina.get(f"/clusters/lab/{address}").status_code == 403
    stranger = browser_of(person("sven", Role.APPLICANT))
    for address in ("", "/usage", f"/usage/{numbers[1]}"):
        assert stranger.get(f"/projects/pr-1{address}").status_code == 404


def test_a_month_is_compared_and_what_was_found_is_kept(cluster):
    theo = staff()
    assert "Nothing was compared yet" in read(theo, "/clusters/lab/reconciliation")
    take_in(cluster, a_record(1), a_record(2, account="nobody"))
    cluster.records.append(a_record(3, minutes=5))
    answer = theo.post("/clusters/lab/reconciliation", {"span": SPAN})
    page = read(theo, answer.url)
    assert "Every second is explained" in page
    shown = dict(re.findall(r"</svg>([^<]+)</span></th><td[^>]*>([^<]+)</td>", page))
    assert shown == {"its account is no project": "1,200", "not read yet": "600"}
    assert page.count("<rect") == 2
    usage.ingest(DEED, SITE, cluster.records, read_at=NOW)
    theo.post("/clusters/lab/reconciliation", {"span": SPAN})
    assert read(theo, answer.url) == page, "what was found then stays"
    page = read(theo, "/clusters/lab/reconciliation")
    listed = re.findall(r'href="(/clusters/lab/reconciliation/\d+)"', page)
    assert listed[1] == answer.url
    assert "not read yet" not in read(theo, listed[0])


def test_what_cannot_be_compared_is_refused_and_nothing_is_kept(cluster):
    theo = staff()
    assert theo.post("/clusters/lab/reconciliation", {"span": "1999-01"}).status_code == 422
    cluster.is_down = True
    assert theo.post("/clusters/lab/reconciliation", {"span": SPAN}).status_code == 503
    later = {"span": f"{NOW + timedelta(days=60):%Y-%m}"}
    assert ask("/clusters/lab/reconciliations", later)[0] == 422
    assert ask("/clusters/lab/reconciliations")[1]["items"] == []


def ask(path: str, body=None) -> tuple[int, dict]:
    """Return the answer of the API to a program of an operator."""
    token = a_token(person(f"tess{wiring.new_id('x')}", Role.OPERATOR))
    answer = Client().generic(
        "GET" if body is None else "POST",
        f"/api/v1{path}",
        json.dumps(body) if body else "",
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}"},
    )
    return answer.status_code, answer.json()


def test_programs_read_the_same(cluster):
    take_in(cluster, a_record(1), a_record(2, account="nobody"))
    _, page = ask("/clusters/lab/usage?limit=1")
    assert [each["job_id"] for each in page["items"]] == [2]
    _, rest = ask(f"/clusters/lab/usage?before={page['next']}")
    (first,) = rest["items"]
    assert (first["charged_seconds"], first["state"], first["attempt_key"]) == (1200, "charged", "")
    assert ask("/clusters/lab/usage?state=unknown_account")[1]["items"] == page["items"]
    assert ask("/projects/pr-1/usage?foreign=true")[1]["items"] == [first]
    status, made = ask("/clusters/lab/reconciliations", {"span": SPAN})
    assert (status, made["unexplained_seconds"], made["cluster"]) == (201, 0, CLUSTER)
    lines = {line["account"]: line["causes"] for line in made["lines"]}
    assert lines == {"nobody": {"unknown_account": 1200}, "pr-1": {}}
    assert ask(f"/clusters/lab/reconciliations/{made['number']}") == (200, made)
    (summary,) = ask("/clusters/lab/reconciliations")[1]["items"]
    assert summary.pop("runs") == 2
    assert summary == {name: made[name] for name in summary}


def test_pages_ask_as_often_for_many_as_for_few(cluster):
    theo, mina = staff(), member()

    def count(client: Client, address: str) -> int:
        with CaptureQueriesContext(connection) as asked:
            read(client, address)
        return len(asked)

    def compare() -> str:
        return theo.post("/clusters/lab/reconciliation", {"span": SPAN}).url

    def count_all() -> list[int]:
        return [
            count(theo, "/clusters/lab/usage"),
            count(theo, "/clusters/lab/reconciliation"),
            count(theo, compare()),
            count(mina, "/projects/pr-1/usage"),
        ]

    take_in(cluster, a_record(1))
    compare()
    few = count_all()
    take_in(cluster, *(a_record(number, account=f"pr-{number % 9}") for number in range(2, 40)))
    assert count_all() == few
    assert max(few) <= 9


def test_the_page_of_sites_leads_to_every_page_of_a_site(cluster):
    page = read(staff(), "/sites")
    for address in ("", "/usage", "/reconciliation", "/guarantees", "/accounts"):
        assert f'href="/clusters/lab{address}"' in page
    assert 'href="/nodes/lab-gpu"' in page
    assert 'href="/incidents?site=lab"' in page
    for place in ("usage", "reconciliation", "guarantees"):
        assert 'href="/incidents?site=lab"' in read(staff(Role.AUDITOR), f"/clusters/lab/{place}")
    outside = read(Client(), "/sites")
    assert 'href="/clusters/lab/guarantees"' in outside
    assert "/clusters/lab/usage" not in outside


def test_incidents_and_agents_of_one_site_are_listed_alone(cluster):
    theo = staff()
    for address in ("/incidents?site=lab", "/sites/agents?site=lab"):
        assert theo.get(address).status_code == 404, "the factory of those pages has no such site"
    assert "Only those of Werkstatt" in read(theo, "/incidents?site=werkstatt")
    enrol(site_id="harz")
    assert ask("/agents?site_id=werkstatt")[1]["items"] == []
    assert len(ask("/agents?site_id=harz")[1]["items"]) == 1
    assert ask("/incidents?site_id=werkstatt")[1]["items"] == []
