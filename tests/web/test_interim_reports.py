"""A running project reports on its page, and the office accepts it there."""

import pytest
from django.test import Client

from allmende.domain.access.reports import ReportKind
from allmende.domain.basics.people import Role
from allmende.services import audit
from allmende.storage import people as people_store
from allmende.storage import reports as store
from tests.web.world import build_world

pytestmark = pytest.mark.django_db


def browser_of(person) -> Client:
    browser = Client()
    browser.force_login(people_store.PersonRow.objects.get(id=person.id).login)
    return browser


@pytest.fixture
def stage():
    """Return the id of a running project, and browsers of the project and of the office."""
    world = build_world()
    people = world.people
    return (
        world.ids["project_id"],
        browser_of(people["applicant"]),
        browser_of(people["programme_officer"]),
    )


def test_written_handed_in_accepted_and_followed_by_the_next(stage):
    project_id, founder, office = stage
    page = f"/projects/{project_id}/report?kind=interim"
    decide = f"/projects/{project_id}/report/accept?kind=interim"
    assert page.encode() in founder.get(f"/projects/{project_id}").content
    assert founder.post(page, {"results": "", "do": "hand_in"}).status_code == 422
    texts = {"results": "<i>It learns.</i>", "do": "hand_in"}
    assert founder.post(page, texts).headers["Location"] == page
    assert b"&lt;i&gt;It learns." in office.get(page).content
    assert b"<textarea" not in founder.get(page).content
    assert founder.post(decide).status_code == 403
    assert office.post(decide).headers["Location"] == page
    assert b"next=1" in founder.get(page).content
    assert b"next=1" not in office.get(page).content
    assert founder.post(page, {"results": "It learns more.", "do": "save"}).status_code == 302
    numbers = [each.number for each in store.list_interim_reports(project_id)]
    assert numbers == [2, 1]
    assert store.get_report(project_id).results == ""


def test_the_next_form_is_empty_until_it_is_saved(stage):
    project_id, founder, office = stage
    page = f"/projects/{project_id}/report?kind=interim"
    founder.post(page, {"results": "It learns.", "do": "hand_in"})
    assert b"<textarea" not in founder.get(f"{page}&next=1").content
    office.post(f"/projects/{project_id}/report/accept?kind=interim")
    form = founder.get(f"{page}&next=1").content
    assert b"<textarea" in form
    assert b"It learns." not in form.split(b"<form", 1)[1].split(b"</form>")[0]
    assert b"<textarea" not in office.get(f"{page}&next=1").content


def test_its_sheet_says_interim_and_another_kind_is_not_found(stage):
    project_id, founder, _ = stage
    address = f"/projects/{project_id}/report"
    sheet = founder.get(f"{address}/en.pdf?kind=interim")
    assert sheet.content.startswith(b"%PDF")
    assert founder.get(f"{address}?kind=last").status_code == 404
    assert store.get_report(project_id, ReportKind.INTERIM).number == 1


def test_the_audit_trail_says_which_report_it_was(stage):
    project_id, founder, _ = stage
    founder.post(f"/projects/{project_id}/report?kind=interim", {"results": "x", "do": "save"})
    auditor = people_store.list_by_role(Role.AUDITOR)[0]
    events = audit.list_events(auditor, subject=project_id, limit=100)
    assert events[-1].facts["kind"] == "interim"
