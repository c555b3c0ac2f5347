"""Jobs inside reservations: checked when submitted, held until it opens, ended when it is too late.

A job that can no longer run inside its reservation is cancelled and its hours come back: outside it
would have other limits, and would compete with jobs that it was never meant to meet.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition
from allmende.domain.scheduling.jobs import Job, JobState
from allmende.domain.scheduling.reservations import NodeReservation, ReservationState
from allmende.services import queues
from allmende.services.deeds import Deed
from allmende.services.snapshots import longest_seconds, seconds_of
from allmende.storage import queues as queue_store
from allmende.storage import reservations as store


def tend_windows(deed: Deed, partition: Partition) -> None:
    """Cancel the waiting jobs that cannot run inside their reservation any more."""
    waiting = _list_waiting(queue_store.list_alive_jobs(partition.id))
    found = _reservations_of(waiting)
    for job in waiting:
        obstacle = _find_obstacle(job, found.get(job.reservation_id), deed.now)
        if obstacle is not None:  # then it stays one: time goes on, and no reservation comes back
            queues.end_waiting(deed, job.id, end=obstacle, action="job.ended_with_reservation")


def find_bars(alive: Iterable[Job], *, now: datetime) -> dict[str, Sentence]:
    """Return by job why its project may not run anything, or when its reservation begins."""
    alive = list(alive)
    waiting = _list_waiting(alive)
    found = _reservations_of(waiting)
    bars = {}
    for job in waiting:
        reservation = found.get(job.reservation_id)
        bar = _find_obstacle(job, reservation, now)
        if bar is None and reservation is not None and now < reservation.starts_at:
            bar = Sentence(
                "It waits for reservation {reservation}, which begins at {starts_at}.",
                {"reservation": reservation.id, "starts_at": say_instant(reservation.starts_at)},
            )
        if bar is not None:
            bars[job.id] = bar
    return bars | queues.find_bars(alive, now=now)


def say_instant(instant: datetime) -> str:
    """Write an instant so that it reads alike everywhere, and is kept as text."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _list_waiting(alive: Iterable[Job]) -> list[Job]:
    return [job for job in alive if job.state is JobState.PENDING and job.reservation_id]


def _reservations_of(waiting: list[Job]) -> Mapping[str, NodeReservation]:
    ids = {job.reservation_id for job in waiting}
    return {each.id: each for each in store.list_reservations_by_id(ids)} if ids else {}


def _find_obstacle(job: Job, reservation: NodeReservation | None, now: datetime) -> Sentence | None:
    """Return why a job will never start inside its reservation, or None."""
    if reservation is None:
        return Sentence("There is no such reservation. Submit it again without one.")
    facts = {"reservation": reservation.id, "ends_at": say_instant(reservation.ends_at)}
    state = reservation.state(now)
    if state is ReservationState.CANCELLED:
        return Sentence(
            "Reservation {reservation} was cancelled, and with it this job. Submit it again "
            "without one.",
            facts,
        )
    if state is ReservationState.OVER:
        return Sentence(
            "Reservation {reservation} ended at {ends_at} before this job could start. Submit it "
            "again without one.",
            facts,
        )
    starts = max(seconds_of(now), reservation.starts_at_seconds)
    if starts + longest_seconds(job) > reservation.ends_at_seconds:
        return Sentence(
            "Its time limit reaches beyond the end of reservation {reservation} at {ends_at}. "
            "Submit it again with a shorter limit, or without a reservation.",
            facts,
        )
    if job.request.nodes > reservation.nodes:
        return Sentence(
            "It asks for more nodes than reservation {reservation} has. Submit it again with "
            "fewer.",
            facts,
        )
    return None
