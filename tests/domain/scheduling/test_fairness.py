import json
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from allmende.domain.scheduling import lags
from allmende.domain.scheduling.boards import BOOKED, COUNTS_USAGE, HALF_LIFE, NOW
from allmende.domain.scheduling.fairness import FairnessState, GroupState, advance, lag_bound
from allmende.domain.scheduling.layouts import lay_out
from allmende.domain.scheduling.orders import begin
from allmende.domain.scheduling.shares import MICRONODES, Share
from allmende.domain.scheduling.usages import (
    REBASE_HALF_LIVES,
    SCALE_BITS,
    USAGE_BITS,
    decayed_node_seconds,
    power_of_two,
)
from allmende.domain.scheduling.waiting import push_first
from tests.domain.scheduling.worlds import (
    a_machine,
    a_pending,
    a_policy,
    a_snapshot,
    a_tree,
    random_snapshot,
)

POLICY = a_policy(usage_half_life_seconds=100)
SME = ("sme",)
LEAF = ("sme", "project", "person")


def a_state(running, waiting, claim=1_500_000, threshold=10**9):
    return GroupState(
        path=SME,
        claim_micronodes=claim,
        rate_micronodes=min(claim, (running + waiting) * MICRONODES),
        running_nodes=running,
        demand_nodes=running + waiting,
        lag_micronode_seconds=0,
        pressing_threshold=threshold,
        is_pressing=False,
    )


def lag_after(group, seconds, before=0):
    state = FairnessState(at_seconds=0, usage_epoch_seconds=0, lags={SME: before})
    after = advance(state, until=seconds, groups=[group], running={}, policy=POLICY)
    return after.lags.get(SME, 0)


def test_half_a_node_that_is_missing_is_owed_half_a_node_second_per_second():
    assert lag_after(a_state(running=1, waiting=1), 10) == 5 * MICRONODES


def test_running_more_than_the_claim_pays_the_lag_back_and_earns_no_credit():
    assert lag_after(a_state(running=2, waiting=1), 4, before=5 * MICRONODES) == 3 * MICRONODES
    assert lag_after(a_state(running=2, waiting=1), 40, before=5 * MICRONODES) == 0


def test_who_asks_for_less_than_the_claim_is_owed_no_more_than_that():
    assert lag_after(a_state(running=0, waiting=1), 10) == 10 * MICRONODES


def test_nothing_is_owed_to_who_has_nothing_waiting():
    assert lag_after(a_state(running=1, waiting=0), 10, before=5 * MICRONODES) == 0


def test_a_group_without_guarantee_has_no_lag():
    assert lag_after(a_state(running=0, waiting=3, claim=0), 10) == 0


def test_a_claim_presses_once_its_lag_is_above_the_threshold_and_only_then():
    state = FairnessState.begin(0)
    group = a_state(running=0, waiting=2, threshold=15 * MICRONODES)
    at_threshold = advance(state, until=10, groups=[group], running={}, policy=POLICY)
    above = advance(at_threshold, until=11, groups=[group], running={}, policy=POLICY)
    later = advance(above, until=20, groups=[group], running={}, policy=POLICY)
    paid = advance(
        later, until=40, groups=[a_state(running=3, waiting=1)], running={}, policy=POLICY
    )
    assert [s.pressing_since for s in (at_threshold, above, later, paid)] == [
        {},
        {SME: 11},
        {SME: 11},
        {},
    ]
    assert paid.worst_lags == {SME: 30 * MICRONODES}


def test_the_bound_is_claim_and_widest_job_times_the_horizon():
    share = Share(path=SME, guarantee_ppm=250_000, widest_job_nodes=1)
    slow = a_policy(max_time_limit_seconds=300)
    fast = a_policy(
        max_time_limit_seconds=300,
        preemption=True,
        response_target_seconds=20,
        max_grace_seconds=5,
        max_unpreemptible_limit_seconds=10,
    )
    assert lag_bound(share, capacity_nodes=6, policy=slow) == 2_500_000 * 300
    assert lag_bound(share, capacity_nodes=6, policy=fast) == 2_500_000 * 20


def test_usage_halves_in_one_half_life():
    start = FairnessState.begin(1_000)
    worked = advance(start, until=1_010, groups=[], running={LEAF: 4}, policy=POLICY)
    rested = advance(worked, until=1_110, groups=[], running={}, policy=POLICY)
    assert worked.decayed_usage(SME, POLICY) in (38, 39)  # 40, the first seconds already decaying
    assert rested.decayed_usage(SME, POLICY) == worked.decayed_usage(SME, POLICY) // 2
    assert rested.decayed_usage(("sme", "project"), POLICY) == rested.decayed_usage(LEAF, POLICY)


def test_time_alone_touches_no_usage():
    start = FairnessState(at_seconds=0, usage_epoch_seconds=0, usages={SME: 7, ("a",): 5})
    later = advance(start, until=399, groups=[], running={}, policy=POLICY)
    assert later.usages == start.usages


@given(steps=st.lists(st.integers(min_value=0, max_value=500), min_size=1, max_size=12))
def test_it_does_not_matter_how_often_one_advances(steps):
    start = FairnessState.begin(0)
    group = a_state(running=1, waiting=2)
    state, now = start, 0
    for step in steps:
        now += step
        state = advance(state, until=now, groups=[group], running={LEAF: 3}, policy=POLICY)
    at_once = advance(start, until=now, groups=[group], running={LEAF: 3}, policy=POLICY)
    assert (state.lags, state.worst_lags) == (at_once.lags, at_once.worst_lags)
    if now < REBASE_HALF_LIVES * POLICY.usage_half_life_seconds:
        assert state.usages == at_once.usages


def test_where_no_order_depends_on_usage_time_passes_without_booking_any():
    job = a_pending("j", "sme")
    snapshot = a_snapshot(a_machine(4), a_tree(sme=(500_000, 1)), [job])
    boards = [lay_out(snapshot, POLICY, [job]) for _ in range(2)]
    for counts, board in enumerate(boards):
        push_first(board, 1)
        begin(board)
        board.settings[COUNTS_USAGE], board.settings[HALF_LIFE] = counts, 100
        before = board.settings[BOOKED]
        lags.advance(board, board.settings[NOW] + 10)
        assert (board.settings[BOOKED] > before) == bool(counts)
        lags.advance(board, board.settings[NOW] + 5)
    assert [board.groups.lags.tolist() for board in boards] == [[15 * MICRONODES]] * 2
    now = snapshot.now_seconds
    assert {int(board.settings[NOW]) for board in boards} == {now + 15}
    # Any lag is above a threshold of nothing: the claim presses since it was first looked at.
    assert [board.groups.pressing_since.tolist() for board in boards] == [[now + 10]] * 2


def test_moving_the_epoch_keeps_the_order_and_the_numbers_small():
    half_life = POLICY.usage_half_life_seconds
    state = FairnessState.begin(0)
    for step in range(1, 300):
        running = {("a", "p", "u"): 2, ("b", "p", "u"): 1}
        state = advance(state, until=step * half_life, groups=[], running=running, policy=POLICY)
    assert state.usages["a",] > state.usages["b",]
    assert max(state.usages.values()).bit_length() < 20
    assert state.decayed_usage(("a",), POLICY) in range(285, 290)  # 2 nodes x half-life ÷ ln 2


def test_powers_of_two_are_exact_at_whole_half_lives_and_rise_in_between():
    values = [power_of_two(second, 100) for second in range(401)]
    assert values[::100] == [1 << (SCALE_BITS + n) for n in range(5)]
    assert values == sorted(set(values))
    assert decayed_node_seconds(8 << USAGE_BITS, age_seconds=300, half_life_seconds=100) == 1


@given(seed=st.integers(min_value=0, max_value=2**32))
@settings(max_examples=50, deadline=None)
def test_a_state_survives_json(seed):
    state = random_snapshot(Random(seed)).fairness
    assert FairnessState.from_json(json.loads(json.dumps(state.to_json()))) == state


def test_a_group_knows_what_it_borrows():
    assert a_state(running=4, waiting=0).borrowed_nodes == 3
    assert a_state(running=1, waiting=0).borrowed_nodes == 0
