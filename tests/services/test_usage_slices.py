"""However the accounting is cut, in any order, twice, while it falls silent: one ledger."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allmende.backends.slurm.client import ClusterUnreachable
from allmende.backends.slurm.usage_reader import SlurmUsageReader
from allmende.domain.basics.people import DAEMON
from allmende.domain.basics.periods import Period
from allmende.services import ledger, reconciliations, usage, usage_collecting
from allmende.storage import usage as store
from tests.backends.sacct_model import BEGIN, Run, Sacct, some_runs
from tests.services.usage_worlds import CLUSTER, DEED, SITE, add_project, consumed, open_pools

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
END = BEGIN + timedelta(days=7)  # by then everything has ended


@pytest.fixture(autouse=True)
def world():
    open_pools()
    add_project("pr-1")


def collect(client: Sacct, at: datetime, **more) -> usage_collecting.Collection:
    client.now = at
    deed = replace(DEED, now=at)
    return usage_collecting.collect(deed, SITE, reader=SlurmUsageReader(client), **more)


def plain_sum(runs: list[Run]) -> int:
    return sum(int((ended - started).total_seconds()) for _, _, started, ended in runs)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    runs=some_runs(),
    readings=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9), st.booleans()), max_size=5),
    cuts=st.lists(st.integers(0, 7 * 86_400), max_size=5),
    dice=st.randoms(),
)
def test_any_cuts_in_any_order_twice_give_one_ledger(runs, readings, cuts, dice):
    """First as time goes by, with silence and lagging; then all of it again, shuffled."""
    with transaction.atomic():
        client = Sacct(runs)
        for hours, answers, lags in sorted(readings):
            client.answers_left = answers
            client.queue_size = int(lags)
            try:
                collect(client, BEGIN + hours * HOUR)
            except ClusterUnreachable:
                assert store.get_bookmark(CLUSTER).trouble
        client.answers_left, client.queue_size = None, 0
        assert collect(client, END).is_complete
        assert consumed() == plain_sum(runs)
        instants = [BEGIN, *(BEGIN + timedelta(seconds=n) for n in sorted(cuts)), END]
        periods = 2 * [Period(starts_at=one, ends_at=other) for one, other in pairwise(instants)]
        dice.shuffle(periods)
        for period in periods:
            read = SlurmUsageReader(client).read(period)
            assert usage.ingest(DEED, SITE, read, read_at=END).moved_seconds == 0
        assert consumed() == plain_sum(runs)
        found = reconciliations.reconcile(
            *(DAEMON, SITE),
            period=Period(starts_at=BEGIN, ends_at=END),
            now=END,
            accounting=SlurmUsageReader(client),
        )
        assert (found.unexplained_seconds, [line.causes for line in found.lines]) == (0, [{}])
        assert ledger.check(DAEMON).findings == ()
        transaction.set_rollback(True)


def test_what_ended_while_slurmdbd_was_down_for_hours_is_charged_once_it_is_back():
    """The reading that fails half-way keeps what it had; the next one carries on from before."""
    runs = [(n, BEGIN + n * HOUR, BEGIN + n * HOUR, BEGIN + (n + 2) * HOUR) for n in range(12)]
    client = Sacct(runs)
    collect(client, BEGIN + HOUR)
    client.answers_left = 2  # one of sdiag, one of sacct
    with pytest.raises(ClusterUnreachable):
        collect(client, BEGIN + 13 * HOUR)
    assert store.get_bookmark(CLUSTER).complete_until == BEGIN + HOUR
    client.answers_left, client.queue_size = None, 5  # it is back, and is being told
    assert not collect(client, BEGIN + 13.5 * HOUR).is_complete
    client.queue_size = 0
    assert collect(client, BEGIN + 15 * HOUR).is_complete
    assert consumed() == plain_sum(runs) == 12 * 7200


def test_a_run_over_the_end_of_a_month_and_the_change_of_the_clock_is_charged_by_true_time():
    begin = datetime.fromisoformat("2026-10-24T23:00:00+02:00")
    end = datetime.fromisoformat("2026-11-01T01:00:00+01:00")
    client = Sacct([(1, begin, begin, end)])
    for hours in range(0, 24 * 8, 6):
        collect(client, begin + hours * HOUR)
    collect(client, END)
    assert consumed() == (7 * 24 + 3) * 3600  # one of its days has 25 hours
