"""Submitting, stopping, repeating and reading jobs."""

from dataclasses import dataclass, replace
from datetime import datetime
from itertools import product
from typing import Any

from allmende.domain.access.projects import Project
from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import NotFound, Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition
from allmende.domain.basics.units import TimeUnit, hours_from_seconds
from allmende.domain.scheduling import eligibility, jobs
from allmende.domain.scheduling.jobs import (
    Attempt,
    Job,
    JobEvent,
    JobState,
    ResourceRequest,
    StopRequest,
)
from allmende.domain.training.data_sets import pin_data
from allmende.domain.training.job_specs import JobSpec
from allmende.domain.training.sweeps import expand_sweep
from allmende.domain.trust.permissions import Permission, can_do, check_permission
from allmende.domain.trust.residency import check_residency, parse_data_class
from allmende.services import (
    allocations,
    audit,
    better_hours,
    client_keys,
    cluster_accounts,
    code_archives,
    data_sets,
    dependencies,
    job_limits,
    launches,
    model_marks,
    models,
    project_secrets,
    projects,
    quotas,
    reservations,
)
from allmende.services.deeds import Deed, one_transaction
from allmende.services.snapshots import most_seconds
from allmende.services.workshop import Workshop
from allmende.storage import jobs as job_store
from allmende.storage import projects as project_store


class PartitionTakesNoJobs(Refusal):
    """Jobs cannot be sent to {partition} from here. Jobs run on: {others}."""

    status = 422


class JobHasEnded(Refusal):
    """Job {job} has already ended ({state}). Run it again instead."""


@dataclass(frozen=True, kw_only=True)
class JobView:
    """A job with its attempts, for people."""

    job: Job
    attempts: tuple[Attempt, ...]


@one_transaction
def submit_job(
    deed: Deed,
    spec: JobSpec,
    *,
    project_id: str,
    client_key: str,
    workshop: Workshop,
    partition_id: str = "",
    access_share: str = "",
    note: Sentence | None = None,
) -> list[Job]:
    """Check the job file, hold its hours, and put it in the queue; a sweep becomes several jobs.

    The client makes the key: submitting twice with one key is submitting once. It goes to the
    partition of the project, or to another one that `submissions` has chosen, with a `note`.
    """
    check_permission(deed.actor, Permission.SUBMIT_JOB)
    client_keys.check_key(client_key)
    spec = pin_data(spec, workshop.data_sets)
    # Locked, so that two submissions with one key follow each other.
    project = projects.check_own(deed.actor, project_store.lock_project(project_id))
    known = client_keys.find_submitted(spec, project_id, client_key)
    if known:
        return known
    projects.check_can_run(project, now=deed.now)
    partition = check_partition(project, workshop, partition_id)
    cluster_accounts.get_user_name(workshop.factory.get_site(partition.site_id), deed.actor.id)
    quotas.check_may_submit(project, partition, now=deed.now)
    job_limits.check_resources(spec, project, partition)
    if spec.reservation:
        check_reservation(spec, project, partition, now=deed.now)
    models.check_parents(deed.actor, spec.parents)
    specs = expand_sweep(spec)
    project_secrets.check_named(spec, project_id)
    code_archives.check_brought(deed, spec, project_id)
    check_content(specs, partition, workshop)
    after, after_ok = dependencies.find_dependencies(
        spec, project_id=project_id, client_key=client_key
    )
    chosen, latest = better_hours.choose(spec, partition, now=deed.now)
    together = {
        "after": after,
        "after_ok": after_ok,
        "reservation_id": spec.reservation,
        "chosen_start_at": chosen,
        "latest_start_at": latest,
        "sweep_id": deed.new_id("s") if len(specs) > 1 else "",
        "max_parallel": spec.max_parallel if len(specs) > 1 else 0,
        "access_share": access_share or project.access_share,
    }
    submitted = [
        _submit_one(
            deed,
            single,
            project=project,
            partition=partition,
            notes=[*filter(None, [note]), *data_sets.say_where(spec, workshop)],
            conditions={
                **together,
                "client_key": f"{client_key}#{number}" if number else client_key,
                "sweep_index": single.array.first if single.array else number + 1,
            },
        )
        for number, single in enumerate(specs)
    ]
    marks = model_marks.foresee_marks(specs, project_id, now=deed.now, workshop=workshop)
    for job, mark in product(submitted, marks):
        _tell(deed, job, mark)
    return submitted


def check_reservation(
    spec: JobSpec, project: Project, partition: Partition, *, now: datetime
) -> None:
    """Refuse a job that a reservation does not take."""
    limit_seconds = partition.limit_attempt(spec.max_duration_seconds)
    reservations.check_submission(
        spec.reservation,
        project,
        nodes=spec.num_nodes,
        longest_seconds=most_seconds(limit_seconds, partition.grace_seconds),
        now=now,
    )


def check_content(specs: list[JobSpec], partition: Partition, workshop: Workshop) -> None:
    """Refuse a partition where the code or the data of some jobs are not, or may not be."""
    spec = specs[0]
    launches.check_site(spec, partition, workshop)
    if spec.blueprint:
        blueprint = launches.check_blueprint(specs, workshop)
        launches.check_environment(blueprint, partition, workshop)
    data_sets.check_data(spec, partition, workshop)
    check_residency(
        parse_data_class(spec.data_class),
        partition.country,
        factory_countries=workshop.factory.countries,
    )


def check_partition(project: Project, workshop: Workshop, partition_id: str = "") -> Partition:
    """Return a partition, a project's own if none is named; refuse one where nothing runs."""
    partition = workshop.factory.get_partition(partition_id or project.partition_id)
    if not partition.takes_jobs:
        others = [p.name for p in workshop.factory.partitions if p.takes_jobs]
        raise PartitionTakesNoJobs(partition=partition.name, others=", ".join(others))
    return partition


def _submit_one(
    deed: Deed,
    spec: JobSpec,
    *,
    project: Project,
    partition: Partition,
    notes: list[Sentence],
    conditions: dict[str, Any],
) -> Job:
    job = Job(
        id=deed.new_id("j"),
        name=spec.name,
        project_id=project.id,
        organisation_id=project.organisation_id,
        person_id=deed.actor.id,
        partition_id=partition.id,
        group_id=project.group_id,
        data_class=spec.data_class,
        request=build_request(spec, partition),
        submitted_at=deed.now,
        max_retries=spec.max_retries,
        retries_failed="failed" in spec.retry_on,
        wait=Sentence("The next plan decides about it."),
        spec=spec.to_json(),
        **conditions,
    )
    job = hold_next_attempt(deed, job, partition=partition)
    _tell(deed, job, _say_held(job, partition))
    choice = eligibility.find_choice(job, now=deed.now)
    for sentence in (*notes, *filter(None, [choice])):
        _tell(deed, job, sentence)
    audit.record(
        deed,
        action="job.submitted",
        subject=job.id,
        project=project.id,
        held_seconds=job.held_seconds,
        data_class=job.data_class,
        **_name_code(spec),
    )
    return job


def _name_code(spec: JobSpec) -> dict[str, Any]:
    return {"workdir": spec.workdir} if spec.workdir else {}


def build_request(spec: JobSpec, partition: Partition) -> ResourceRequest:
    """Return what a job file asks of a partition."""
    limit_seconds = partition.limit_attempt(spec.max_duration_seconds)
    memory_bytes = int(partition.memory_gigabytes_per_node * 1e9)
    if spec.memory_bytes and spec.memory_bytes_most is None:  # of a range it gets what there is
        memory_bytes = spec.memory_bytes
    return ResourceRequest(
        nodes=spec.num_nodes,
        time_limit_seconds=limit_seconds,
        further_seconds=spec.max_duration_seconds - limit_seconds,
        memory_bytes_per_node=memory_bytes,
        preemptible=spec.preemptible,
        grace_seconds=partition.grace_seconds,
    )


def hold_next_attempt(deed: Deed, job: Job, *, partition: Partition, move: int = 0) -> Job:
    """Set time aside for one more attempt: the limit and the grace, on every node.

    Raises the ledger's refusal when the project's budget does not cover it. After a move it is
    held anew, under the number of the move.
    """
    longest_seconds = job.request.time_limit_seconds + job.request.grace_seconds
    held_seconds = job.request.nodes * longest_seconds * partition.charge_factor
    number = job.attempts + 1
    hold_id = f"{job.id}.{number}" + (f"{jobs.MOVED}{move}" if move else "")
    allocations.hold_for_job(
        deed,
        project_id=job.project_id,
        hold_id=hold_id,
        seconds=held_seconds,
        partition_id=job.partition_id,
        access_share=job.access_share,
        reason=Sentence("job {job}, attempt {number}", {"job": job.id, "number": number}),
    )
    job = replace(job, hold_id=hold_id, held_seconds=held_seconds)
    job_store.save_job(job)
    return job


def _say_held(job: Job, partition: Partition) -> Sentence:
    unit = Sentence("GPU-h") if partition.unit is TimeUnit.GPU_SECONDS else Sentence("node-h")
    hours = round(float(hours_from_seconds(job.held_seconds)), 3)
    return Sentence("Submitted; {hours} {unit} are held.", {"hours": hours, "unit": unit})


def _tell(deed: Deed, job: Job, sentence: Sentence) -> None:
    job_store.add_job_event(JobEvent(job_id=job.id, at=deed.now, sentence=sentence))


@one_transaction
def cancel_job(deed: Deed, job_id: str) -> Job:
    """Cancel a job: a waiting one now, a running one at the next heartbeat. Safe to repeat."""
    check_permission(deed.actor, Permission.CANCEL_JOB)
    return _request_stop(deed, job_id, StopRequest.AT_ONCE)


@one_transaction
def stop_job(deed: Deed, job_id: str) -> Job:
    """Stop a running job after it has saved a checkpoint; a waiting one is cancelled."""
    check_permission(deed.actor, Permission.STOP_JOB)
    return _request_stop(deed, job_id, StopRequest.AT_CHECKPOINT)


def _request_stop(deed: Deed, job_id: str, request: StopRequest) -> Job:
    _get(deed.actor, job_id, unless=Permission.CANCEL_EVERY_JOB)
    job = job_store.lock_job(job_id)  # a plan may just be starting it
    if job.state is JobState.CANCELLED or job.stop_request in (request, StopRequest.AT_ONCE):
        return job
    if jobs.LIFECYCLE.is_final(job.state):
        raise JobHasEnded(job=job.id, state=job.state.value)
    job = replace(job, stop_request=request)
    if not job.has_open_attempt:
        end = Sentence("Cancelled by {person}.", {"person": deed.actor.name})
        job = cancel_waiting(deed, job, end=end)
    job_store.save_job(job)
    if request is StopRequest.AT_ONCE:
        sentence = Sentence("{person} cancelled the job.", {"person": deed.actor.name})
    else:
        sentence = Sentence(
            "{person} asked the job to save a checkpoint and stop.", {"person": deed.actor.name}
        )
    _tell(deed, job, sentence)
    audit.record(deed, action="job.stop_requested", subject=job.id, request=request.value)
    return job


def cancel_waiting(deed: Deed, job: Job, *, end: Sentence) -> Job:
    """Return a waiting job as cancelled, its hours given back; the caller saves it."""
    if job.hold_id:
        reason = Sentence("job {job} was cancelled while it waited", {"job": job.id})
        allocations.void_hold(deed, hold_id=job.hold_id, reason=reason)
    job = replace(job, hold_id="", held_seconds=0, end=end)
    return jobs.move(job, JobState.CANCELLED, now=deed.now)


def get_job(reader: Person, job_id: str) -> JobView:
    """Return a job with its attempts; a foreign tenant's job does not exist for the reader."""
    check_permission(reader, Permission.SEE_JOB)
    job = _get(reader, job_id, unless=Permission.SEE_EVERY_JOB)
    return JobView(job=job, attempts=tuple(job_store.list_attempts(job.id)))


def list_jobs(
    reader: Person, *, project_id: str = "", sweep_id: str = "", after: str = "", limit: int = 50
) -> list[Job]:
    """Return the jobs that the reader may see, the newest first, paged by key."""
    check_permission(reader, Permission.SEE_JOB)
    sees_all = can_do(reader, Permission.SEE_EVERY_JOB)
    return job_store.list_jobs(
        organisation_ids=None if sees_all else reader.organisation_ids,
        project_ids=() if sees_all else project_store.list_project_ids_of(reader.id),
        project_id=project_id,
        sweep_id=sweep_id,
        after=after,
        limit=limit,
    )


def list_job_events(reader: Person, job_id: str) -> list[JobEvent]:
    """Return what happened to a job, as sentences."""
    check_permission(reader, Permission.SEE_JOB)
    _get(reader, job_id, unless=Permission.SEE_EVERY_JOB)
    return job_store.list_job_events(job_id)


def get_own_job(person: Person, job_id: str) -> Job:
    """Return a job of a project that is a person's own; any other does not exist for them."""
    return _get(person, job_id)


def _get(person: Person, job_id: str, *, unless: Permission | None = None) -> Job:
    job = job_store.get_job(job_id)
    is_own = projects.is_own(person, organisation_id=job.organisation_id, project_id=job.project_id)
    if not (is_own or (unless and can_do(person, unless))):
        raise NotFound(kind="job", id=job_id)
    return job
