"""A hold closes as a whole: posted, voided or expired."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.accounting import holds
from allmende.domain.accounting.holds import HoldIsSettled, HoldState
from allmende.domain.accounting.ledger import TransferKind, apply_transfers
from tests.domain.accounting.building import (
    ENTRY,
    PROJECT,
    a_hold,
    accounts_by_id,
    held,
    no_balances,
)


def closed_by(hold, transfers):
    return replace(hold, closings=tuple(holds.list_moves(transfers)))


def moved(transfers):
    return [(each.id, each.kind.value, each.amount_seconds) for each in transfers]


@pytest.mark.parametrize(
    ("used_seconds", "expected"),
    [
        (0, [("close:j-1.1", "release", 100)]),
        (60, [("close:j-1.1", "post", 60), ("rest:j-1.1", "release", 40)]),
        (100, [("close:j-1.1", "post", 100)]),
        (107, [("close:j-1.1", "post", 100), ("overrun:j-1.1", "overrun", 7)]),
    ],
)
def test_a_post_charges_what_was_used_and_gives_the_rest_back(used_seconds, expected):
    transfers = holds.post(a_hold(100), PROJECT, used_seconds=used_seconds, entry=ENTRY)
    assert moved(transfers) == expected


def test_nobody_uses_less_than_nothing():
    with pytest.raises(AssertionError):
        holds.post(a_hold(100), PROJECT, used_seconds=-1, entry=ENTRY)


def test_void_and_expiry_give_everything_back():
    hold = a_hold(100)
    assert moved([holds.void(hold, PROJECT, entry=ENTRY)]) == [("close:j-1.1", "void", 100)]
    expired = holds.expire_hold(hold, PROJECT, entry=ENTRY)
    assert moved([expired]) == [("close:j-1.1", "expire_hold", 100)]


def test_a_hold_is_gathered_from_its_transfers():
    hold = a_hold(100)
    closings = holds.post(hold, PROJECT, used_seconds=107, entry=ENTRY)
    moves = holds.list_moves([held(100), *closings])
    gathered = holds.gather_holds(moves)
    assert gathered == {"j-1.1": replace(hold, closings=tuple(moves[1:]))}
    assert gathered["j-1.1"].state is HoldState.CLOSED
    assert gathered["j-1.1"].used_seconds == 107
    assert gathered["j-1.1"].project_account_id == PROJECT.project.id
    with pytest.raises(AssertionError):
        holds.gather_holds(moves[1:])
    assert (hold.state, hold.used_seconds, hold.held_seconds) == (HoldState.OPEN, 0, 100)


def test_the_same_settlement_again_is_done_already():
    hold = a_hold(100)
    closings = holds.post(hold, PROJECT, used_seconds=60, entry=ENTRY)
    assert not holds.is_closed_by(hold, closings)
    assert holds.is_closed_by(closed_by(hold, closings), closings)


def test_another_settlement_of_a_closed_hold_is_refused():
    hold = a_hold(100)
    closed = closed_by(hold, holds.post(hold, PROJECT, used_seconds=60, entry=ENTRY))
    for other in (
        holds.post(hold, PROJECT, used_seconds=61, entry=ENTRY),
        holds.post(hold, PROJECT, used_seconds=100, entry=ENTRY),
        [holds.void(hold, PROJECT, entry=ENTRY)],
    ):
        with pytest.raises(HoldIsSettled) as refused:
            holds.is_closed_by(closed, other)
        assert refused.value.facts == {"hold": "j-1.1", "used": 60}


@given(seconds=st.integers(1, 10**9), used=st.integers(0, 2 * 10**9))
def test_after_a_post_nothing_is_held_and_the_use_is_consumed(seconds, used):
    posted = holds.post(a_hold(seconds), PROJECT, used_seconds=used, entry=ENTRY)
    transfers = [held(seconds), *posted]
    start = no_balances() | {PROJECT.project.id: seconds}
    after = apply_transfers(transfers, accounts=accounts_by_id(), balances=start)
    assert after == start | {
        PROJECT.project.id: seconds - used,
        PROJECT.held.id: 0,
        PROJECT.consumed.id: used,
    }
    kinds = [each.kind for each in transfers]
    assert (TransferKind.OVERRUN in kinds) == (used > seconds)
