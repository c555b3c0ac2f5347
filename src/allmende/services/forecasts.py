"""When will my job start? A range from forward runs of the kernel, and how well others held."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from allmende.domain.basics.people import Person
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition
from allmende.domain.scheduling.backends import StartEstimate
from allmende.domain.scheduling.eligibility import find_pause
from allmende.domain.scheduling.jobs import Job, JobState
from allmende.domain.scheduling.plans import PendingJob, Plan, WaitReason
from allmende.domain.scheduling.windows import rest_of
from allmende.services import jobs, quotas, windows
from allmende.services.deeds import Deed
from allmende.services.snapshots import (
    path_of,
    policy_of,
    seconds_of,
    take_snapshot,
)
from allmende.services.workshop import Workshop
from allmende.storage import forecasts as store
from allmende.storage import jobs as job_store
from allmende.storage import nodes as node_store
from allmende.storage import queues as queue_store
from allmende.storage import reservations as reservation_store
from allmende.storage.evidence import one_snapshot
from allmende.storage.forecasts import KeptForecast
from allmende.twin import replay
from allmende.twin.calibrations import LATEST, Calibration, Outcome
from allmende.twin.forecasts import Forecast, Forward, make_dice
from allmende.twin.pasts import Past, PastJob

PAST_JOBS = 2_000
NEW_IN_A_BEAT = 5  # so that a heartbeat stays quick when thousands are submitted at once
LONG_QUEUE = 2_000  # with more, a page does not wait for its forecast
WHOLE = 150_000  # decisions that a forecast may take: with a long queue about two seconds


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
class JobForecast:
    """The range in which a waiting job starts, four times in five; `None` is beyond 90 days.

    A job that waits by its own choice has no range yet, only the start that it chose; nor has one
    that a cluster places, which names one instant.
    """

    job_id: str
    made_at: datetime
    earliest_at: datetime | None
    median_at: datetime | None
    latest_at: datetime | None
    hit_rate: HitRate
    chosen_at: datetime | None = None
    estimate: StartEstimate | None = None  # of a cluster, in place of the range


def get_ready() -> None:
    """Load the compiled kernel, so that the first forecast does not wait for it."""
    replay.compile_everything()


def forecast_job(
    reader: Person, job_id: str, *, now: datetime, workshop: Workshop
) -> JobForecast | None:
    """Return when a job will start; None when it waits neither for nodes nor by its own choice."""
    job = jobs.get_job(reader, job_id).job
    partition = workshop.factory.get_partition(job.partition_id)
    if job.state is not JobState.PENDING or find_pause(job, now=now):
        return None
    if job.chosen_start_at and job.chosen_start_at > now:
        return tell_choice(job.id, job.chosen_start_at, partition, now)
    if not partition.is_embedded:
        return None  # its cluster says it itself, in the reason why the job waits
    forward = look_ahead(partition, now)
    if job.id not in forward.eligible_ids:
        return None
    outcomes = store.list_outcomes(partition.id, limit=LATEST)
    return _tell(job.id, now, _learn(outcomes).widen(_ask(forward, job.id, now)), outcomes)


def recall_forecast(
    reader: Person, job_id: str, *, now: datetime, workshop: Workshop
) -> JobForecast | None:
    """Return what was already said of a waiting job while it can still hold, else ask anew.

    For pages that ask every few seconds: the range that was told first is the one that counts, so
    it is kept.
    """
    job = jobs.get_job(reader, job_id).job
    if find_pause(job, now=now):
        return None
    kept = _find_kept(job, now)
    if kept is None:
        if job.state is not JobState.PENDING or not job.hold_id:
            return None
        partition = workshop.factory.get_partition(job.partition_id)
        if job.chosen_start_at and job.chosen_start_at > now:
            return tell_choice(job.id, job.chosen_start_at, partition, now)
        if not partition.is_embedded:
            return None
        forward = look_ahead(partition, now)
        if job.id not in forward.eligible_ids:
            return None
        calibration = _learn(store.list_outcomes(partition.id, limit=LATEST))
        kept = _keep(job.id, partition, _ask(forward, job.id, now), calibration, now)
        store.keep_forecasts([kept])
    return JobForecast(
        job_id=job_id,
        made_at=kept.made_at,
        earliest_at=_instant(kept.made_at, kept.shown_earliest_seconds),
        median_at=_instant(kept.made_at, kept.median_seconds),
        latest_at=_instant(kept.made_at, kept.shown_latest_seconds),
        hit_rate=get_hit_rate(kept.partition_id),
    )


def takes_long(reader: Person, job_id: str, *, now: datetime) -> bool:
    """Say whether a page should be shown first, and `recall_forecast` be asked after it."""
    job = jobs.get_job(reader, job_id).job
    is_waiting = job.state is JobState.PENDING and bool(job.hold_id)
    if not is_waiting or find_pause(job, now=now) or _find_kept(job, now):
        return False
    return queue_store.count_waiting_jobs(job.partition_id) > LONG_QUEUE


def _find_kept(job: Job, now: datetime) -> KeptForecast | None:
    """Return what was said of a waiting job, unless that is over, or the job waits once more."""
    kept = store.find_forecast(job.id) if job.state is JobState.PENDING else None
    if kept is None or kept.started_after_seconds is not None:
        return None
    latest = _instant(kept.made_at, kept.shown_latest_seconds)
    return None if latest is not None and latest < now else kept


def say_forecast(forecast: JobForecast) -> Sentence:
    """Say when a job starts, and how far that can be trusted."""
    rate = forecast.hit_rate
    if forecast.chosen_at:
        return Sentence(
            "It chose to start at {chosen}, in better hours; from then on it waits for nodes only.",
            {"chosen": forecast.chosen_at},
        )
    if forecast.estimate:
        facts = {"at": forecast.estimate.at, "method": forecast.estimate.sentence}
        return Sentence("It is expected to start at {at}. {method}", facts)
    if forecast.earliest_at is None:
        return Sentence("When it starts cannot be said: not within the next 90 days.")
    if forecast.latest_at is None:
        when = Sentence("It starts after {earliest}.", {"earliest": forecast.earliest_at})
    elif _in_one_minute(forecast.earliest_at, forecast.latest_at):
        when = Sentence("It starts about {at}, four times in five.", {"at": forecast.earliest_at})
    else:
        facts = {"earliest": forecast.earliest_at, "latest": forecast.latest_at}
        when = Sentence("It starts between {earliest} and {latest}, four times in five.", facts)
    if rate.percent is None:
        trust = Sentence("Nothing is known yet about how well such ranges hold here.")
    else:
        facts_of_rate = {"percent": rate.percent, "count": rate.forecasts}
        trust = Sentence("Of the last {count} ranges {percent} % held.", facts_of_rate)
    return Sentence("{when} {trust}", {"when": when, "trust": trust})


def _in_one_minute(one: datetime, other: datetime) -> bool:
    """Say whether both are written alike, for people read them to the minute."""
    return one.replace(second=0, microsecond=0) == other.replace(second=0, microsecond=0)


def forecast_asked(
    partition: Partition, asked: Sequence[PendingJob], *, now: datetime
) -> list[JobForecast | None]:
    """Return when each of these would start if it alone were submitted; None when it never could.

    The partition is read once for all of them.
    """
    forward = look_ahead(partition, now, asked)
    outcomes = store.list_outcomes(partition.id, limit=LATEST)
    calibration, decisions = _learn(outcomes), WHOLE // len(asked)
    told: list[JobForecast | None] = []
    for job in asked:
        if job.id in forward.eligible_ids:
            raw = _ask(forward, job.id, now, decisions=decisions)
            told.append(_tell(job.id, now, calibration.widen(raw), outcomes))
        else:
            told.append(None)
    return told


def foresee_start(
    partition: Partition,
    job_id: str,
    *,
    now: datetime,
    decisions: int,
    asked: Sequence[PendingJob] = (),
) -> datetime | None:
    """Return the middle of a range alone, for comparing; None where it cannot be said."""
    forward = look_ahead(partition, now, asked)
    if job_id not in forward.eligible_ids:
        return None
    return _instant(now, _ask(forward, job_id, now, decisions=decisions).median_seconds)


def get_hit_rate(partition_id: str) -> HitRate:
    """Return how well the latest forecasts of a partition held."""
    return _rate(store.list_outcomes(partition_id, limit=LATEST))


def tend_forecasts(deed: Deed, partition: Partition, decided: Plan) -> None:
    """Keep a forecast for each job that newly waits, and note which of them have started."""
    started = [start.job_id for start in decided.starts]
    if started:
        store.note_starts(started, deed.now)
    # Nobody looks ahead at every heartbeat for jobs that wait for something other than nodes.
    held = {wait.job_id for wait in decided.waits if wait.reason is WaitReason.HELD}
    new = [job_id for job_id in store.list_unforecast_jobs(partition.id) if job_id not in held]
    if not new:
        return
    forward = look_ahead(partition, deed.now)
    calibration = _learn(store.list_outcomes(partition.id, limit=LATEST))
    asked = [job_id for job_id in new if job_id in forward.eligible_ids]
    at_once = 1 if forward.waiting > LONG_QUEUE else NEW_IN_A_BEAT
    store.keep_forecasts(
        [
            _keep(job_id, partition, _ask(forward, job_id, deed.now), calibration, deed.now)
            for job_id in asked[:at_once]
        ]
    )


def _keep(
    job_id: str, partition: Partition, raw: Forecast, calibration: Calibration, now: datetime
) -> KeptForecast:
    widened = calibration.widen(raw)
    return KeptForecast(
        job_id=job_id,
        partition_id=partition.id,
        made_at=now,
        earliest_seconds=raw.earliest_seconds,
        median_seconds=raw.median_seconds,
        latest_seconds=raw.latest_seconds,
        shown_earliest_seconds=widened.earliest_seconds,
        shown_latest_seconds=widened.latest_seconds,
    )


def tell_choice(job_id: str, chosen: datetime, partition: Partition, now: datetime) -> JobForecast:
    """Return what is known of a job that waits by its own choice: the start that it chose."""
    return JobForecast(
        job_id=job_id,
        made_at=now,
        earliest_at=chosen,
        median_at=None,
        latest_at=None,
        hit_rate=get_hit_rate(partition.id),
        chosen_at=chosen,
    )


def tell_estimate(estimate: StartEstimate, partition: Partition, now: datetime) -> JobForecast:
    """Return what a cluster says of a job that is not submitted yet."""
    return JobForecast(
        job_id="asked",
        made_at=now,
        earliest_at=None,
        median_at=estimate.at,
        latest_at=None,
        hit_rate=get_hit_rate(partition.id),
        estimate=estimate,
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


def look_ahead(
    partition: Partition,
    now: datetime,
    asked: Sequence[PendingJob] = (),
    *,
    without: Collection[str] = (),
) -> Forward:
    """Return the partition as it is now, ready to be run forward, and for what is only asked.

    `without` names nodes that are supposed to be drained too.
    """
    # Nothing is locked here: a job that a heartbeat starts meanwhile must not be seen twice.
    with one_snapshot():
        alive = queue_store.list_alive_jobs(partition.id)
        quota = quotas.weigh(partition, alive, now=now, asked=[job.path for job in asked])
        snapshot = take_snapshot(
            partition,
            alive=alive,
            attempts=job_store.list_unsettled_attempts(partition.id),
            bars={**quota.bars, **windows.find_bars(alive, now=now)},
            demoted=quota.demoted,
            reservations=reservation_store.list_current(partition.id, now=now),
            drained={*node_store.list_drained(partition.id), *without},
            now=now,
        )
    # A job inside a reservation starts when that opens: there is no range to tell.
    snapshot = rest_of(snapshot)
    ended = job_store.list_past_jobs(partition.id, limit=PAST_JOBS)
    return Forward(snapshot, policy_of(partition), Past([_past(job) for job in ended]), asked)


def _past(job: Job) -> PastJob:
    assert job.started_at is not None
    assert job.ended_at is not None
    ran = round((job.ended_at - job.started_at).total_seconds())
    return PastJob(
        path=path_of(job),
        submitted_at_seconds=seconds_of(job.arrives_at),
        nodes=job.request.nodes,
        time_limit_seconds=job.request.time_limit_seconds,
        ran_seconds=max(1, min(ran, job.request.time_limit_seconds)),
    )


def _ask(forward: Forward, job_id: str, now: datetime, *, decisions: int = WHOLE) -> Forecast:
    """Ask with dice that the question decides: asked again at once, the answer is the same."""
    question = f"{job_id} {seconds_of(now)}".encode()
    seed = int.from_bytes(hashlib.sha256(question).digest()[:8])
    return forward.forecast(job_id, dice=make_dice(seed), decisions=decisions)


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
