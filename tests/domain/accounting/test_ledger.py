"""Transfers move; balances follow; policies hold."""

import json
from dataclasses import FrozenInstanceError, replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.accounting import allocations, holds
from allmende.domain.accounting.ledger import (
    AccountKind,
    DifferentTransfer,
    NotCorrectable,
    NotEnoughTime,
    TransferKind,
    WrongUnit,
    apply_transfers,
    check_same_unit,
    correct,
    digest_transfers,
    list_new_transfers,
    move,
    recompute_balances,
    render_hours,
    render_reason,
)
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import TimeUnit
from tests.domain.accounting.building import (
    ENTRY,
    NOON,
    PROJECT,
    SHARE,
    a_hold,
    accounts_by_id,
    balances_after,
    held,
    no_balances,
    opening,
)


def apply(transfers, balances=None):
    return apply_transfers(transfers, accounts=accounts_by_id(), balances=balances or no_balances())


def test_account_ids_name_kind_owner_partition_and_access_share():
    assert [account.id for account in accounts_by_id().values()] == [
        "capacity:werkbank:union",
        "pool:werkbank:union:playground",
        "project:pr-1:werkbank:union",
        "held:pr-1:werkbank:union",
        "consumed:pr-1:werkbank:union",
        "expired:werkbank:union",
        "refunded:werkbank:union",
    ]


def test_accounts_are_found_again_from_the_account_of_the_project():
    generous = SHARE.accounts_of("pr-2", may_overdraw_seconds=60)
    assert allocations.accounts_from(generous.project) == generous


def test_a_colon_in_a_name_would_make_ids_ambiguous():
    with pytest.raises(AssertionError):
        allocations.AccessShare(partition_id="a:b", name="union", unit=TimeUnit.GPU_SECONDS)


def test_an_award_moves_time_from_the_pool_to_the_project():
    assert apply(opening(1000)) == no_balances() | {
        "capacity:werkbank:union": -10_000,
        "pool:werkbank:union:playground": 9_000,
        "project:pr-1:werkbank:union": 1_000,
    }


def test_every_deed_on_an_allocation_takes_its_route():
    transfers = [
        *opening(1000),
        allocations.top_up(PROJECT, "playground", top_up_id="1", seconds=50, entry=ENTRY),
        allocations.claw_back(PROJECT, "playground", claw_back_id="1", seconds=150, entry=ENTRY),
        allocations.refund(PROJECT, refund_id="1", seconds=10, entry=ENTRY),
        allocations.expire(PROJECT, expiry_id="1", seconds=910, entry=ENTRY),
    ]
    assert apply(transfers) == no_balances() | {
        "capacity:werkbank:union": -10_000,
        "pool:werkbank:union:playground": 9_100,
        "refunded:werkbank:union": -10,
        "expired:werkbank:union": 910,
    }


def test_a_pool_cannot_award_more_than_it_has():
    with pytest.raises(NotEnoughTime) as refused:
        apply(opening(10_001))
    assert refused.value.sentence.english() == (
        "2.778056 node-h are needed, but 2.777778 node-h are available on "
        "pool:werkbank:union:playground. Ask for less, wait until running jobs give back what "
        "they do not use, or ask the programme office for more time."
    )


def test_a_project_may_be_overdrawn_as_far_as_its_policy_says_and_no_further():
    generous = SHARE.accounts_of("pr-1", may_overdraw_seconds=60)
    accounts = accounts_by_id() | {generous.project.id: generous.project}

    def take(seconds):
        transfer = holds.hold(generous, hold_id="j-1.1", seconds=seconds, entry=ENTRY)
        return apply_transfers([transfer], accounts=accounts, balances=no_balances())

    assert take(60)[generous.project.id] == -60
    with pytest.raises(NotEnoughTime) as refused:
        take(61)
    assert refused.value.facts["available"] == "0.016667"


def test_what_was_used_beyond_the_hold_is_never_refused_but_blocks_the_next_hold():
    used = holds.post(a_hold(1000), PROJECT, used_seconds=1005, entry=ENTRY)
    balances = apply([*opening(1000), held(1000), *used])
    assert balances["project:pr-1:werkbank:union"] == -5
    assert balances["consumed:pr-1:werkbank:union"] == 1005
    with pytest.raises(NotEnoughTime) as refused:
        apply([held(1, "j-2.1")], balances)
    assert refused.value.facts["available"] == "0"


def test_the_first_transfer_that_is_not_covered_refuses_the_batch():
    with pytest.raises(NotEnoughTime) as refused:
        apply([*opening(100), held(60, "j-1.1"), held(60, "j-2.1")])
    assert refused.value.facts["needed"] == "0.016667"


def test_units_do_not_mix():
    gpu = replace(PROJECT.project, unit=TimeUnit.GPU_SECONDS)
    with pytest.raises(AssertionError):
        apply_transfers(
            opening(), accounts=accounts_by_id() | {gpu.id: gpu}, balances=no_balances()
        )
    with pytest.raises(WrongUnit):
        check_same_unit(PROJECT.project, gpu)
    check_same_unit(PROJECT.project, PROJECT.project)


def test_a_transfer_off_its_route_is_a_mistake_of_the_program():
    astray = move(
        TransferKind.POST, "x", (PROJECT.project.id, PROJECT.consumed.id), seconds=1, entry=ENTRY
    )
    with pytest.raises(AssertionError):
        apply([*opening(), astray])


def test_a_transfer_cannot_be_edited_and_moves_something_somewhere():
    transfer = opening()[0]
    with pytest.raises(FrozenInstanceError):
        transfer.amount_seconds = 2
    for broken in (
        {"amount_seconds": 0},
        {"amount_seconds": -1},
        {"credit_account_id": transfer.debit_account_id},
        {"at": datetime(2026, 1, 1)},  # noqa: DTZ001 - the naive instant is the point
    ):
        with pytest.raises(AssertionError):
            replace(transfer, **broken)


def test_a_repeated_transfer_is_nothing_new():
    first = opening()
    later = [replace(each, at=NOON + timedelta(days=1), reason=Sentence("again")) for each in first]
    assert list_new_transfers(later, {each.id: each for each in first}) == []
    assert list_new_transfers([*first, *later], {}) == first


@pytest.mark.parametrize(
    "change",
    [
        {"kind": TransferKind.TOP_UP},
        {"debit_account_id": "elsewhere"},
        {"credit_account_id": "elsewhere"},
        {"amount_seconds": 1},
        {"hold_id": "j-1.1"},
        {"corrects_id": "t-1"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_same_id_with_another_content_is_refused(change):
    first = opening()[1]
    other = replace(first, **change)
    with pytest.raises(DifferentTransfer):
        list_new_transfers([other], {first.id: first})
    with pytest.raises(DifferentTransfer):
        list_new_transfers([first, other], {})


@pytest.mark.parametrize("number", [0, 1])
def test_a_correction_undoes_its_original_and_names_it(number):
    before = [*opening()]
    original = before[number]
    correction = correct(original, entry=ENTRY)
    assert (correction.id, correction.corrects_id) == (f"correct:{original.id}", original.id)
    undone = balances_after([original, correction])
    assert undone == no_balances()
    if number == 1:
        assert apply([*before, correction]) == balances_after([before[0]])


def test_holds_and_corrections_are_not_corrected():
    closing = holds.void(a_hold(), PROJECT, entry=ENTRY)
    correction = correct(opening()[1], entry=ENTRY)
    for original in (held(), closing, correction):
        with pytest.raises(NotCorrectable):
            correct(original, entry=ENTRY)


def test_a_correction_cannot_take_what_is_spent_already():
    transfers = [*opening(100), held(100)]
    with pytest.raises(NotEnoughTime):
        apply([*transfers, correct(transfers[1], entry=ENTRY)])


def test_a_reason_with_facts_of_every_kind_is_read_back():
    reason = Sentence(
        "{job} on {nodes} nodes for {hours} h because {why}",
        {"job": "j-1", "nodes": 2, "hours": Decimal("1.5"), "why": Sentence("so")},
    )
    read_back = Sentence.from_json(json.loads(render_reason(reason)))
    assert read_back == Sentence(reason.template, {**reason.facts, "hours": "1.5"})
    # An exported ledger gives the digest that stands in the audit event.
    written, read = [[replace(opening()[0], reason=each)] for each in (reason, read_back)]
    assert digest_transfers(written) == digest_transfers(read)


@pytest.mark.parametrize(
    ("seconds", "hours"),
    [(0, "0"), (3600, "1"), (36_000, "10"), (5400, "1.5"), (1, "0.000278"), (-1800, "-0.5")],
)
def test_hours_are_written_without_needless_zeros(seconds, hours):
    assert render_hours(seconds) == hours


def test_a_digest_shows_every_change():
    first = opening()
    changed = [
        replace(first[0], **change)
        for change in (
            {"id": "other"},
            {"amount_seconds": 9},
            {"reason": Sentence("otherwise")},
            {"deed": "another"},
            {"at": NOON + timedelta(microseconds=1)},
        )
    ]
    digests = {digest_transfers([each, first[1]]) for each in [first[0], *changed]}
    assert len(digests) == 6
    assert digest_transfers(first) != digest_transfers(first[::-1])
    same = [replace(each, reason=Sentence("because")) for each in first]
    assert digest_transfers(first) == digest_transfers(same)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "c"]), st.sampled_from(["d", "e"]), st.integers(1, 10**12)
        )
    )
)
def test_balances_recomputed_from_any_transfers_sum_to_zero(moves):
    transfers = [
        move(TransferKind.FUND, str(number), (debit, credit), seconds, ENTRY)
        for number, (debit, credit, seconds) in enumerate(moves)
    ]
    assert sum(recompute_balances(transfers).values()) == 0


def test_only_capacity_and_refunds_may_be_overdrawn_without_limit():
    unlimited = {account.kind for account in accounts_by_id().values() if account.allows(-(10**18))}
    assert unlimited == {AccountKind.CAPACITY, AccountKind.REFUNDED}


def test_a_budget_accounts_for_every_second():
    parts = {
        "awarded_seconds": 1000,
        "held_seconds": 100,
        "consumed_seconds": 300,
        "refunded_seconds": 50,
        "expired_seconds": 20,
    }
    place = {
        "project_id": "pr-1",
        "partition_id": "werkbank",
        "access_share": "union",
        "unit": TimeUnit.NODE_SECONDS,
    }
    assert allocations.Budget(**place, **parts, available_seconds=630).held_seconds == 100
    with pytest.raises(AssertionError):
        allocations.Budget(**place, **parts, available_seconds=631)
