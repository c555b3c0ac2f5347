from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.accounting import usage
from allmende.domain.accounting.allocations import AccessShare
from allmende.domain.accounting.ledger import Entry
from allmende.domain.accounting.usage import Surroundings, Usage, UsageState
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition, PartitionStatus
from allmende.domain.basics.units import TimeUnit
from allmende.domain.basics.usage_records import UsageRecord

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
ENTRY = Entry(at=NOON, reason=Sentence("a trial"), deed="a trial")
PARTITION = Partition(
    id="gpu",
    name="GPU",
    site_id="lab",
    country="DE",
    status=PartitionStatus.SLURM,
    unit=TimeUnit.GPU_SECONDS,
    hardware="",
    gpus_per_node=4,
)
SHARE = AccessShare(partition_id="gpu", name="union", unit=TimeUnit.GPU_SECONDS)
ACCOUNTS = SHARE.accounts_of("pr-1")
RECORD = UsageRecord(
    cluster="lab",
    job_id=7,
    submitted_at=NOON,
    user_name="meyer",
    account="pr-1",
    partition="gpu",
    state="COMPLETED",
    started_at=NOON,
    ended_at=NOON + timedelta(seconds=100),
    allocated_nodes=2,
    allocated_gpus=3,
)
USAGE = Usage(
    record=RECORD,
    read_at=NOON,
    first_seen_at=NOON,
    site_id="lab",
    state=UsageState.CHARGED,
    used_seconds=300,
)
AROUND = Surroundings(partition=PARTITION, accounts=ACCOUNTS, begins_at=NOON)


def test_gpus_count_where_gpus_are_charged_and_nodes_elsewhere():
    assert usage.count_used(RECORD, PARTITION) == 300
    assert usage.count_used(RECORD, replace(PARTITION, unit=TimeUnit.NODE_SECONDS)) == 200
    assert usage.count_used(RECORD, None) == 200
    running = replace(RECORD, ended_at=None)
    assert usage.count_used(running, PARTITION) == 0
    assert usage.count_until(running, PARTITION, now=NOON + timedelta(seconds=5)) == 15
    assert usage.count_until(RECORD, PARTITION, now=NOON) == 300


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, UsageState.CHARGED),
        ({"partition": None}, UsageState.UNKNOWN_PARTITION),
        ({"begins_at": None}, UsageState.UNKNOWN_ACCOUNT),
        ({"accounts": None}, UsageState.NO_TIME),
        ({"awaits_settlement": True}, UsageState.SETTLING),
        ({"begins_at": NOON + timedelta(seconds=100)}, UsageState.BEFORE_BEGIN),
    ],
)
def test_a_record_stands_where_its_surroundings_say(changes, state):
    assert usage.judge(USAGE, replace(AROUND, **changes)) is state


def test_a_record_that_runs_is_running_and_one_that_was_settled_is_charged():
    running = replace(USAGE, record=replace(RECORD, ended_at=None))
    assert usage.judge(running, AROUND) is UsageState.RUNNING
    late = replace(AROUND, begins_at=NOON + timedelta(1))
    assert usage.judge(replace(USAGE, settled_seconds=1), late) is UsageState.CHARGED


def test_an_attempt_of_ours_is_named():
    assert replace(USAGE, attempt_key="j-1.1").is_ours
    assert not USAGE.is_ours


def test_what_is_kept_of_a_record_leaves_out_the_words_of_others():
    told = replace(RECORD, comment="secret", nodes=("n1",), job_name="x" * 300)
    assert usage.trim(told) == replace(RECORD, job_name="x" * 200)
    ours = replace(RECORD, comment="allmende:j-1.1")
    assert usage.trim(ours).comment == "allmende:j-1.1"


READINGS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 3), st.sampled_from(["FAILED", "COMPLETED"])),
    min_size=1,
    max_size=6,
)


@given(READINGS, st.randoms())
def test_readings_in_any_order_and_twice_end_in_the_same_record(readings, dice):
    def hear(order):
        known = None
        for minute, seconds, state in order:
            ended_at = NOON + timedelta(seconds=seconds) if seconds else None
            record = replace(RECORD, ended_at=ended_at, state=state)
            read_at = NOON + timedelta(minutes=minute)
            if known is None or usage.is_newer(known, record, read_at=read_at):
                known = replace(USAGE, record=record, read_at=read_at)
        return known

    shuffled = readings * 2
    dice.shuffle(shuffled)
    assert hear(shuffled) == hear(readings)


AMOUNTS = st.lists(st.tuples(st.integers(0, 10), st.booleans()), min_size=1, max_size=8)


@given(AMOUNTS, st.integers(0, 5))
def test_transfers_bring_the_ledger_to_what_is_owed_and_then_move_nothing(amounts, settled):
    known = replace(USAGE, settled_seconds=settled)
    balances = {ACCOUNTS.consumed.id: settled, SHARE.refunded().id: 0}
    ids = set()
    for seconds, was_lost in amounts:
        record = replace(RECORD, state="NODE_FAIL" if was_lost else "COMPLETED")
        known = replace(known, record=record, used_seconds=seconds)
        known, moves = usage.true_up(known, ACCOUNTS, entry=ENTRY)
        for move in moves:
            assert move.id not in ids
            assert move.id in usage.list_transfer_ids(known)
            ids.add(move.id)
            for account_id, sign in ((move.debit_account_id, -1), (move.credit_account_id, 1)):
                balances[account_id] = balances.get(account_id, 0) + sign * move.amount_seconds
        given_back = seconds if was_lost else 0
        assert balances[ACCOUNTS.consumed.id] == known.booked_seconds == seconds
        assert -balances[SHARE.refunded().id] == known.given_back_seconds == given_back
        assert usage.true_up(known, ACCOUNTS, entry=ENTRY) == (known, ())


def test_what_a_settlement_gave_back_stays_given_back_to_the_second():
    known = replace(USAGE, settled_seconds=200, settled_refund_seconds=200)
    known, _ = usage.true_up(known, ACCOUNTS, entry=ENTRY)
    assert (known.booked_seconds, known.given_back_seconds) == (300, 300)
