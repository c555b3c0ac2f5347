"""What can be announced, what is refused, and what it leaves to everybody."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allmende.domain.basics.periods import TimeWithoutZone
from allmende.domain.basics.sites import Partition, PartitionStatus, ShareGroup
from allmende.domain.basics.units import TimeUnit
from allmende.domain.scheduling import power_caps, reservations
from allmende.domain.scheduling.machine import CapacityChange
from allmende.domain.scheduling.reservations import (
    Board,
    NodeReservation,
    Occupation,
    ReservationKind,
    ReservationState,
)

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
SECOND = int(NOON.timestamp())
MAINTENANCE, CAP, PROJECT = ReservationKind


def a_partition(**rest) -> Partition:
    return Partition(
        **{
            "id": "p",
            "name": "P",
            "site_id": "s",
            "country": "DE",
            "status": PartitionStatus.EMBEDDED,
            "unit": TimeUnit.NODE_SECONDS,
            "hardware": "h",
            "nodes": 6,
            "watts_idle_per_node": 4.0,
            "watts_busy_per_core": 12.0,
            **rest,
        }
    )


def a_reservation(begins=0, lasts=100, nodes=1, kind=MAINTENANCE, **rest) -> NodeReservation:
    return NodeReservation(
        id=rest.pop("id", "rv"),
        partition_id="p",
        kind=kind,
        nodes=nodes,
        starts_at=NOON + timedelta(seconds=begins),
        ends_at=NOON + timedelta(seconds=begins + lasts),
        reason="Fans.",
        announced_at=NOON,
        announced_by="p-op",
        **rest,
    )


def a_job(*names: str, ends: int) -> Occupation:
    return Occupation(node_names=frozenset(names), ends_by_seconds=SECOND + ends)


def test_where_it_stands_follows_the_clock():
    each = a_reservation(begins=10, lasts=10)
    states = [each.state(NOON + timedelta(seconds=s)) for s in (9, 10, 19, 20)]
    assert states == ["announced", "open", "open", "over"]
    assert replace(each, cancelled_at=NOON).state(NOON) is ReservationState.CANCELLED


def test_what_is_left_changes_when_something_begins_or_ends():
    announced = [
        a_reservation(begins=10, lasts=30, nodes=2),
        a_reservation(begins=20, lasts=10, nodes=3, kind=CAP),
        a_reservation(begins=20, lasts=30, nodes=1, kind=PROJECT),
    ]
    changes = reservations.capacity_changes(announced, nodes=6, now_seconds=SECOND)
    left = [(change.at_seconds - SECOND, change.nodes) for change in changes]
    assert left == [(10, 4), (20, 2), (30, 3), (40, 5), (50, 6)]
    assert reservations.capacity_changes((), nodes=6, now_seconds=SECOND) == ()
    now = reservations.capacity_changes(announced[:1], nodes=6, now_seconds=SECOND + 15)
    assert now[0] == CapacityChange(at_seconds=SECOND + 15, nodes=4)


def test_a_drained_node_counts_beside_maintenance_of_others_and_once_with_its_own():
    def left(*names: str, nodes: int = 2, kind=ReservationKind.MAINTENANCE) -> int:
        announced = [a_reservation(lasts=10, nodes=nodes, node_names=names, kind=kind)]
        drained = {"p-01"}
        first, last = reservations.capacity_changes(
            announced, nodes=6, now_seconds=SECOND, drained=drained
        )
        assert (last.at_seconds, last.nodes) == (SECOND + 10, 5)
        return first.nodes

    assert left("p-01", "p-02") == left() == left(kind=CAP) == 4
    assert left("p-02", "p-03") == left(kind=PROJECT) == 3
    assert reservations.capacity_changes((), nodes=6, now_seconds=SECOND, drained={"p-01"}) == ()


@pytest.mark.parametrize(
    ("begins", "lasts", "refusal"),
    [
        (-1, 60, reservations.StartsInThePast),
        (10, 0, reservations.EndsBeforeStart),
        (10, 32 * 86_400, reservations.LastsTooLong),
        (367 * 86_400, 60, reservations.StartsTooLate),
    ],
)
def test_times_that_cannot_be_meant_are_refused(begins, lasts, refusal):
    starts_at = NOON + timedelta(seconds=begins)
    with pytest.raises(refusal):
        reservations.check_times(starts_at, starts_at + timedelta(seconds=lasts), now=NOON)


def test_a_time_without_zone_is_refused_and_any_zone_will_do():
    naive = NOON.replace(tzinfo=None)
    with pytest.raises(TimeWithoutZone):
        reservations.check_times(naive, NOON + timedelta(hours=1), now=NOON)
    elsewhere = NOON.astimezone(timezone(timedelta(hours=1)))
    reservations.check_times(elsewhere, elsewhere + timedelta(hours=1), now=NOON)


def test_nodes_are_given_by_number_or_by_name():
    partition = a_partition()
    assert reservations.check_nodes(partition, 3, ()) == 3
    assert reservations.check_nodes(partition, 0, ("p-01", "p-02", "p-01")) == 2
    for nodes, names, refusal in (
        (0, (), reservations.MoreThanInService),
        (7, (), reservations.MoreThanInService),
        (0, ("p-07",), reservations.UnknownNodes),
        (2, ("p-01",), reservations.NamesAndNumberDiffer),
    ):
        with pytest.raises(refusal):
            reservations.check_nodes(partition, nodes, names)


@given(watts=st.integers(0, 200), nodes=st.integers(1, 12))
def test_a_cap_holds_even_if_every_working_node_draws_its_most(watts, nodes):
    partition = a_partition(nodes=nodes)
    try:
        idle = power_caps.idle_nodes_under_cap(partition, watts)
    except power_caps.CapBelowIdle:
        assert watts < nodes * 4
    except power_caps.CapChangesNothing:
        assert watts >= nodes * 16
    else:
        assert idle * 4 + (nodes - idle) * 16 <= watts
        assert (idle - 1) * 4 + (nodes - idle + 1) * 16 > watts


def test_a_cap_needs_to_know_what_a_node_draws():
    with pytest.raises(power_caps.WattsUnknown):
        power_caps.idle_nodes_under_cap(a_partition(gpus_per_node=4), 50)
    partition = a_partition(gpus_per_node=4, watts_most_per_node=24.0)
    assert power_caps.idle_nodes_under_cap(partition, 84) == 3


def test_what_the_guarantees_need():
    sme = ShareGroup(id="sme", name="S", guarantee=Fraction(1, 4), widest_job_nodes=1)
    science = replace(sme, id="science")
    assert reservations.least_left(a_partition()) == 0
    assert reservations.least_left(a_partition(groups=(sme,))) == 2
    assert reservations.least_left(a_partition(groups=(sme, science))) == 4
    whole = replace(sme, guarantee=Fraction(1))
    assert reservations.least_left(a_partition(groups=(whole,))) == 6


def test_the_guarantees_bound_what_projects_get_and_maintenance_may_take_everything():
    board = Board(nodes=6, least_left=4)
    reservations.check_room(a_reservation(nodes=2, kind=PROJECT), board)
    with pytest.raises(reservations.ReservationsDoNotFit) as refused:
        reservations.check_room(a_reservation(nodes=3, kind=PROJECT), board)
    assert refused.value.facts["most"] == 2
    reservations.check_room(a_reservation(nodes=6), board)
    beside = replace(board, reservations=[a_reservation(nodes=1, kind=PROJECT)])
    with pytest.raises(reservations.ReservationsDoNotFit):
        reservations.check_room(a_reservation(nodes=2), beside)
    with pytest.raises(reservations.ReservationsDoNotFit):
        reservations.check_room(a_reservation(nodes=2, kind=CAP), beside)


def test_what_meets_only_later_is_refused_with_that_instant():
    board = Board(nodes=6, reservations=[a_reservation(begins=50, nodes=4)])
    with pytest.raises(reservations.ReservationsDoNotFit) as refused:
        reservations.check_room(a_reservation(nodes=3), board)
    assert refused.value.facts["at"] == NOON + timedelta(seconds=50)


def test_nobody_is_stopped_and_the_first_instant_that_fits_is_told():
    board = Board(
        nodes=3,
        reservations=[a_reservation(begins=20, lasts=30, nodes=2)],
        occupations=[a_job("p-01", "p-02", ends=10), a_job("p-03", ends=15)],
    )
    with pytest.raises(reservations.JobsStillRun) as refused:
        reservations.check_room(a_reservation(lasts=15, nodes=3), replace(board, reservations=()))
    assert refused.value.facts["first"] == NOON + timedelta(seconds=15)
    with pytest.raises(reservations.JobsStillRun) as refused:
        reservations.check_room(a_reservation(lasts=8, nodes=2), board)
    assert refused.value.facts["first"] == NOON + timedelta(seconds=10)


def test_named_nodes_have_to_be_free_themselves():
    board = Board(nodes=3, occupations=[a_job("p-01", ends=10)])
    reservations.check_room(a_reservation(node_names=("p-02",)), board)
    with pytest.raises(reservations.NodesStillRun) as refused:
        reservations.check_room(a_reservation(node_names=("p-01",)), board)
    assert refused.value.facts["first"] == NOON + timedelta(seconds=10)


def random_board(rng: Random) -> Board:
    nodes = rng.randint(1, 8)
    board = Board(nodes=nodes, least_left=rng.randint(0, nodes))
    names = [f"p-{n:02d}" for n in range(1, nodes + 1)]
    free, jobs = [*names], []
    while free and rng.random() < 0.8:
        jobs.append(a_job(free.pop(), ends=rng.randint(1, 60)))
    drained = frozenset(rng.sample(names, rng.choice([0, 0, rng.randint(0, nodes)])))
    board = replace(board, occupations=tuple(jobs), drained=drained)
    for _ in range(rng.randint(0, 6)):
        board = try_announce(rng, board)
    return board


def try_announce(rng: Random, board: Board) -> Board:
    nodes, kind = rng.randint(1, board.nodes), rng.choice(list(ReservationKind))
    names = [f"p-{n:02d}" for n in range(1, board.nodes + 1)]
    is_named = kind is ReservationKind.MAINTENANCE and rng.random() < 0.5
    asked = a_reservation(
        begins=rng.randint(0, 80),
        lasts=rng.randint(1, 40),
        nodes=nodes,
        kind=kind,
        node_names=tuple(rng.sample(names, nodes)) if is_named else (),
    )
    try:
        reservations.check_room(asked, board)
    except reservations.JobsStillRun as refused:
        start = refused.facts["first"]
        assert start > asked.starts_at
        moved = replace(asked, starts_at=start, ends_at=start + (asked.ends_at - asked.starts_at))
        reservations.check_room(moved, board)  # what was told does fit
        return board
    except (reservations.ReservationsDoNotFit, reservations.NodesStillRun):
        return board
    return replace(board, reservations=[*board.reservations, asked])


@given(seed=st.integers(0, 2**32))
@settings(max_examples=300, deadline=None)
def test_everything_announced_fits_beside_what_runs_and_what_is_guaranteed(seed):
    board = random_board(Random(seed))
    for second in range(SECOND, SECOND + 125):
        there = [
            each
            for each in board.reservations
            if each.starts_at_seconds <= second < each.ends_at_seconds
        ]
        left = board.nodes - reservations.taken_at(there, second, drained=board.drained)
        running = sum(
            len(job.node_names - board.drained)
            for job in board.occupations
            if job.ends_by_seconds > second
        )
        if there:
            assert left >= running
        if any(each.kind is PROJECT for each in there):
            assert left >= board.least_left
        assert left >= 0
