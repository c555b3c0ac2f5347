"""Jobs: submit, follow, stop."""

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Body, Query, Router, Schema, Status

from allmende import wiring
from allmende.domain.scheduling.backends import EndReason
from allmende.domain.scheduling.jobs import Job, JobEvent, JobState, StopRequest
from allmende.domain.trust.permissions import Permission
from allmende.services import brokering, forecasts, jobs, runs, submissions, sweeps
from allmende.services.job_files import read_job_file
from allmende.services.runs import Curve, LogPart, Progress
from allmende.services.sweeps import SweepRow
from allmende.web.api.permits import begin_deed, get_actor, takes
from allmende.web.api.shapes import After, ClientKey, Limit, Page, PathId, QueryId, Words, page_of
from allmende.web.api.sites import HitRateOut

router = Router(tags=["jobs"])


class RequestOut(Schema):
    """What a job asks for."""

    nodes: int
    time_limit_seconds: int
    memory_bytes_per_node: int
    preemptible: bool
    grace_seconds: int


class JobOut(Schema):
    """A job; `wait` says why it waits, `end` why it ended.

    What a completed one left is read after its end; from `outputs_read_at` on its model is there.
    """

    id: str
    name: str
    project_id: str
    person_id: str
    partition_id: str
    group_id: str
    data_class: str
    request: RequestOut
    state: JobState
    submitted_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    outputs_read_at: datetime | None
    attempts: int
    wait: Words | None
    end: Words | None
    stop_request: StopRequest
    held_seconds: int
    sweep_id: str
    sweep_index: int
    max_parallel: int
    after: list[str]
    after_ok: list[str]
    chosen_start_at: datetime | None
    latest_start_at: datetime | None
    retry_at: datetime | None
    client_key: str


class AttemptOut(Schema):
    """One try to run a job, and what it took."""

    key: str
    number: int
    nodes: list[str]
    decided_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    settled_at: datetime | None
    reason: EndReason | None
    exit_code: int | None
    sentence: Words | None
    cpu_seconds: float
    max_memory_bytes: int
    used_seconds: int
    refunded_seconds: int
    energy_joules: int
    energy_method: str
    energy_scope: str


class JobViewOut(Schema):
    """A job with its file and its attempts."""

    job: JobOut
    spec: dict[str, Any]
    attempts: list[AttemptOut]


class JobEventOut(Schema):
    """Something that happened to a job."""

    at: datetime
    sentence: Words


class EstimateOut(Schema):
    """When a cluster would start a job, and by which method that was found."""

    at: datetime
    sentence: Words


class ForecastOut(Schema):
    """When a waiting job starts, four times in five; null is beyond 90 days.

    With `chosen_at` it waits by its own choice until then, and has no range yet. With `estimate` a
    cluster said so, which names one instant.
    """

    made_at: datetime
    earliest_at: datetime | None
    median_at: datetime | None
    latest_at: datetime | None
    hit_rate: HitRateOut
    chosen_at: datetime | None
    estimate: EstimateOut | None


class VerdictOut(Schema):
    """What became of one partition: whether the job fits there, and why it was taken or not.

    `starts_at` is predicted, and null where nobody could say; `start_note` tells how a cluster
    estimated it, or why it is not known.
    """

    partition_id: str
    name: str
    fits: bool
    sentence: Words
    starts_at: datetime | None
    green_percent: int
    bytes_to_move: int
    start_note: Words | None


class ChoiceOut(Schema):
    """Why a job is on its partition: the first verdict is that of the one that was taken."""

    number: int
    made_at: datetime
    verdicts: list[VerdictOut]


class WhyOut(Schema):
    """Why a job is where it is, in a sentence; and when it starts, while it waits for nodes."""

    state: JobState
    sentence: Words | None
    forecast: ForecastOut | None


class TimeLeftOut(Schema):
    """How long a run still takes, from the fastest and the slowest of its recent paces."""

    least_seconds: int
    most_seconds: int


class ProgressOut(Schema):
    """How far a job is, as it last said; a total of 0 means that it did not say.

    `time_left` is null while too little was seen; `is_thinned` says that it reports more than is
    read.
    """

    step: int
    total: int
    percent: int
    metrics: dict[str, float]
    seconds_left: int | None
    time_left: TimeLeftOut | None
    is_thinned: bool


class CurveOut(Schema):
    """One metric over the steps: pairs of step and value."""

    name: str
    points: list[tuple[int, float]]


class SweepRowOut(Schema):
    """A job of a sweep beside the others: the parameters in which they differ, how far it is."""

    job: JobOut
    values: dict[str, Any]
    progress: ProgressOut


class LogPartOut(Schema):
    """A piece of output; ask again from `next_offset` until it is whole."""

    text: str
    next_offset: int
    is_whole: bool


@router.post("", response={201: list[JobOut]}, **takes(Permission.SUBMIT_JOB))
def submit_job(
    request: HttpRequest,
    client_key: ClientKey,
    project_id: QueryId,
    job_file: Annotated[dict[str, Any], Body(description="A job file, as JSON.")],
) -> Status[list[Job]]:
    """Submit a job file to a project; a sweep or an array becomes several jobs.

    Sending it again with the same key submits nothing more and returns the same jobs.
    """
    workshop = wiring.workshop()
    submitted = submissions.submit_job(
        begin_deed(request),
        read_job_file(job_file, project_id=project_id, workshop=workshop),
        project_id=project_id,
        client_key=client_key,
        workshop=workshop,
    )
    return Status(201, submitted)


@router.get("", response=Page[JobOut], **takes(Permission.SEE_JOB))
def list_jobs(
    request: HttpRequest,
    project_id: QueryId | None = None,
    sweep_id: QueryId | None = None,
    after: After = "",
    limit: Limit = 50,
) -> dict[str, Any]:
    """List the jobs that you may see, the newest first."""
    found = jobs.list_jobs(
        get_actor(request),
        project_id=project_id or "",
        sweep_id=sweep_id or "",
        after=after,
        limit=limit,
    )
    return page_of(found, limit=limit, key=lambda job: job.id)


@router.get("/{job_id}", response=JobViewOut, **takes(Permission.SEE_JOB))
def get_job(request: HttpRequest, job_id: PathId) -> dict[str, Any]:
    """Return a job with its attempts."""
    view = jobs.get_job(get_actor(request), job_id)
    return {"job": view.job, "spec": view.job.spec, "attempts": view.attempts}


@router.get("/{job_id}/why", response=WhyOut, **takes(Permission.SEE_JOB))
def explain_job(request: HttpRequest, job_id: PathId) -> dict[str, Any]:
    """Say why a job waits, or why it ended."""
    reader = get_actor(request)
    job = jobs.get_job(reader, job_id).job
    forecast = forecasts.forecast_job(reader, job_id, now=wiring.now(), workshop=wiring.workshop())
    return {"state": job.state, "sentence": job.wait or job.end, "forecast": forecast}


@router.get("/{job_id}/choices", response=list[ChoiceOut], **takes(Permission.SEE_JOB))
def list_choices(request: HttpRequest, job_id: PathId) -> list[dict[str, Any]]:
    """List why a job went to its partition, and why it moved; the first choice first.

    Empty where its project had time on one partition only.
    """
    return [
        {"number": each.number, "made_at": each.made_at, "verdicts": each.choice.verdicts}
        for each in brokering.list_choices(get_actor(request), job_id)
    ]


@router.get("/{job_id}/events", response=list[JobEventOut], **takes(Permission.SEE_JOB))
def list_job_events(request: HttpRequest, job_id: PathId) -> list[JobEvent]:
    """List what happened to a job, as sentences."""
    return jobs.list_job_events(get_actor(request), job_id)


@router.get("/{job_id}/progress", response=ProgressOut, **takes(Permission.SEE_JOB))
def get_progress(request: HttpRequest, job_id: PathId) -> Progress:
    """Return how far a job is."""
    return runs.get_progress(get_actor(request), job_id, backend_of=wiring.workshop().backend_of)


@router.get("/{job_id}/curves", response=list[CurveOut], **takes(Permission.SEE_JOB))
def list_curves(request: HttpRequest, job_id: PathId) -> list[Curve]:
    """Return every metric of a job over its steps."""
    return runs.list_curves(get_actor(request), job_id, backend_of=wiring.workshop().backend_of)


@router.get("/{job_id}/log", response=LogPartOut, **takes(Permission.SEE_JOB))
def read_job_log(
    request: HttpRequest,
    job_id: PathId,
    attempt: Annotated[int, Query(ge=0, le=10_000, description="0: the newest.")] = 0,
    offset: Annotated[int, Query(ge=0, le=2**40)] = 0,
) -> LogPart:
    """Return a piece of an attempt's output."""
    return runs.read_job_log(
        get_actor(request),
        job_id,
        attempt=attempt,
        offset=offset,
        backend_of=wiring.workshop().backend_of,
    )


@router.post("/{job_id}/cancel", response=JobOut, **takes(Permission.CANCEL_JOB))
def cancel_job(request: HttpRequest, job_id: PathId) -> Job:
    """Cancel a job; safe to repeat."""
    return jobs.cancel_job(begin_deed(request), job_id)


@router.get("/sweeps/{sweep_id}", response=list[SweepRowOut], **takes(Permission.SEE_JOB))
def compare_jobs(request: HttpRequest, sweep_id: PathId) -> list[SweepRow]:
    """Return the jobs of a sweep or an array side by side: what each tries, and what came of it."""
    backend_of = wiring.workshop().backend_of
    return sweeps.compare_jobs(get_actor(request), sweep_id, backend_of=backend_of)


@router.post("/sweeps/{sweep_id}/cancel", response=list[JobOut], **takes(Permission.CANCEL_JOB))
def cancel_sweep(request: HttpRequest, sweep_id: PathId) -> list[Job]:
    """Cancel all jobs of a sweep or an array that have not ended; safe to repeat."""
    return sweeps.cancel_sweep(begin_deed(request), sweep_id)


@router.post("/{job_id}/stop", response=JobOut, **takes(Permission.STOP_JOB))
def stop_job(request: HttpRequest, job_id: PathId) -> Job:
    """Stop a job after it has saved a checkpoint; safe to repeat."""
    return jobs.stop_job(begin_deed(request), job_id)


@router.post("/{job_id}/again", response={201: JobOut}, **takes(Permission.RUN_JOB_AGAIN))
def run_job_again(request: HttpRequest, job_id: PathId, client_key: ClientKey) -> Status[Job]:
    """Submit the same job file once more, as a job of its own."""
    deed = begin_deed(request)
    return Status(
        201,
        submissions.run_job_again(deed, job_id, client_key=client_key, workshop=wiring.workshop()),
    )
