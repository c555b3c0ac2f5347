"""Reservations on a partition that really runs jobs: maintenance, windows, power caps."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from allmende import wiring
from allmende.domain.basics.people import DAEMON
from allmende.domain.basics.refusals import InvalidInput, NotPermitted
from allmende.domain.scheduling import reservations as domain
from allmende.domain.scheduling.jobs import JobState
from allmende.domain.scheduling.recordings import replays
from allmende.domain.scheduling.reservations import NodeReservation, ReservationState
from allmende.services import cycle, ledger, reservations
from allmende.services.reservations import Announcement
from allmende.storage import cycles as cycle_store
from tests.services.running import PARTITION, Running, a_running_factory

pytestmark = pytest.mark.django_db


@pytest.fixture
def factory(tmp_path: Path, db: None) -> Iterator[Running]:
    with a_running_factory(tmp_path) as running:
        yield running


def announce(
    factory: Running, key: str = "operator", *, begins: float = 0, lasts: float = 60, **of
) -> NodeReservation:
    starts_at = wiring.now() + timedelta(seconds=begins) if begins else None
    announcement = Announcement(
        starts_at=starts_at,
        ends_at=(starts_at or wiring.now()) + timedelta(seconds=lasts),
        **{"partition_id": PARTITION, "reason": "New fans.", **of},
    )
    return reservations.announce(factory.act(key), announcement, factory=factory.workshop.factory)


def view(
    factory: Running, reservation_id: str, key: str = "operator", *, now: datetime | None = None
):
    reader = factory.person(key)
    return reservations.get_reservation(reader, reservation_id, now=now or wiring.now())


def quick_grace(factory: Running) -> None:
    """Let jobs end within a second, so that they fit into a window that others have, too."""
    whole = factory.workshop.factory
    sites = tuple(
        replace(site, partitions=tuple(replace(p, grace_seconds=1) for p in site.partitions))
        for site in whole.sites
    )
    factory.workshop = replace(factory.workshop, factory=replace(whole, sites=sites))


def spans(factory: Running, job_id: str) -> list[tuple[datetime, datetime, tuple[str, ...]]]:
    return [(a.started_at, a.ended_at, a.nodes) for a in factory.attempts(job_id)]


def busy_at(all_spans, instant: datetime) -> int:
    return sum(len(nodes) for start, end, nodes in all_spans if start <= instant < end)


def test_nothing_starts_that_would_still_run_when_nodes_go_out_of_service(factory: Running):
    maintenance = announce(factory, begins=200, nodes=6)
    (long,) = factory.submit("founder", client_key="long", run="true", max_duration="4m")
    (short,) = factory.submit("founder", client_key="short", run="true", max_duration="30s")
    factory.run_to_end(short.id)
    assert factory.job(short.id).state is JobState.COMPLETED
    waiting = factory.job(long.id)
    assert waiting.state is JobState.PENDING
    assert "only 0 nodes can be used by everybody in" in str(waiting.wait)
    assert "may run for 5 min" in str(waiting.wait)  # 240 s, its grace and a little more
    reservations.cancel(factory.act("operator"), maintenance.id)
    factory.run_to_end(long.id)
    assert factory.job(long.id).state is JobState.COMPLETED


def test_certain_nodes_are_free_when_their_maintenance_begins(factory: Running):
    named = (f"{PARTITION}-01", f"{PARTITION}-02")
    announce(factory, begins=200, node_names=named)
    jobs = [
        factory.submit("researcher", client_key=f"k{n}", run="true", max_duration="4m")[0].id
        for n in range(6)
    ]
    factory.run_to_end(*jobs)
    used = {node for job_id in jobs for _, _, nodes in spans(factory, job_id) for node in nodes}
    assert used
    assert used.isdisjoint(named)
    (quick,) = factory.submit("researcher", client_key="quick", run="true", max_duration="30s")
    factory.run_to_end(quick.id)
    assert spans(factory, quick.id)[0][2] == (named[0],)


@pytest.mark.slow
def test_a_course_of_two_nodes_runs_alone_on_its_nodes(factory: Running):
    quick_grace(factory)
    project_id, lasts = factory.story.projects["founder"], 200
    course = announce(
        factory, "officer", begins=5, lasts=lasts, nodes=2, project_id=project_id, reason="Course."
    )
    inside = [
        factory.submit(
            "founder",
            client_key=f"in{n}",
            run="sleep 1",
            max_duration="60s",
            reservation=course.id,
            **({"num_nodes": 2} if n == 0 else {}),
        )[0].id
        for n in range(4)
    ]
    before = replace(factory.story.act(DAEMON), now=course.starts_at - timedelta(seconds=1))
    cycle.run_cycle(before, PARTITION, workshop=factory.workshop)
    held = factory.job(inside[0])
    assert held.state is JobState.PENDING
    assert f"reservation {course.id}, which begins at" in str(held.wait)
    outside = [
        factory.submit("researcher", client_key=f"out{n}", run="sleep 1", max_duration="60s")[0].id
        for n in range(12)
    ]
    factory.run_to_end(*inside, *outside)
    assert {factory.job(j).state for j in inside + outside} == {JobState.COMPLETED}
    inner = [span for j in inside for span in spans(factory, j)]
    outer = [span for j in outside for span in spans(factory, j)]
    for start, end, _ in inner:
        assert course.starts_at <= start < end <= course.ends_at
        assert busy_at(inner, start) <= 2
    for start, _, _ in outer:
        if course.starts_at <= start < course.ends_at:
            assert busy_at(outer, start) <= 4
    seen = view(factory, course.id, now=course.ends_at)
    assert seen.state is ReservationState.OVER
    assert 5 <= seen.used_node_seconds < 2 * lasts
    assert seen.used_node_seconds + seen.unused_node_seconds == 2 * lasts
    assert ledger.check(factory.person("auditor")).is_clean
    cycles = list(cycle_store.list_cycles(partition_id=PARTITION))
    assert any(cycle.snapshot["windows"] for cycle in cycles)
    assert all(replays(cycle.snapshot, cycle.plan) for cycle in cycles)


def test_a_job_that_cannot_run_in_its_window_any_more_is_cancelled_and_gets_its_hours_back(
    factory: Running,
):
    project_id = factory.story.projects["founder"]
    window = announce(factory, begins=60, lasts=60, nodes=1, project_id=project_id)
    (job,) = factory.submit("founder", run="true", reservation=window.id)
    reservations.cancel(factory.act("operator"), window.id)
    again = reservations.cancel(factory.act("operator"), window.id)
    assert again.cancelled_at is not None
    factory.beat()
    ended = factory.job(job.id)
    assert (ended.state, ended.held_seconds) == (JobState.CANCELLED, 0)
    assert f"Reservation {window.id} was cancelled, and with it this job" in str(ended.end)
    with pytest.raises(reservations.ReservationIsOver):
        factory.submit("founder", client_key="later", run="true", reservation=window.id)


def test_what_runs_in_a_window_goes_on_when_that_is_cancelled(factory: Running, tmp_path: Path):
    go = tmp_path / "go"
    project_id = factory.story.projects["founder"]
    window = announce(factory, lasts=90, nodes=2, project_id=project_id)
    script = f"for i in $(seq 250); do [ -e {go} ] && exit 0; sleep 0.1; done"
    (job,) = factory.submit("founder", run=script, num_nodes=2, reservation=window.id)
    factory.beat_until(lambda: factory.job(job.id).state is JobState.RUNNING)
    reservations.cancel(factory.act("officer"), window.id)
    factory.beat()
    assert factory.job(job.id).state is JobState.RUNNING
    go.touch()
    factory.run_to_end(job.id)
    assert factory.job(job.id).state is JobState.COMPLETED


def test_a_reservation_waits_for_nobody_and_stops_nobody(factory: Running, tmp_path: Path):
    go = tmp_path / "go"
    script = f"for i in $(seq 250); do [ -e {go} ] && exit 0; sleep 0.1; done"
    (job,) = factory.submit("founder", run=script, max_duration="30s")
    factory.beat_until(lambda: factory.job(job.id).state is JobState.RUNNING)
    with pytest.raises(domain.JobsStillRun) as refused:
        announce(factory, nodes=6)
    attempt = factory.attempts(job.id)[0]
    first = refused.value.facts["first"]
    assert first - attempt.decided_at.replace(microsecond=0) == timedelta(seconds=37)
    seconds = (first - wiring.now()).total_seconds()
    with pytest.raises(domain.NodesStillRun):
        announce(factory, node_names=attempt.nodes)
    assert announce(factory, begins=seconds + 1, nodes=6).nodes == 6
    go.touch()
    factory.run_to_end(job.id)


def test_announcing_the_same_again_changes_nothing(factory: Running):
    announcement = Announcement(
        partition_id=PARTITION,
        nodes=4,
        starts_at=wiring.now() + timedelta(hours=1),
        ends_at=wiring.now() + timedelta(hours=2),
        reason="New  fans.",
    )
    first, second = (
        reservations.announce(
            factory.act("operator"), announcement, factory=factory.workshop.factory
        )
        for _ in range(2)
    )
    assert first == second
    assert first.reason == "New fans."
    with pytest.raises(domain.ReservationsDoNotFit):
        announce(factory, begins=5400, nodes=3)


@pytest.mark.parametrize("begins", [None, timedelta(seconds=1)], ids=["at once", "soon"])
def test_announcing_again_what_is_open_already_changes_nothing(factory: Running, begins):
    now = wiring.now()
    announcement = Announcement(
        partition_id=PARTITION,
        nodes=1,
        starts_at=now + begins if begins else None,
        ends_at=now + timedelta(minutes=5),
        reason="New fans.",
    )
    whole, deed = factory.workshop.factory, replace(factory.act("operator"), now=now)
    first = reservations.announce(deed, announcement, factory=whole)
    later = replace(factory.act("operator"), now=now + timedelta(seconds=3))
    assert reservations.announce(later, announcement, factory=whole) == first


def test_a_cap_in_kilowatts_becomes_idle_nodes(factory: Running):
    # Each of 6 nodes draws 4 W idle and 16 W busy: 24 W, and 12 W more for each that works.
    assert announce(factory, begins=60, cap_watts=71).nodes == 3
    assert announce(factory, begins=600, cap_watts=60).nodes == 3
    assert announce(factory, begins=6000, cap_watts=59).nodes == 4


def test_who_may_announce_what(factory: Running):
    project_id = factory.story.projects["founder"]
    with pytest.raises(NotPermitted):
        announce(factory, "officer", nodes=1)
    with pytest.raises(NotPermitted):
        announce(factory, "founder", nodes=1, project_id=project_id)
    maintenance = announce(factory, begins=60, nodes=1)
    with pytest.raises(NotPermitted):
        reservations.cancel(factory.act("officer"), maintenance.id)
    course = announce(factory, "officer", begins=60, nodes=1, project_id=project_id, reason="C.")
    own, foreign = (view(factory, course.id, key) for key in ("founder", "corporation"))
    assert (own.reservation.project_id, own.reservation.reason) == (project_id, "C.")
    assert (foreign.reservation.project_id, foreign.reservation.reason) == ("", "")
    with pytest.raises(reservations.ReservationOfOthers):
        factory.submit("corporation", run="true", reservation=course.id)


@pytest.mark.parametrize(
    ("wrong", "refusal"),
    [
        ({"project_id": "{project}", "cap_watts": 50}, InvalidInput),
        ({"project_id": "{project}", "node_names": (f"{PARTITION}-01",)}, InvalidInput),
        ({"nodes": 2, "cap_watts": 50}, InvalidInput),
        ({"nodes": 1, "reason": "  "}, InvalidInput),
        ({"nodes": 1, "partition_id": "hunter"}, reservations.NothingRunsThere),
        ({"nodes": 1, "project_id": "{project}", "lasts": 30 * 86_400, "begins": 300 * 86_400},
         reservations.ProjectCannotReserve),
        ({"nodes": 3, "project_id": "{project}"}, domain.ReservationsDoNotFit),
        ({"node_names": ("werkbank-99",)}, domain.UnknownNodes),
    ],
)  # fmt: skip
def test_what_cannot_be_announced_is_refused(factory: Running, wrong, refusal):
    if wrong.get("project_id"):
        wrong = wrong | {"project_id": factory.story.projects["founder"]}
    with pytest.raises(refusal):
        announce(factory, **wrong)
    assert reservations.list_reservations(factory.person("operator"), now=wiring.now()) == []


def test_a_job_that_does_not_fit_its_window_is_refused_at_once(factory: Running):
    project_id = factory.story.projects["founder"]
    window = announce(factory, begins=60, lasts=20, nodes=1, project_id=project_id)
    with pytest.raises(reservations.TooLongForReservation):
        factory.submit("founder", run="true", max_duration="30s", reservation=window.id)
    with pytest.raises(reservations.TooWideForReservation):
        factory.submit("founder", run="true", num_nodes=2, max_duration="5s", reservation=window.id)
