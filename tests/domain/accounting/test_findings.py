"""A check finds what is wrong, each time, and nothing in a clean ledger."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.accounting import allocations, holds
from allmende.domain.accounting.findings import check_ledger
from allmende.domain.accounting.ledger import TransferKind, correct, recompute_balances
from allmende.domain.basics.units import TimeUnit
from tests.domain.accounting.building import (
    ENTRY,
    PROJECT,
    SHARE,
    a_hold,
    accounts_by_id,
    balances_after,
    chart,
    held,
    opening,
)

HOLD = a_hold(100)
POSTED = list(holds.post(HOLD, PROJECT, used_seconds=60, entry=ENTRY))
LATE = a_hold(50, "j-2.1")
OVERRUN = list(holds.post(LATE, PROJECT, used_seconds=55, entry=ENTRY))
REFUND = allocations.refund(PROJECT, refund_id="j-1.1", seconds=60, entry=ENTRY)
CLEAN = [
    *opening(),
    held(),
    held(50, "j-2.1"),
    *POSTED,
    *OVERRUN,
    REFUND,
    correct(REFUND, entry=ENTRY),
    held(30, "j-3.1"),
]


def rules(transfers, *, accounts=None, balances=None):
    expected = balances_after(transfers) if balances is None else balances
    findings = check_ledger(accounts or chart(), transfers, expected)
    return [(finding.rule, finding.subject) for finding in findings]


def test_a_clean_ledger_has_no_findings():
    assert rules(CLEAN) == []
    assert rules([]) == []


def test_a_transfer_that_stands_there_twice_is_found():
    assert ("doubled", "award:aw-1") in rules([*CLEAN, CLEAN[1]])


def test_a_transfer_on_an_account_that_was_never_opened_is_found():
    without = [account for account in chart() if account.id != PROJECT.consumed.id]
    assert ("unknown_account", "close:j-1.1") in rules(CLEAN, accounts=without)
    without = [account for account in chart() if account.id != SHARE.capacity().id]
    assert ("unknown_account", "fund:f") in rules(CLEAN, accounts=without)


def test_mixed_units_are_found():
    gpu = replace(PROJECT.project, unit=TimeUnit.GPU_SECONDS)
    accounts = (accounts_by_id() | {gpu.id: gpu}).values()
    found = rules(CLEAN, accounts=accounts)
    assert ("mixed_units", "award:aw-1") in found
    assert ("not_balanced", "gpu_seconds") in found


def test_a_transfer_off_its_route_is_found():
    astray = replace(CLEAN[1], id="astray", kind=TransferKind.REFUND)
    assert rules([*CLEAN, astray]) == [("wrong_route", "astray")]


def test_an_account_below_its_policy_is_found_where_it_happened():
    too_much = held(10_000, "j-4.1")
    more = allocations.top_up(PROJECT, "playground", top_up_id="1", seconds=9000, entry=ENTRY)
    later = allocations.fund(SHARE, "playground", fund_id="g", seconds=9000, entry=ENTRY)
    assert rules([*CLEAN, too_much, later, more]) == [("overdrawn", "hold:j-4.1")]


def test_an_overrun_below_zero_is_policy_and_no_finding():
    hold = a_hold(1000)
    posted = holds.post(hold, PROJECT, used_seconds=1010, entry=ENTRY)
    assert rules([*opening(1000), held(1000), *posted]) == []


def test_a_hold_made_twice_is_found():
    again = replace(held(), id="again")
    assert rules([*CLEAN, again]) == [("held_twice", "again"), ("held_differs", PROJECT.held.id)]


def test_a_hold_posted_twice_is_found():
    again = replace(POSTED[0], id="again")
    assert ("not_closed_exactly", "j-1.1") in rules([*CLEAN, again])


def test_a_hold_closed_in_part_is_found():
    found = rules([each for each in CLEAN if each.id != "rest:j-1.1"])
    assert found == [("not_closed_exactly", "j-1.1"), ("held_differs", PROJECT.held.id)]


def test_closing_or_overrunning_no_hold_is_found():
    closing = replace(POSTED[0], id="stray", hold_id="j-9.1", amount_seconds=1)
    overrun = replace(OVERRUN[1], id="over", hold_id="j-9.1")
    found = rules([*CLEAN, closing, overrun])
    assert found[:2] == [("no_such_hold", "stray"), ("no_such_hold", "over")]


def test_a_correction_of_nothing_or_a_second_one_is_found():
    second = replace(correct(REFUND, entry=ENTRY), id="second")
    assert rules([*CLEAN, second]) == [("corrected_twice", "second")]
    nothing = replace(second, id="nothing", corrects_id="no-such")
    assert rules([*CLEAN, nothing]) == [("no_such_original", "nothing")]
    half = replace(second, id="half", amount_seconds=59, corrects_id="refund:j-1.1")
    assert ("no_such_original", "half") in rules([*CLEAN, half])


def test_a_balance_that_differs_from_its_transfers_is_found():
    balances = balances_after(CLEAN)
    balances[PROJECT.project.id] += 1
    assert rules(CLEAN, balances=balances) == [
        ("balance_differs", PROJECT.project.id),
        ("not_balanced", "node_seconds"),
    ]
    moved = balances_after(CLEAN) | {"project:none:werkbank:union": 5}
    assert rules(CLEAN, balances=moved) == [("balance_differs", "project:none:werkbank:union")]


@pytest.mark.parametrize("number", range(len(CLEAN)))
def test_a_removed_transfer_is_found(number):
    without = [*CLEAN[:number], *CLEAN[number + 1 :]]
    assert rules(without, balances=balances_after(CLEAN)) != []


@given(number=st.integers(0, len(CLEAN) - 1), change=st.integers(1, 10**6))
def test_a_changed_amount_is_found(number, change):
    changed = list(CLEAN)
    amount = changed[number].amount_seconds
    changed[number] = replace(changed[number], amount_seconds=amount + change)
    assert rules(changed, balances=recompute_balances(CLEAN)) != []
