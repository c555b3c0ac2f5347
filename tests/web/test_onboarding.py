"""The steps before the start, on the page of the project."""

import pytest
from django.test import Client

from allmende.domain.access.projects import ProjectState
from allmende.domain.basics.people import Role
from allmende.services import projects
from allmende.storage import people as people_store
from tests.services.access import founder, officer, person
from tests.services.test_onboarding import waiting

pytestmark = pytest.mark.django_db


def browser_of(who) -> Client:
    people_store.create_login(who.id, email=who.email, password=None)
    browser = Client()
    browser.force_login(people_store.PersonRow.objects.get(id=who.id).login)
    return browser


def test_organisation_and_office_tick_theirs_and_the_project_starts():
    ada, project_id = waiting()
    page = f"/projects/{project_id}"
    mine, office = browser_of(ada), browser_of(officer())
    auditor, eve = browser_of(person("auditor", Role.AUDITOR)), browser_of(founder("eve")[0])
    shown = mine.get(page).content.decode()
    assert f"{page}/onboarding/terms/done" in shown
    assert f"{page}/onboarding/identity/done" not in shown
    assert f"{page}/activate" not in shown
    assert "onboarding/" not in auditor.get(page).content.decode()
    assert mine.get(f"{page}/onboarding/terms/done").status_code == 405
    assert auditor.post(f"{page}/onboarding/identity/done").status_code == 403
    assert eve.post(f"{page}/onboarding/terms/done").status_code == 404
    assert mine.post(f"{page}/onboarding/identity/done").status_code == 403
    refused = mine.post(f"{page}/activate", headers={"accept-language": "de"})
    assert refused.status_code == 409
    assert "Das Programmbüro hat geprüft, wer die Mitglieder sind." in refused.content.decode()
    for step in ("terms", "members"):
        assert mine.post(f"{page}/onboarding/{step}/done").status_code == 302
    assert f"{page}/onboarding/identity/done" in office.get(page).content.decode()
    assert office.post(f"{page}/onboarding/identity/done").status_code == 302
    assert f"{page}/activate" in mine.get(page).content.decode()
    assert mine.post(f"{page}/activate").status_code == 302
    assert projects.get_project(ada, project_id).state is ProjectState.ACTIVE
    assert "Before the start" not in mine.get(page).content.decode()


def test_the_api_and_the_page_say_the_same():
    ada, project_id = waiting()
    mine = browser_of(ada)
    found = mine.get(f"/api/v1/projects/{project_id}/onboarding").json()
    assert [step["id"] for step in found["steps"] if step["is_done"]] == ["condition", "sign-in"]
    assert (found["is_done"], found["steps"][4]["done_by"]) == (False, "office")
    refused = mine.post(f"/api/v1/projects/{project_id}/activate")
    assert refused.status_code == 409
    assert "All members know the terms of use, Everybody" in refused.content.decode()
