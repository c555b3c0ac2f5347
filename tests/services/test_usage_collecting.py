"""Collecting from a cluster whose accounting comes late, falls silent, and is read twice."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from allmende.domain.basics.periods import Period
from allmende.domain.basics.refusals import NotFound
from allmende.services import usage_collecting
from allmende.storage import usage as store
from tests.services.usage_worlds import (
    CLUSTER,
    DEED,
    NOW,
    SITE,
    Accounting,
    Silent,
    a_record,
    add_project,
    consumed,
    open_pools,
)

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def world():
    open_pools()
    add_project("pr-1")


def collect(reader: Accounting, at: datetime = NOW, **more):
    return usage_collecting.collect(replace(DEED, now=at), SITE, reader=reader, **more)


def test_each_reading_begins_an_hour_before_the_last_complete_one_ended():
    reader = Accounting([a_record()])
    first = collect(reader)
    second = collect(reader, NOW + 5 * HOUR)
    assert (first.came.new, second.came.new, consumed()) == (1, 0, 1200)
    assert second.period == Period(starts_at=NOW - HOUR, ends_at=NOW + 5 * HOUR)


def test_while_nothing_answers_the_bookmark_stays_and_says_why():
    reader = Accounting([a_record()])
    collect(reader)
    reader.is_down = True
    with pytest.raises(Silent):
        collect(reader, NOW + HOUR)
    bookmark = store.get_bookmark(CLUSTER)
    assert (bookmark.complete_until, str(bookmark.trouble)) == (NOW, "Nothing answers.")
    reader.is_down = False
    reader.records.append(a_record(2, minutes=62))
    collect(reader, NOW + 9 * HOUR)
    assert store.get_bookmark(CLUSTER).trouble is None
    assert (reader.asked[-1].starts_at, consumed()) == (NOW - HOUR, 1200 + 62 * 120)


def test_while_the_accounting_has_not_been_told_everything_the_bookmark_stays():
    reader = Accounting()
    collect(reader)
    reader.is_behind = True
    for hours in range(1, 9):  # it answers all the time, and knows nothing
        assert not collect(reader, NOW + hours * HOUR).is_complete
    reader.is_behind = False
    reader.records.append(a_record())  # it ended before all these readings
    collect(reader, NOW + 10 * HOUR)
    assert consumed() == 1200


def test_what_ran_and_is_not_named_any_more_is_asked_for_until_it_is_known_how_it_ended():
    reader = Accounting([a_record(minutes=None), a_record(2)])
    collect(reader)
    reader.records = []  # it cannot be read for a while, although there are answers
    collect(reader, NOW + 5 * HOUR)
    reader.records = [a_record(minutes=1)]  # its end was written by hand, and lies long ago
    collect(reader, NOW + 10 * HOUR)
    collect(reader, NOW + 15 * HOUR)
    assert reader.asked_jobs == [(), (1,), (1,), ()]
    assert (reader.asked[-1].starts_at, consumed()) == (NOW + 9 * HOUR, 120 + 1200)


def test_a_job_that_runs_on_does_not_hold_the_bookmark_back():
    reader = Accounting([a_record(minutes=None)])
    for hours in range(5):
        collect(reader, NOW + hours * HOUR)
    assert reader.asked[-1].starts_at == NOW + 2 * HOUR


def test_reading_a_later_part_alone_does_not_say_that_the_time_before_is_complete():
    reader = Accounting()
    collect(reader, since=NOW - HOUR)
    assert store.get_bookmark(CLUSTER).complete_until is None
    collect(reader)
    collect(reader, NOW + 9 * HOUR, since=NOW + 8 * HOUR)
    assert store.get_bookmark(CLUSTER).complete_until == NOW
    collect(reader, NOW + 9 * HOUR, since=NOW - 9 * HOUR)
    assert store.get_bookmark(CLUSTER).complete_until == NOW + 9 * HOUR


def test_a_bookmark_never_goes_back():
    collect(Accounting())
    collect(Accounting(), NOW - HOUR)
    assert store.get_bookmark(CLUSTER).complete_until == NOW


def test_a_site_without_a_cluster_keeps_no_usage():
    with pytest.raises(usage_collecting.SiteKeepsNoUsage):
        usage_collecting.collect(DEED, replace(SITE, slurm=None), reader=Accounting())
    assert usage_collecting.SiteKeepsNoUsage(site="x").status == NotFound(kind="x", id="x").status
