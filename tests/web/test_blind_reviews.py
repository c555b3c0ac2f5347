"""Nothing that anybody can open shows a blind score, or a file to somebody with a conflict."""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import pytest
from django.test import Client

from allmende.domain.access.expert_reviews import Opinion
from allmende.domain.basics.people import DAEMON
from allmende.domain.trust.tokens import Scope
from allmende.services import applications, evidence, expert_reviews
from allmende.storage import people as people_store
from allmende.web.api import api
from allmende.wiring import deed_of, workshop
from allmende.wiring.access_rules import load_access_rules
from tests.web.api.conftest import a_token
from tests.web.rounds import CALL, answers, build_stage
from tests.web.test_address_matrix import OTHER_PARTS, addresses, fill

pytestmark = pytest.mark.django_db

SECRET = "Zwielicht"  # stands in every blind text and nowhere else
SUMMARY = "Daten aus zehn Jahren"  # stands in every application of the round


@pytest.fixture
def stage():
    """Return everybody and the round; the first expert has written in the dark."""
    world, applicant, experts, found = build_stage()
    said = [
        Opinion(criterion_id=each, score=4, text=SECRET)
        for each in ("excellence", "impact", "implementation")
    ]
    expert_reviews.submit_review(deed_of(experts[0]), found.writing_id, opinions=said)
    expert_reviews.answer_invitation(deed_of(experts[0]), found.invited_id, accepts=True)
    expert_reviews.save_draft(deed_of(experts[0]), found.invited_id, opinions=said)
    everybody = {**world.people, "applicant": applicant, "second": experts[1], "third": experts[2]}
    return everybody, experts[0], found, world


@cache
def operations() -> Mapping[str, Mapping[str, object]]:
    return api.get_openapi_schema()["paths"]


def read_everything(person, ids, *, about=""):
    """Yield every page and every answer of the API that a person can open about these ids.

    With `about`, only those whose address names such an id.
    """
    browser = Client()
    browser.force_login(people_store.PersonRow.objects.get(id=person.id).login)
    for route in addresses():
        if "logout" not in route and about in route:
            yield route, read(browser.get(fill(route, ids)))
    headers = {"Authorization": f"Bearer {a_token(person, Scope.READ)}"}
    instant = re.sub(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)", r"\1-\2-\3T\4:\5:", ids["cut_off"])
    for path, methods in operations().items():
        if "get" in methods and about in path:
            address = re.sub(r"{(\w+)}", lambda hit: ids[hit[1]], path)
            answer = Client().get(address, {"cut_off_at": instant}, headers=headers)
            yield path, read(answer)


def read(answer) -> str:
    """Return all of an answer as a text, also of one that comes in pieces."""
    content = answer.getvalue()
    answer.close()
    return content.decode(errors="replace")


def ids_of(world, found, application_id):
    return {
        **OTHER_PARTS,
        "site_id": "werkstatt",
        "role": "reviewer",
        "usage_number": "1",
        **world.ids,
        "application_id": application_id,
        "call_id": CALL,
        "cut_off": found.cut_off,
    }


@pytest.mark.slow
def test_nobody_but_its_writer_reads_a_blind_review(stage):
    everybody, writer, found, world = stage
    # The pages that name no application are the same for both.
    for application_id, about in ((found.writing_id, ""), (found.invited_id, "application_id")):
        ids = ids_of(world, found, application_id)
        shown = [
            (name, route)
            for name, person in everybody.items()
            for route, text in read_everything(person, ids, about=about)
            if SECRET in text
        ]
        assert shown == []
        assert any(SECRET in text for _, text in read_everything(writer, ids))
    export = evidence.export_evidence(
        replace(deed_of(DAEMON)), factory=workshop().factory, rules=load_access_rules()
    )
    assert SECRET not in str(export)


def test_who_has_a_conflict_opens_the_file_by_no_route(stage):
    _, writer, found, world = stage
    ids = ids_of(world, found, found.writing_id)
    routes = [route for route, text in read_everything(writer, ids) if SUMMARY in text]
    assert sorted(routes) == [
        "/api/v1/reviews/{application_id}/file",
        "reviews/<str:application_id>",
    ]
    expert_reviews.declare_conflict(deed_of(writer), found.writing_id)
    assert [route for route, text in read_everything(writer, ids) if SUMMARY in text] == []


def test_whom_the_applicant_excludes_is_asked_only_where_experts_review(stage):
    everybody, _, found, world = stage
    applicant = everybody["applicant"]
    browser = Client()
    browser.force_login(people_store.PersonRow.objects.get(id=applicant.id).login)
    draft = world.ids["application_id"]  # of a call without peer review
    assert b"excluded_reviewers" not in browser.get(f"/applications/{draft}/parts/people").content
    assert "excluded_reviewers" not in answers("x", applicant)
    assert applications.get_application(applicant, found.writing_id).form.excluded_reviewers == ""
