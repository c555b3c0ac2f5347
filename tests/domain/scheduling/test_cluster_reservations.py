"""What a cluster is told of reservations: only what is missing, changed, or no longer wanted."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.scheduling.cluster_reservations import (
    ClusterReservation,
    Step,
    Verb,
    list_steps,
    translate,
)
from allmende.domain.scheduling.reservations import NodeReservation, ReservationKind

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WINDOW = ClusterReservation(
    name="rv-1", partition="gpu", starts_at=NOON, ends_at=NOON + HOUR, nodes=2, account="p-1"
)


def steps(wanted, actual, *, ours=("rv-1",), now=NOON - HOUR):
    found = list_steps(wanted, {each.name: each for each in actual}, ours=ours, now=now)
    return [(step.verb, step.reservation) for step in found]


def test_a_window_is_kept_a_minute_longer_for_limits_are_counted_in_minutes():
    facts = {"id": "rv-1", "partition_id": "here", "nodes": 2, "announced_by": "p", "reason": "x"}
    times = {"starts_at": NOON, "ends_at": NOON + HOUR, "announced_at": NOON}
    window = NodeReservation(kind=ReservationKind.PROJECT, project_id="p-1", **facts, **times)
    told = translate(window, partition="gpu")
    assert told == replace(WINDOW, ends_at=NOON + HOUR + timedelta(minutes=1))
    assert not told.is_maintenance
    out = translate(
        replace(window, kind=ReservationKind.MAINTENANCE, project_id=""), partition="gpu"
    )
    assert (out.ends_at, out.is_maintenance) == (NOON + HOUR, True)


def test_what_is_missing_is_made_and_what_was_changed_by_hand_is_mended():
    assert steps([WINDOW], [WINDOW]) == []
    assert steps([WINDOW], []) == [(Verb.CREATE, WINDOW)]
    assert steps([WINDOW], [replace(WINDOW, nodes=1)]) == [(Verb.UPDATE, WINDOW)]
    assert steps([], [WINDOW]) == [(Verb.DELETE, WINDOW)]


def test_one_that_was_lost_begins_anew_and_that_is_no_difference():
    later = NOON + HOUR / 2
    ((_, made),) = steps([WINDOW], [], now=later)
    assert (made.starts_at, made.ends_at) == (later, WINDOW.ends_at)
    assert steps([WINDOW], [made], now=later) == []
    assert steps([WINDOW], [replace(made, account="p-2")], now=later) == [(Verb.UPDATE, WINDOW)]


def test_when_it_began_is_not_changed_but_what_began_early_is_made_anew():
    narrow = replace(WINDOW, nodes=1)
    (step,) = list_steps([WINDOW], {"rv-1": narrow}, ours=["rv-1"], now=NOON + HOUR / 2)
    assert step == Step(verb=Verb.UPDATE, reservation=WINDOW, has_begun=True)
    early = replace(WINDOW, starts_at=NOON - 2 * HOUR)
    assert steps([WINDOW], [early]) == [(Verb.DELETE, early)]
    assert steps([WINDOW], [replace(WINDOW, starts_at=NOON - HOUR / 2)]) == [(Verb.UPDATE, WINDOW)]


def test_reservations_of_others_are_never_touched():
    assert steps([], [replace(WINDOW, name="root_7")]) == []


@given(
    wanted=st.sets(st.integers(0, 5)),
    actual=st.dictionaries(st.integers(0, 8), st.integers(1, 3)),
    at=st.integers(-3600, 3500),
)
def test_after_the_steps_there_is_nothing_left_to_do(wanted, actual, at):
    now = NOON + timedelta(seconds=at)
    shall = [replace(WINDOW, name=f"rv-{number}") for number in wanted]
    ours = [f"rv-{number}" for number in range(6)]
    there = {f"rv-{key}": replace(WINDOW, name=f"rv-{key}", nodes=n) for key, n in actual.items()}
    foreign = {name: each for name, each in there.items() if name not in ours}
    for step in list_steps(shall, there, ours=ours, now=now):
        if step.verb is Verb.DELETE:
            del there[step.reservation.name]
        else:
            there[step.reservation.name] = step.reservation
    assert list_steps(shall, there, ours=ours, now=now) == []
    assert foreign.items() <= there.items()
    assert {name for name in there if name in ours} == {each.name for each in shall}
