"""Usage of a cluster behind an agent: read there, told once, charged once."""

import json
import sqlite3
from dataclasses import replace
from datetime import timedelta

import pytest

from allmende.agent.spools import Spool
from allmende.agent.usage import UsageSource
from allmende.domain.scheduling.exchanges import usage_from_json
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

MINUTE = timedelta(minutes=1)


class Reading:
    """A source whose clock a test moves."""

    def __init__(self, spool: Spool, accounting: Accounting) -> None:
        self.spool, self.accounting, self.at = spool, accounting, NOW
        self.restart()

    def restart(self) -> None:
        self.source = UsageSource(self.accounting, now=lambda: self.at)

    def collect(self, at=NOW) -> None:
        self.at = at
        self.source.collect(self.spool)

    def deliver(self) -> list:
        """Return the records that wait, as a centre would read them, and forget them."""
        messages = self.spool.list_messages(most=100, most_bytes=10**9)
        if messages:
            self.spool.forget_messages(messages[-1].number)
        return [usage_from_json(r) for m in messages for r in m.body["records"]]


@pytest.fixture
def reading(tmp_path) -> Reading:
    return Reading(Spool(tmp_path / "spool.sqlite3"), Accounting([a_record(), a_record(2)]))


def test_each_record_is_told_once_and_again_when_it_changes(reading):
    records = reading.accounting.records
    records.append(a_record(3, minutes=None))
    reading.collect()
    assert reading.deliver() == records
    reading.collect(NOW + MINUTE)
    assert reading.deliver() == []
    records[2] = a_record(3, minutes=61)
    reading.collect(NOW + 2 * MINUTE)
    assert reading.deliver() == [records[2]]


def test_a_run_that_somebody_closed_by_hand_long_ago_is_told_all_the_same(reading):
    records = reading.accounting.records
    records.append(a_record(3, minutes=None))
    reading.collect()
    reading.collect(NOW + 300 * MINUTE)
    reading.deliver()
    records[2] = a_record(3, minutes=1)
    reading.collect(NOW + 301 * MINUTE)
    assert reading.deliver() == [records[2]]
    reading.collect(NOW + 302 * MINUTE)
    assert (reading.deliver(), reading.accounting.asked_jobs) == ([], [(), (), (3,), ()])


def test_nothing_is_asked_before_a_minute_is_over_unless_the_clock_was_set_back(reading):
    for at in (NOW, NOW + MINUTE / 2, NOW + MINUTE, NOW - MINUTE):
        reading.collect(at)
    assert len(reading.accounting.asked) == 3


def test_while_the_cluster_has_not_told_everything_it_is_read_from_the_same_instant_on(reading):
    reading.collect()
    reading.accounting.is_behind = True
    for minutes in (5, 10):
        reading.collect(NOW + minutes * MINUTE)
    assert [asked.starts_at for asked in reading.accounting.asked[1:]] == [
        NOW - timedelta(hours=1)
    ] * 2


def test_what_a_full_disk_did_not_take_is_told_later(reading, monkeypatch):
    def refuse(*_, **__):
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as full:
        full.setattr(reading.spool, "add_usage", refuse)
        with pytest.raises(sqlite3.OperationalError):
            reading.collect()
    reading.collect(NOW + MINUTE)
    assert reading.deliver() == reading.accounting.records


def test_an_accounting_that_does_not_answer_moves_nothing(reading):
    reading.accounting.is_down = True
    with pytest.raises(Silent):
        reading.collect()
    assert (reading.spool.usage_cursor, reading.spool.depth) == ("", 0)


def test_after_a_restart_an_hour_is_told_again_and_charged_once(reading, db):
    open_pools()
    add_project("pr-1")
    for _ in range(3):
        reading.restart()
        reading.collect()
        for message in reading.spool.list_messages(most=100, most_bytes=10**9):
            records = [usage_from_json(each) for each in message.body["records"]]
            usage_collecting.take_in(DEED, SITE, records, complete_until=NOW)
    assert consumed() == 2 * 1200
    bookmark = store.get_bookmark(CLUSTER)
    assert (bookmark.complete_until, bookmark.read_at) == (NOW, NOW)


def test_an_agent_reports_no_usage_of_another_cluster(db):
    record = replace(a_record(), cluster="of-others")
    with pytest.raises(usage_collecting.OtherCluster):
        usage_collecting.take_in(DEED, SITE, [record], complete_until=None)
    assert store.find_usages([record.key]) == {}


def test_many_records_lie_in_several_messages(reading):
    reading.accounting.records = [a_record(number) for number in range(1200)]
    reading.collect()
    messages = reading.spool.list_messages(most=100, most_bytes=10**9)
    assert [len(message.body["records"]) for message in messages] == [500, 500, 200, 0]
    assert json.dumps(messages[3].body["complete_until"])
