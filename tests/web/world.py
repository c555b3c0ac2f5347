"""A small factory with two tenants and a person of each role, built through the services."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from allmende import wiring
from allmende.domain.access.organisations import OrganisationKind
from allmende.domain.basics.people import DAEMON, Person, Role
from allmende.domain.training.job_files import parse_job_file
from allmende.domain.training.models import Model
from allmende.domain.training.records import build_record
from allmende.services import (
    applications,
    awards,
    calls,
    jobs,
    organisations,
    people,
    reviews,
)
from allmende.services.people import NewPerson
from allmende.storage import trained_models
from allmende.wiring import deed_of
from allmende.wiring.access_rules import load_access_rules
from tests.domain.training.recipes import THRESHOLDS, a_training

ROOT = Person(id="p-root", name="Root", roles=frozenset({Role.ADMINISTRATOR}))
CALL_ID = "werkbank-science-2026"
ANSWERS: dict[str, Any] = {
    "title": "Early signs",
    "summary": "We train a small classifier on published data and publish the weights with it.",
    "purpose": "research",
    "is_civilian": True,
    "principal_investigator": "Mina",
    "principal_investigator_email": "mina@example.org",
    "contract_months_after_end": 12,
    "experience": "familiar",
    "requested_hours": "2",
    "unit": "node_seconds",
    "duration_months": 6,
    "data_class": "public",
    "data_description": "The Wisconsin data set.",
    "has_personal_data": False,
    "training_flop": 1000,
    "is_prohibited_practice": False,
    "aid_received_cents": 0,
    "declares_correct": True,
    "accepts_terms": True,
}
JOB_FILE = {"name": "hello", "run": "echo hello", "max_duration": "30s"}


@dataclass(frozen=True, kw_only=True)
class World:
    """Who is there, and the ids of what the first tenant owns."""

    people: dict[str, Person]
    ids: dict[str, str]


def register(name: str, *roles: Role, password: str | None = None) -> Person:
    """Register a person and return them as the services know them."""
    new = NewPerson(name=name, email=f"{name}@example.org", password=password)
    return people.register_person(deed_of(ROOT), new=new, roles=frozenset(roles))


def build_world() -> World:
    """Build two tenants; the first has an application of each kind, a project, a job, a model."""
    mina, olga = register("mina", Role.APPLICANT), register("olga", Role.APPLICANT)
    staff = {role.value: register(role.value, role) for role in STAFF}
    found = {"kind": OrganisationKind.UNIVERSITY, "country": "DE"}
    ours = organisations.register_organisation(deed_of(mina), name="Uni A", **found)
    organisations.register_organisation(deed_of(olga), name="Uni B", **found)
    mina, olga = people.get_person(mina.id), people.get_person(olga.id)
    rules = load_access_rules()
    calls.open_call(deed_of(DAEMON), CALL_ID, rules=rules)
    draft = applications.start_application(deed_of(mina), call_id=CALL_ID, organisation_id=ours.id)
    awarded = _award(mina, ours.id, staff)
    (job,) = jobs.submit_job(
        deed_of(mina),
        parse_job_file(JOB_FILE),
        project_id=awarded.project_id,
        client_key="first",
        workshop=wiring.workshop(),
    )
    model = save_model(job.id, project_id=awarded.project_id, organisation_id=ours.id)
    ids = {
        "organisation_id": ours.id,
        "application_id": draft.id,
        "award_id": awarded.id,
        "project_id": awarded.project_id,
        "job_id": job.id,
        "model_id": model.id,
        "person_id": mina.id,
        "call_id": CALL_ID,
    }
    return World(people={"applicant": mina, "foreign": olga, **staff}, ids=ids)


STAFF = (Role.REVIEWER, Role.OPERATOR, Role.PROGRAMME_OFFICER, Role.AUDITOR, Role.ADMINISTRATOR)


def _award(mina: Person, organisation_id: str, staff: dict[str, Person]) -> Any:
    rules = load_access_rules()
    application = applications.start_application(
        deed_of(mina), call_id=CALL_ID, organisation_id=organisation_id
    )
    applications.edit_application(deed_of(mina), application.id, changes=ANSWERS)
    applications.submit_application(deed_of(mina), application.id, rules=rules)
    reviews.record_technical_assessment(
        deed_of(staff["operator"]), application.id, is_feasible=True
    )
    officer = deed_of(staff["programme_officer"])
    return awards.award_application(officer, application.id, rules=rules)


def save_model(job_id: str, *, project_id: str, organisation_id: str) -> Model:
    """Register a model as if a job had left it."""
    record = build_record(a_training(), THRESHOLDS)
    model = Model(
        id="m-1",
        job_id=job_id,
        project_id=project_id,
        organisation_id=organisation_id,
        name="hello",
        family="hello",
        version=1,
        licence="",
        created_at=wiring.now() - timedelta(minutes=1),
        files=(),
        card="# hello",
        record=record,
    )
    trained_models.add_model(model)
    return model
