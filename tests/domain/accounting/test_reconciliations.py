"""Each second by which a cluster and the ledger differ has its cause, or counts as unexplained."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from allmende.domain.accounting.reconciliations import Cause, Reconciled
from allmende.domain.accounting.usage import Usage, UsageState
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
