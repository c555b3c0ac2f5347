"""Every address of the portal, for every role, for a foreign tenant and for the public."""

import re
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from allmende.domain.basics.people import Role
from allmende.storage import people as people_store
from tests.web.world import World, build_world

pytestmark = pytest.mark.django_db

OTHER_PARTS = {
    "mode_id": "playground",
    "promise_id": "no-such-promise",
    "token_id": "t-none",
    "step_id": "step-none",
    "entry_id": "aid-none",
    "appeal_id": "apl-none",
    "change_id": "chg-none",
    "message_id": "msg-none",
    "reviewer_id": "p-none",
    "sweep_id": "s-none",
    "reservation_id": "rv-none",
    "site_id": "werkstatt",
    "partition_id": "werkbank",
    "node": "werkbank-06",
    "incident_id": "in-none",
    "agent_id": "ag-none",
    "section": "project",
    "decision": "waive",
    "language": "de",
    "theme": "dark",
    "secret": "guess",
    "cut_off": "20261211T090000Z",
    "number": "1",
    "year": "2026",
    "name": "model.txt",
    "noun": "jobs",
    "kind": "job",
    "document_id": "doc-none",
    "uidb36": "1",
    "key": "guess",
    "provider": "none",
    "sha256": "0" * 64,
}
TENANT_PARTS = ("organisation_id", "application_id", "project_id", "job_id", "model_id", "award_id")
# What the small forms of the portal send.
ANSWERS = {"answer": "yes", "why": "A reason.", "notes": "A note.", "hours": "1"}
# Not ours, or tried operation by operation in tests/web/api/test_matrix.py.
ELSEWHERE = ("api/v1/", "__")


def addresses(resolver: URLResolver | None = None, before: str = "") -> Iterator[str]:
    """Yield every route of the portal as it is written in its table."""
    for entry in (resolver or get_resolver()).url_patterns:
        route = before + str(entry.pattern)
        if route.startswith(ELSEWHERE):
            continue
        if isinstance(entry, URLResolver):
            yield from addresses(entry, route)
        elif isinstance(entry, URLPattern):
            yield route


def fill(route: str, ids: dict[str, str]) -> str:
    route = re.sub(r"\(\?P<(\w+)>[^)]*\)", lambda hit: f"<{hit[1]}>", route)
    route = route.replace("^", "").replace("$", "").replace("\\Z", "")
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda hit: ids[hit[1]], route)


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def browsers(world) -> dict[str, Client]:
    """Return a browser for each person, signed in, and one for the public."""
    found = {"public": Client()}
    for name, person in world.people.items():
        found[name] = Client()
        found[name].force_login(people_store.PersonRow.objects.get(id=person.id).login)
    return found


@pytest.mark.slow
def test_no_address_breaks_for_anybody(world, browsers):
    ids = {**OTHER_PARTS, **world.ids}
    broken = [
        (method, route, name, answer.status_code)
        for route in addresses()
        for name, browser in browsers.items()
        for method in ("GET", "POST")
        if "logout" not in route
        and (answer := ask(browser, method, fill(route, ids))).status_code >= 500
    ]
    assert broken == []


def ask(browser, method, address):
    answer = browser.generic(method, address)
    if answer.streaming:
        answer.close()  # nobody reads the file
    return answer


def test_what_belongs_to_others_has_no_address_for_a_foreign_tenant(world, browsers):
    ids = {**OTHER_PARTS, **world.ids}
    shown = []
    for route in addresses():
        if not any(f"{part}>" in route for part in TENANT_PARTS):
            continue
        foreign, address = browsers["foreign"], fill(route, ids)
        for method, answer in (
            ("GET", foreign.get(address)),
            ("POST", foreign.post(address, ANSWERS)),
        ):
            status = answer.status_code
            # 403 is for pages of the office, 405 for an address that takes the other method.
            if status not in (403, 404, 405):
                shown.append((method, route, status))
    assert shown == []


def test_the_public_is_asked_to_sign_in_before_anything_of_a_tenant(world, browsers):
    ids = {**OTHER_PARTS, **world.ids}
    shown = []
    for route in addresses():
        if any(f"{part}>" in route for part in TENANT_PARTS):
            answer = browsers["public"].get(fill(route, ids))
            asked = answer.status_code == 302 and "/account/login/" in answer["Location"]
            if not asked and answer.status_code not in (404, 405):
                shown.append((route, answer.status_code))
    assert shown == []


def test_pages_of_the_office_and_of_proof_are_for_their_roles(browsers):
    seen = {
        route: {name for name, browser in browsers.items() if browser.get(route).status_code == 200}
        for route in ("/programme", "/audit")
    }
    office = {Role.PROGRAMME_OFFICER.value}
    assert office <= seen["/programme"]
    assert seen["/programme"].isdisjoint({"public", "applicant", "foreign", "reviewer"})
    assert seen["/audit"] == {Role.AUDITOR.value}
