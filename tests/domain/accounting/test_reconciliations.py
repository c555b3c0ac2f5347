"""Each second by which a cluster and the ledger differ has its cause, or counts as unexplained."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from allmende.domain.accounting.reconciliations import (
    Cause,
    LedgerGap,
    Reconciled,
    Reconciliation,
    Total,
)
from allmende.domain.accounting.usage import Usage, UsageState
from allmende.domain.basics.periods import Period
from allmende.domain.basics.units import TimeUnit
from allmende.domain.basics.usage_records import UsageRecord

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
RUN = UsageRecord(
    cluster="lab",
    job_id=7,
    submitted_at=NOON,
    user_name="meyer",
    account="p-1",
    partition="booster",
    state="COMPLETED",
    started_at=NOON,
    ended_at=NOON + timedelta(seconds=10),
    allocated_nodes=2,
)
KNOWN = Usage(
    record=RUN,
    read_at=NOON,
    first_seen_at=NOON,
    site_id="s",
    state=UsageState.CHARGED,
    used_seconds=20,
    charged_seconds=20,
)


def reconcile(record: UsageRecord, known: Usage | None) -> Reconciled:
    line = Reconciled(account="p-1", partition="booster", unit=TimeUnit.NODE_SECONDS)
    line.add(record, known, None, NOON + timedelta(seconds=30))
    return line


def test_a_charged_run_differs_by_nothing():
    line = reconcile(RUN, KNOWN)
    assert (line.slurm_seconds, line.ledger_seconds, line.difference_seconds) == (20, 20, 0)
    assert (line.causes, line.unexplained_seconds) == ({}, 0)


@pytest.mark.parametrize(
    ("record", "known", "causes"),
    [
        (RUN, None, {Cause.NOT_COLLECTED: 20}),
        (replace(RUN, ended_at=None), None, {Cause.RUNNING: 60}),
        (RUN, replace(KNOWN, refunded_seconds=20), {Cause.REFUNDED: 20}),
        (
            replace(RUN, ended_at=NOON + timedelta(seconds=15)),
            KNOWN,
            {Cause.CHANGED: 10},
        ),
        (
            RUN,
            replace(KNOWN, state=UsageState.UNKNOWN_ACCOUNT, charged_seconds=0),
            {Cause.UNKNOWN_ACCOUNT: 20},
        ),
        (
            RUN,
            replace(KNOWN, state=UsageState.RUNNING, used_seconds=0, charged_seconds=0),
            {Cause.NOT_COLLECTED: 20},
        ),
        (
            replace(RUN, ended_at=None),
            replace(KNOWN, state=UsageState.RUNNING, used_seconds=0, charged_seconds=0),
            {Cause.RUNNING: 60},
        ),
    ],
)
def test_every_difference_has_its_cause(record, known, causes):
    line = reconcile(record, known)
    assert line.causes == causes
    assert line.unexplained_seconds == 0
    assert line.difference_seconds == sum(causes.values())


def test_what_nothing_explains_is_counted():
    assert reconcile(RUN, replace(KNOWN, charged_seconds=13)).unexplained_seconds == 7


def test_what_the_cluster_never_told_of_is_named():
    line = reconcile(RUN, KNOWN)
    line.add_unknown_to_slurm(5)
    assert (line.ledger_seconds, line.difference_seconds) == (25, -5)
    assert line.causes == {Cause.NOT_IN_SLURM: -5}


def test_a_ledger_that_holds_leaves_no_gap_and_a_second_too_much_is_one():
    gap = LedgerGap(
        project_id="p-1",
        partition_id="booster",
        balance_seconds=90,
        record_seconds=70,
        without_record_seconds=25,
        corrected_seconds=5,
    )
    assert gap.unexplained_seconds == 0
    assert replace(gap, balance_seconds=89).unexplained_seconds == -1


def test_lines_add_up_unit_by_unit_and_no_gap_makes_up_for_another():
    short, long = replace(KNOWN, charged_seconds=13), replace(KNOWN, charged_seconds=29)
    lines = (reconcile(RUN, short), reconcile(RUN, long), reconcile(RUN, None))
    gpus = Reconciled(account="p-1", partition="gpu", unit=TimeUnit.GPU_SECONDS)
    gap = LedgerGap(project_id="p-1", partition_id="gpu", balance_seconds=1, record_seconds=4)
    found = Reconciliation(
        site_id="s",
        cluster="lab",
        period=Period(starts_at=NOON, ends_at=NOON + timedelta(days=1)),
        lines=(*lines, gpus),
        gaps=(gap, replace(gap, balance_seconds=7)),
    )
    assert found.unexplained_seconds == 7 + 9 + 3 + 3
    nodes = Total(
        unit=TimeUnit.NODE_SECONDS,
        runs=3,
        slurm_seconds=60,
        ledger_seconds=13 + 29,
        unexplained_seconds=7 + 9,
        causes={Cause.NOT_COLLECTED: 20},
    )
    assert [each.unit for each in found.totals] == [TimeUnit.GPU_SECONDS, nodes.unit]
    assert found.totals[1] == nodes
