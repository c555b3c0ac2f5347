"""What staff see and do not touch, what guests of a project may, and what nobody can trip over."""

from dataclasses import replace

import pytest
from django.test import Client

from allmende import wiring
from allmende.domain.access.applications import ApplicationState
from allmende.domain.basics.people import Role
from allmende.domain.basics.refusals import NotFound
from allmende.services import applications, people, projects
from tests.services.running import a_running_factory

pytestmark = pytest.mark.django_db


@pytest.fixture
def factory(tmp_path, db):
    with a_running_factory(tmp_path) as running:
        yield running


def test_an_auditor_who_also_applies_spends_no_foreign_hours(factory):
    everything = frozenset({Role.APPLICANT, Role.AUDITOR, Role.OPERATOR, Role.PROGRAMME_OFFICER})
    double = factory.person("auditor").__class__(id="double", name="Double", roles=everything)
    factory.story.persons["double"] = double
    factory.story.projects["double"] = factory.story.projects["founder"]
    with pytest.raises(NotFound):
        factory.submit("double", run="true")
    for deed in (projects.add_member, projects.remove_member):
        with pytest.raises(NotFound):
            deed(factory.act("double"), factory.story.projects["founder"], person_id="double")


def test_staff_open_a_job_page_and_its_own_people_may_run_it_again(factory, client: Client):
    (job,) = factory.submit("founder", run="true")
    factory.run_to_end(job.id)
    for who, is_own in (("operator", False), ("auditor", False), ("founder", True)):
        client.login(username=f"{who}@demo.example", password="allmende-demo")
        answer = client.get(f"/jobs/{job.id}")
        assert answer.status_code == 200
        assert answer.context["can_repeat"] is is_own
        assert answer.context["sees_log"] is is_own


def test_a_guest_of_a_project_opens_its_pages(factory, client: Client):
    project_id = factory.story.projects["founder"]
    guest = factory.person("startup")
    projects.add_member(factory.act("founder"), project_id, person_id=guest.id)
    client.login(username="startup@demo.example", password="allmende-demo")
    for path in (f"/projects/{project_id}", f"/projects/{project_id}/jobs/new"):
        assert client.get(path).status_code == 200


def test_a_session_is_offered_where_there_is_a_blueprint_for_one(factory, client, monkeypatch):
    client.login(username="founder@demo.example", password="allmende-demo")
    address = f"/projects/{factory.story.projects['founder']}"
    offered = "jobs/new?blueprint=notebook"
    assert offered in client.get(address).content.decode()
    known = {key: each for key, each in wiring.workshop().blueprints.items() if key != "notebook"}
    other = replace(wiring.workshop(), blueprints=known)
    monkeypatch.setattr("allmende.web.pages.projects.workshop", lambda: other)
    assert offered not in client.get(address).content.decode()


def test_nobody_in_the_office_reads_a_draft(factory):
    draft = applications.start_application(
        factory.act("founder"),
        call_id="werkbank-playground-2026",
        organisation_id=factory.story.organisations["founder"].id,
    )
    officer = factory.person("officer")
    with pytest.raises(NotFound):
        applications.get_application(officer, draft.id)
    assert applications.list_applications(officer, states=[ApplicationState.DRAFT]) == []
    assert applications.get_application(factory.person("founder"), draft.id).id == draft.id


def test_nobody_makes_a_decider_their_colleague(factory):
    with pytest.raises(NotFound):
        people.add_member(
            factory.act("founder"),
            person_id=factory.person("officer").id,
            organisation_id=factory.story.organisations["founder"].id,
        )


@pytest.mark.parametrize("back", ["x", "//evil.example", "https://evil.example", "javascript:1"])
def test_a_strange_way_back_leads_to_the_front(client: Client, back: str):
    for path in ("/language/de", "/theme/dark"):
        answer = client.get(path, {"next": back})
        assert (answer.status_code, answer["Location"]) == (302, "/")


def test_a_login_that_belongs_to_nobody_is_told_so_and_not_sent_in_circles(
    client: Client, django_user_model
):
    wiring.start()
    client.force_login(django_user_model.objects.create_user("orphan"))
    assert client.get("/home").status_code == 403
