"""Reading a cluster: however time is cut, each run is seen once, with its number."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allmende.backends.slurm import usage_reader
from allmende.backends.slurm.client import ClusterUnreachable
from allmende.backends.slurm.usage_reader import SlurmUsageReader
from allmende.domain.basics.periods import Period
from tests.backends.sacct_model import BEGIN, SECOND, Sacct, some_runs, truth

BERLIN = ZoneInfo("Europe/Berlin")


def read(client: Sacct, *cuts: datetime) -> list:
    reader = SlurmUsageReader(client)
    periods = [Period(starts_at=one, ends_at=other) for one, other in pairwise(cuts)]
    return [record for period in periods for record in reader.read(period)]


@settings(deadline=None, max_examples=60)
@given(some_runs(), st.data())
def test_however_time_is_cut_each_run_is_seen_once_with_its_number(runs, data):
    """The cuts lie where runs end, half a second beside it, and anywhere; so do the pieces.

    Of some jobs the cluster has lost when they began.
    """
    ends = st.sampled_from([run[-1] for run in runs])
    shift = st.sampled_from([-1, -0.5, 0, 0.5, 1, 3600])
    near = st.builds(lambda end, seconds: end + seconds * SECOND, ends, shift)
    cuts = sorted(data.draw(st.lists(near, max_size=6)))
    whole = [BEGIN - timedelta(days=1), *cuts, BEGIN + timedelta(days=6)]
    whole = [at for at in whole if whole[0] <= at <= whole[-1]]
    lost = data.draw(st.frozensets(st.sampled_from([run[0] for run in runs])), label="lost")
    records = read(Sacct(runs, lost=lost), *whole)
    assert sorted(record.key for record in records) == truth(runs)
    assert sum(record.elapsed_seconds for record in records) == sum(
        int((ended - started).total_seconds()) for _, _, started, ended in runs
    )


@pytest.mark.parametrize("day", ["2026-10-25", "2026-03-29", "2026-11-01"])
def test_where_the_clock_is_changed_and_months_meet_nothing_is_read_twice_or_missed(day):
    """Days in Berlin, of which one has 25 hours and one has 23."""
    midnight = datetime.fromisoformat(day).replace(tzinfo=BERLIN)
    cuts = [midnight + timedelta(days=n) for n in (-1, 0, 1, 2)]
    first = cuts[0].astimezone(UTC)
    count = int((cuts[-1].astimezone(UTC) - first) / timedelta(minutes=10))
    runs = [
        (n, at, at, at + timedelta(minutes=10))
        for n in range(count)
        for at in [first + n * timedelta(minutes=10)]
    ]
    records = read(Sacct(runs), *cuts)
    assert sorted(record.job_id for record in records) == list(range(count - 1))
    hours = {"2026-10-25": 25, "2026-03-29": 23}.get(day, 24)
    (of_day,) = [read(Sacct(runs), *cuts[1:3])]
    assert sum(record.elapsed_seconds for record in of_day) == hours * 3600


def test_what_takes_no_time_just_where_two_pieces_meet_is_seen():
    at = BEGIN + timedelta(hours=1)
    begin = BEGIN + timedelta(milliseconds=500)
    assert len(read(Sacct([(1, at, at, at)]), begin, BEGIN + timedelta(hours=9))) == 1


def test_what_runs_is_told_once_and_last():
    client = Sacct([(1, BEGIN, BEGIN, BEGIN + timedelta(days=9))], now=BEGIN + timedelta(days=1))
    (record,) = read(client, BEGIN, client.now)
    assert record.ended_at is None
    assert len(client.asked) > 3


def test_pieces_are_short_where_much_ran_and_never_longer_than_a_day(monkeypatch):
    monkeypatch.setattr(usage_reader, "MANY_RUNS", 3)
    monkeypatch.setattr(usage_reader, "FEW_RUNS", 1)
    runs = [(n, BEGIN, BEGIN, BEGIN + timedelta(minutes=n)) for n in range(1, 60)]
    client = Sacct(runs)
    assert len(read(client, BEGIN, BEGIN + timedelta(days=4))) == 59
    cuts = [dict(each.partition("=")[::2] for each in asked) for asked in client.asked]
    lengths = [
        datetime.fromisoformat(each["--endtime"]) - datetime.fromisoformat(each["--starttime"])
        for each in cuts
        if "--starttime" in each
    ]
    assert min(lengths[:-1]) < timedelta(hours=1)
    assert max(lengths) == usage_reader.LONGEST_PIECE


def test_jobs_are_asked_for_by_number_in_commands_that_are_not_too_long():
    runs = [(n, BEGIN, BEGIN, BEGIN + SECOND) for n in range(1, 1201)]
    client = Sacct([*runs, (1, BEGIN + 2 * SECOND, BEGIN + 2 * SECOND, BEGIN + 3 * SECOND)])
    found = list(SlurmUsageReader(client).read_jobs(range(1, 1201)))
    assert sorted(record.key for record in found) == truth(client.runs)
    assert len(client.asked) == 3
    assert list(SlurmUsageReader(client).read_jobs([])) == []


@pytest.mark.parametrize(("size", "is_up_to_date"), [(0, True), (17, False), (None, True)])
def test_accounting_is_up_to_date_once_nothing_waits_to_be_told_to_it(size, is_up_to_date):
    assert SlurmUsageReader(Sacct([], queue_size=size)).is_up_to_date() is is_up_to_date


def test_a_cluster_that_is_silent_is_not_up_to_date_and_a_reading_of_it_fails():
    client = Sacct([], answers_left=0)
    assert not SlurmUsageReader(client).is_up_to_date()
    with pytest.raises(ClusterUnreachable):
        read(client, BEGIN, BEGIN + SECOND)
