"""When will my job start? A range from forward runs of the kernel, and how well others held."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition
from allmende.domain.scheduling import explain
from allmende.domain.scheduling.jobs import Job, JobState, reservation_of
from allmende.domain.scheduling.plans import PendingJob
from allmende.domain.scheduling.windows import rest_of
from allmende.domain.training.job_files import JobSpec
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import jobs, projects, windows
from allmende.services.deeds import Deed
from allmende.services.snapshots import (
    path_of,
    pending_of,
    policy_of,
    seconds_of,
    take_snapshot,
)
from allmende.services.workshop import Workshop
from allmende.storage import forecasts as store
from allmende.storage import jobs as job_store
from allmende.storage import projects as project_store
from allmende.storage import reservations as reservation_store
from allmende.storage.forecasts import KeptForecast
from allmende.twin.calibrations import LATEST, Calibration, Outcome
from allmende.twin.forecasts import Forecast, Forward, make_dice
from allmende.twin.pasts import Past, PastJob

PAST_JOBS = 2_000
ASKED = "asked"  # stands for a job that is not submitted
NEW_IN_A_BEAT = 5  # so that a heartbeat stays quick when thousands are submitted at once


@dataclass(frozen=True, kw_only=True)
class HitRate:
    """How many of the latest ranges held; shown to everybody."""

    held: int
    forecasts: int

    @property
    def percent(self) -> int | None:
        """Return the part that held, or None before there was any."""
        return round(100 * self.held / self.forecasts) if self.forecasts else None


@dataclass(frozen=True, kw_only=True)
class Option:
    """What one may ask for, and when it would start."""

    nodes: int
    max_duration_seconds: int
    forecast: "JobForecast"


@dataclass(frozen=True, kw_only=True)
class JobForecast:
    """The range in which a waiting job starts, four times in five; `None` is beyond 90 days."""

    job_id: str
    made_at: datetime
    earliest_at: datetime | None
    median_at: datetime | None
    latest_at: datetime | None
    hit_rate: HitRate


class NoRangeInsideReservation(Refusal):
    """Inside a reservation a job starts as soon as the reservation is open and its nodes are free:
    there is no range to tell. Leave reservation out to ask about the common queue."""

    status = 422


def forecast_job(
    reader: Person, job_id: str, *, now: datetime, workshop: Workshop
) -> JobForecast | None:
    """Return when a job will start; None when it does not wait for nodes."""
    job = jobs.get_job(reader, job_id).job
    partition = workshop.factory.get_partition(job.partition_id)
    if job.state is not JobState.PENDING:
        return None
    forward = _look_ahead(partition, now)
    if job.id not in forward.eligible_ids:
        return None
    outcomes = store.list_outcomes(partition.id, limit=LATEST)
    return _tell(job.id, now, _learn(outcomes).widen(_ask(forward, job.id, now)), outcomes)


def recall_forecast(
    reader: Person, job_id: str, *, now: datetime, workshop: Workshop
) -> JobForecast | None:
    """Return what was already said of a waiting job while it can still hold, else ask anew.

    For pages that ask every few seconds: the range that was told first is the one that counts.
    """
    job = jobs.get_job(reader, job_id).job
    kept = store.find_forecast(job_id) if job.state is JobState.PENDING else None
    latest = _instant(kept.made_at, kept.shown_latest_seconds) if kept else None
    if kept is None or (latest is not None and latest < now):
        return forecast_job(reader, job_id, now=now, workshop=workshop)
    return JobForecast(
        job_id=job_id,
        made_at=kept.made_at,
        earliest_at=_instant(kept.made_at, kept.shown_earliest_seconds),
        median_at=_instant(kept.made_at, kept.median_seconds),
        latest_at=latest,
        hit_rate=get_hit_rate(kept.partition_id),
    )


def forecast_submission(
    reader: Person, spec: JobSpec, *, project_id: str, now: datetime, workshop: Workshop
) -> list[Option]:
    """Return when a job file would start if it were submitted now, and what would start sooner.

    Nothing is submitted. The first option is the file as it is; the others ask for less.
    """
    check_permission(reader, Permission.SUBMIT_JOB)
    if spec.reservation:
        raise NoRangeInsideReservation
    project = projects.check_own(reader, project_store.get_project(project_id))
    projects.check_can_run(project, now=now)
    partition = jobs.check_partition(project, workshop)
    jobs.check_resources(spec, project, partition)
    outcomes = store.list_outcomes(partition.id, limit=LATEST)
    options: list[Option] = []
    for nodes, seconds in _choices(spec):
        asked = pending_of(
            ASKED,
            path=(project.group_id, project.id, reader.id),
            nodes=nodes,
            limit_seconds=seconds + partition.grace_seconds,
            now=now,
        )
        forward = _look_ahead(partition, now, asked)
        widened = _learn(outcomes).widen(_ask(forward, ASKED, now))
        told = _tell(ASKED, now, widened, outcomes)
        if not options or _is_sooner(told, options[0].forecast):
            options.append(Option(nodes=nodes, max_duration_seconds=seconds, forecast=told))
    return options


def _choices(spec: JobSpec) -> list[tuple[int, int]]:
    """Return the file's nodes and limit, then half the limit, half the nodes, and both."""
    nodes, seconds = spec.num_nodes, spec.max_duration_seconds
    fewer, shorter = max(1, nodes // 2), max(1, seconds // 2)
    choices = ((nodes, seconds), (nodes, shorter), (fewer, seconds), (fewer, shorter))
    return list(dict.fromkeys(choices))


def _is_sooner(one: JobForecast, other: JobForecast) -> bool:
    """Say whether the middle of a range lies clearly before that of another."""
    if one.median_at is None or other.median_at is None:
        return one.median_at is not None
    gained = other.median_at - one.median_at
    return gained >= max(timedelta(minutes=1), 0.1 * (other.median_at - other.made_at))


def say_forecast(forecast: JobForecast) -> Sentence:
    """Say when a job starts, and how far that can be trusted."""
    rate = forecast.hit_rate
    if forecast.earliest_at is None:
        return Sentence("When it starts cannot be said: not within the next 90 days.")
    if forecast.latest_at is None:
        when = Sentence("It starts after {earliest}.", {"earliest": forecast.earliest_at})
    else:
        facts = {"earliest": forecast.earliest_at, "latest": forecast.latest_at}
        when = Sentence("It starts between {earliest} and {latest}, four times in five.", facts)
    if rate.percent is None:
        trust = Sentence("Nothing is known yet about how well such ranges hold here.")
    else:
        facts_of_rate = {"percent": rate.percent, "count": rate.forecasts}
        trust = Sentence("Of the last {count} ranges {percent} % held.", facts_of_rate)
    return Sentence("{when} {trust}", {"when": when, "trust": trust})


def say_option(option: Option) -> Sentence:
    """Say what would start sooner."""
    facts = {
        "nodes": explain.say_nodes(option.nodes),
        "limit": explain.say_duration(option.max_duration_seconds),
        "median": option.forecast.median_at,
    }
    return Sentence("With {nodes} and a limit of {limit}: probably by {median}.", facts)


def get_hit_rate(partition_id: str) -> HitRate:
    """Return how well the latest forecasts of a partition held."""
    return _rate(store.list_outcomes(partition_id, limit=LATEST))


def tend_forecasts(deed: Deed, partition: Partition, *, started: Sequence[str]) -> None:
    """Keep a forecast for each job that newly waits, and note which of them have started."""
    if started:
        store.note_starts(started, deed.now)
    alive = job_store.list_alive_jobs(partition.id)
    waiting = [job for job in alive if job.state is JobState.PENDING and job.started_at is None]
    known = store.list_forecast_ids([job.id for job in waiting])
    # Without a hold a job is not eligible: nobody looks ahead for it at every heartbeat.
    new = [
        job for job in waiting if job.hold_id and job.id not in known and not reservation_of(job)
    ]
    if not new:
        return
    forward = _look_ahead(partition, deed.now)
    calibration = _learn(store.list_outcomes(partition.id, limit=LATEST))
    asked = [job for job in new if job.id in forward.eligible_ids][:NEW_IN_A_BEAT]
    store.keep_forecasts(
        [_keep(job, _ask(forward, job.id, deed.now), calibration, deed.now) for job in asked]
    )


def _keep(job: Job, raw: Forecast, calibration: Calibration, now: datetime) -> KeptForecast:
    widened = calibration.widen(raw)
    return KeptForecast(
        job_id=job.id,
        partition_id=job.partition_id,
        made_at=now,
        earliest_seconds=raw.earliest_seconds,
        median_seconds=raw.median_seconds,
        latest_seconds=raw.latest_seconds,
        shown_earliest_seconds=widened.earliest_seconds,
        shown_latest_seconds=widened.latest_seconds,
    )


def _tell(
    job_id: str, now: datetime, widened: Forecast, outcomes: Sequence[KeptForecast]
) -> JobForecast:
    return JobForecast(
        job_id=job_id,
        made_at=now,
        earliest_at=_instant(now, widened.earliest_seconds),
        median_at=_instant(now, widened.median_seconds),
        latest_at=_instant(now, widened.latest_seconds),
        hit_rate=_rate(outcomes),
    )


def _look_ahead(partition: Partition, now: datetime, *asked: PendingJob) -> Forward:
    """Return the partition as it is now, with what is only asked about, ready to be run forward."""
    alive = job_store.list_alive_jobs(partition.id)
    snapshot = take_snapshot(
        partition,
        alive=alive,
        attempts=job_store.list_unsettled_attempts(partition.id),
        bars=windows.find_bars(alive, now=now),
        reservations=reservation_store.list_current(partition.id, now=now),
        now=now,
    )
    # A job inside a reservation starts when that opens: there is no range to tell.
    snapshot = rest_of(snapshot)
    snapshot = replace(snapshot, pending=(*snapshot.pending, *asked))
    ended = job_store.list_past_jobs(partition.id, limit=PAST_JOBS)
    return Forward(snapshot, policy_of(partition), Past([_past(job) for job in ended]))


def _past(job: Job) -> PastJob:
    assert job.started_at is not None
    assert job.ended_at is not None
    ran = round((job.ended_at - job.started_at).total_seconds())
    return PastJob(
        path=path_of(job),
        submitted_at_seconds=seconds_of(job.submitted_at),
        nodes=job.request.nodes,
        time_limit_seconds=job.request.time_limit_seconds,
        ran_seconds=max(1, min(ran, job.request.time_limit_seconds)),
    )


def _ask(forward: Forward, job_id: str, now: datetime) -> Forecast:
    """Ask with dice that the question decides: asked again at once, the answer is the same."""
    question = f"{job_id} {seconds_of(now)}".encode()
    seed = int.from_bytes(hashlib.sha256(question).digest()[:8])
    return forward.forecast(job_id, dice=make_dice(seed))


def _learn(outcomes: Sequence[KeptForecast]) -> Calibration:
    return Calibration.learn(
        [
            Outcome(
                Forecast(
                    earliest_seconds=each.earliest_seconds,
                    median_seconds=each.median_seconds,
                    latest_seconds=each.latest_seconds,
                    runs=0,
                ),
                each.started_after_seconds or 0,
            )
            for each in outcomes
        ]
    )


def _rate(outcomes: Sequence[KeptForecast]) -> HitRate:
    return HitRate(held=sum(each.is_hit for each in outcomes), forecasts=len(outcomes))


def _instant(now: datetime, seconds: int | None) -> datetime | None:
    return None if seconds is None else now + timedelta(seconds=seconds)
