from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from allmende.domain.accounting.usage import UsageState
from allmende.domain.basics.people import DAEMON, Person, Role
from allmende.domain.basics.refusals import NotPermitted
from allmende.services import ledger, usage
from allmende.storage import ledger as ledger_store
from allmende.storage import usage as store
from tests.services.usage_worlds import (
    AWARDED,
    CPU,
    DEED,
    NOW,
    SITE,
    a_record,
    add_project,
    consumed,
    left,
    open_pools,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def world():
    open_pools()
    add_project("pr-1")
    yield
    assert ledger.check(DAEMON).findings == ()


def ingest(*records, read_at=NOW):
    return usage.ingest(DEED, SITE, records, read_at=read_at)


def stored(record):
    return store.find_usages([record.key])[record.key]


def test_a_plain_job_is_charged_what_was_allocated_once_however_often_it_is_read():
    first = ingest(a_record())
    again = ingest(a_record(), a_record(), read_at=NOW + timedelta(hours=1))
    assert (consumed(), left()) == (1200, AWARDED - 1200)
    assert (first.new, first.moved_seconds) == (1, 1200)
    assert (again.records, again.new, again.changed, again.moved_seconds) == (2, 0, 0, 0)
    assert stored(a_record()).state is UsageState.CHARGED


def test_nodes_are_charged_where_a_partition_counts_nodes():
    add_project("pr-2", CPU)
    ingest(a_record(account="pr-2", partition="cpu", allocated_nodes=3, allocated_gpus=0))
    assert consumed("pr-2", "cpu") == 1800


def test_a_running_job_is_shown_and_charged_once_when_it_has_ended():
    ingest(a_record(minutes=None))
    assert (consumed(), stored(a_record()).state) == (0, UsageState.RUNNING)
    ingest(a_record(), read_at=NOW + timedelta(minutes=1))
    assert (consumed(), stored(a_record()).state) == (1200, UsageState.CHARGED)


def test_an_end_is_never_taken_back_by_an_older_reading_that_comes_late():
    ingest(a_record())
    ingest(a_record(minutes=None), read_at=NOW - timedelta(hours=1))
    ingest(a_record(minutes=None), read_at=NOW + timedelta(hours=1))
    assert (consumed(), stored(a_record()).state) == (1200, UsageState.CHARGED)


@pytest.mark.parametrize("minutes", [20, 5])
def test_a_record_that_changes_is_put_right_by_a_transfer_of_the_difference(minutes):
    ingest(a_record())
    ingest(a_record(minutes=minutes), read_at=NOW + timedelta(hours=1))
    ingest(a_record(), read_at=NOW)  # an old reading, replayed
    assert consumed() == minutes * 60 * 2
    transfers = [each for each in ledger_store.iterate_transfers() if "usage" in each.id]
    kinds = ["charge", "charge" if minutes > 10 else "uncharge"]
    assert [each.kind for each in transfers] == kinds
    assert transfers[1].amount_seconds == abs(minutes - 10) * 120


def test_each_run_of_a_requeued_job_is_charged():
    first = a_record(state="REQUEUED")
    second = a_record(restarts=1, submitted_at=NOW, started_at=NOW, ended_at=NOW + timedelta(0, 9))
    ingest(second, first)
    assert consumed() == 1200 + 18


def test_time_lost_with_a_node_is_given_back():
    ingest(a_record(state="NODE_FAIL"))
    assert (consumed(), left()) == (1200, AWARDED)
    ingest(a_record(minutes=20, state="NODE_FAIL"), read_at=NOW + timedelta(1))
    assert (consumed(), left()) == (2400, AWARDED)
    ingest(a_record(minutes=20), read_at=NOW + timedelta(2))
    assert (consumed(), left()) == (2400, AWARDED - 2400)


def test_usage_beyond_the_budget_is_a_fact_and_the_project_is_overdrawn():
    ingest(a_record(allocated_gpus=AWARDED))
    assert left() == AWARDED - 600 * AWARDED


def test_an_unknown_account_is_a_finding_and_charged_once_it_is_known():
    record = a_record(account="pr-9")
    ingest(record)
    assert stored(record).state is UsageState.UNKNOWN_ACCOUNT
    assert usage.revisit(DEED, SITE).changed == 0
    add_project("pr-9")
    assert usage.revisit(DEED, SITE).moved_seconds == 1200
    assert usage.revisit(DEED, SITE).moved_seconds == 0
    assert (consumed("pr-9"), stored(record).state) == (1200, UsageState.CHARGED)


def test_a_partition_that_nobody_knows_or_has_time_on_is_a_finding():
    ingest(a_record(1, partition="login"), a_record(2, partition="cpu"))
    assert stored(a_record(1)).state is UsageState.UNKNOWN_PARTITION
    assert stored(a_record(2)).state is UsageState.NO_TIME
    assert consumed() == 0


def test_what_ended_before_the_project_began_is_kept_and_not_charged():
    add_project("pr-3", begin=NOW)
    record = a_record(account="pr-3")
    ingest(record, a_record(2, account="pr-3", minutes=61))
    assert stored(record).state is UsageState.BEFORE_BEGIN
    assert consumed("pr-3") == 61 * 120
    assert usage.revisit(DEED, SITE).changed == 0


def test_a_clock_that_was_set_back_charges_nothing_and_a_suspension_neither():
    ingest(a_record(1, minutes=-30), a_record(2, suspended_seconds=500))
    assert consumed() == 200


def test_what_only_waited_is_no_usage():
    waiting = a_record(minutes=None, started_at=None, state="PENDING")
    assert ingest(waiting).records == 0


def test_the_comments_of_others_are_not_kept():
    record = replace(a_record(), comment="for Anna's surprise", nodes=("n1",))
    ingest(record)
    assert (stored(record).record.comment, stored(record).record.nodes) == ("", ())


def test_only_the_system_records_usage():
    officer = Person(id="p", name="P", roles=frozenset({Role.OPERATOR}))
    for deed in (usage.ingest, usage.ingest_batch):
        with pytest.raises(NotPermitted):
            deed(replace(DEED, actor=officer), SITE, [a_record()], read_at=NOW)


def test_a_batch_takes_as_many_questions_as_a_record():
    ingest(a_record(999))
    counts = []
    for first, size in ((1000, 1), (2000, 200)):
        records = [a_record(first + n, comment=f"allmende:j-{n}.1") for n in range(size)]
        with CaptureQueriesContext(
            connection,
        ) as questions:
            ingest(*records)
        counts.append(sum("INSERT INTO ledger_transfer" not in each["sql"] for each in questions))
    assert counts[1] <= counts[0] + 2
    assert consumed() == 1200 * 202
