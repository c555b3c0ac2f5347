"""A job file before it is submitted: its schema, its mistakes, and what it would mean."""

import json
from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Body, Router, Schema

from allmende import wiring
from allmende.domain.basics.units import TimeUnit
from allmende.domain.footprint.energy import EnergyMethod
from allmende.domain.scheduling.brokering import Verdict
from allmende.domain.training.job_file_schema import job_file_schema
from allmende.domain.trust.permissions import Permission
from allmende.services import check_sheets, job_checks, previews
from allmende.services.job_files import read_job_file
from allmende.services.previews import Option
from allmende.web.api.jobs import ForecastOut, VerdictOut
from allmende.web.api.permits import get_actor, takes
from allmende.web.api.shapes import QueryId, Words

router = Router(tags=["jobs"])
SCHEMA_IS_FRESH_FOR_SECONDS = 24 * 3600


class OptionOut(Schema):
    """What one may ask for, and when it would start; elsewhere it takes an award there first."""

    nodes: int
    max_duration_seconds: int
    partition: str
    needs_award: bool
    forecast: ForecastOut


class MistakeOut(Schema):
    """One mistake: the key where it is, empty for the file as a whole, and what to do about it."""

    key: str
    sentence: Words


class CheckOut(Schema):
    """What submitting a job file would take and mean; all of it is null where there are mistakes.

    `held_seconds` are held at once, `most_seconds` are used at most. `told` has a sentence a topic.
    """

    ok: bool
    problems: list[MistakeOut]
    jobs: int | None
    nodes: int | None
    unit: TimeUnit | None
    charge_factor: int | None
    held_seconds: int | None
    most_seconds: int | None
    available_seconds: int | None
    left_seconds: int | None
    energy_joules: int | None
    energy_method: EnergyMethod | None
    price_cents_per_hour: int | None
    cost_cents: int | None
    partition: str | None
    earliest_at: datetime | None
    median_at: datetime | None
    latest_at: datetime | None
    chosen_at: datetime | None
    data: list[str] | None
    has_environment: bool | None
    told: dict[str, Words] | None
    sooner: list[Words] | None
    warnings: list[Words] | None


@router.get("/job-file.schema.json", response=dict[str, Any], **takes(Permission.SEE_FACTORY))
def get_schema(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - the shape of a view
    """Return the JSON schema of the job file, for editors; anybody may keep it for a day."""
    text = json.dumps(job_file_schema(), ensure_ascii=False, indent=2)
    answer = HttpResponse(text, content_type="application/schema+json")
    answer["Cache-Control"] = f"public, max-age={SCHEMA_IS_FRESH_FOR_SECONDS}"
    return answer


@router.post("/jobs/check", response=CheckOut, **takes(Permission.SUBMIT_JOB))
def check_job(
    request: HttpRequest,
    project_id: QueryId,
    job_file: Annotated[dict[str, Any], Body(description="A job file, as JSON.")],
) -> dict[str, Any]:
    """Say what submitting a job file would take and mean, or every mistake in it.

    Nothing is submitted.
    """
    workshop = wiring.workshop()
    found = job_checks.check_job(
        get_actor(request), job_file, project_id=project_id, now=wiring.now(), workshop=workshop
    )
    return check_sheets.as_facts(found, workshop)


@router.post("/jobs/forecast", response=list[OptionOut], **takes(Permission.SUBMIT_JOB))
def forecast_submission(
    request: HttpRequest,
    project_id: QueryId,
    job_file: Annotated[dict[str, Any], Body(description="A job file, as JSON.")],
) -> list[Option]:
    """Say when a job file would start, without submitting it, and what would start sooner."""
    workshop = wiring.workshop()
    return previews.forecast_submission(
        get_actor(request),
        read_job_file(job_file, project_id=project_id, workshop=workshop),
        project_id=project_id,
        now=wiring.now(),
        workshop=workshop,
    )


@router.post("/jobs/where", response=list[VerdictOut], **takes(Permission.SUBMIT_JOB))
def choose_partition(
    request: HttpRequest,
    project_id: QueryId,
    job_file: Annotated[dict[str, Any], Body(description="A job file, as JSON.")],
) -> list[Verdict]:
    """Say where a job file would run, without submitting it, and why not elsewhere.

    The list is empty where the project has time on one partition only.
    """
    workshop = wiring.workshop()
    choice = previews.choose_partition(
        get_actor(request),
        read_job_file(job_file, project_id=project_id, workshop=workshop),
        project_id=project_id,
        now=wiring.now(),
        workshop=workshop,
    )
    return list(choice.verdicts) if choice else []
