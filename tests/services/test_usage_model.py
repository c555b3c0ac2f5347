"""Whatever a cluster tells, in whatever order and however often, the ledger is its plain sum."""

import random
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from allmende.domain.basics.people import DAEMON
from allmende.domain.basics.periods import Period
from allmende.domain.basics.sites import Factory
from allmende.domain.basics.usage_records import UsageRecord
from allmende.services import ledger, reconciliations, usage, usage_views
from allmende.services.deeds import Deed
from tests.services.usage_worlds import (
    AWARDED,
    CLUSTER,
    CPU,
    DEED,
    GPU,
    NOW,
    SITE,
    Accounting,
    add_project,
    consumed,
    left,
    open_pools,
)
from tests.trials import IS_LONG

MONTH_END = datetime.fromisoformat("2026-11-01T00:00:00+01:00")
PLACES = {"pr-1": GPU, "pr-2": CPU, "pr-late": GPU}
ALL_TIME = Period(starts_at=NOW - timedelta(days=90), ends_at=NOW + timedelta(days=90))
Reading = tuple[UsageRecord, datetime]
WALKS = 100 if IS_LONG else 15
ENDS = {
    "charged",
    "charged more",
    "charged less",
    "charged once known",
    "given back later",
    "taken back",
    "told too late",
}

FACTORY = Factory(name="F", operator="O", countries=frozenset({"DE"}), sites=(SITE,))
AROUND: dict[str, Any] = {"factory": FACTORY, "now": NOW}


class Walk:
    """Things happen on the cluster, and some of it is told: by dice."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.minute = 0
        self.jobs = 0
        self.current: dict[str, UsageRecord] = {}
        self.readings: list[Reading] = []  # everything that the accounting ever said
        self.told: list[Reading] = []
        self.holds: dict[str, Reading] = {}  # of what was told, by run, what counts
        self.known = {"pr-1", "pr-2"}
        self.reached: Counter[str] = Counter()
        open_pools()
        for project_id in sorted(self.known):
            add_project(project_id, PLACES[project_id])

    def go(self, steps: int) -> "Counter[str]":
        """Go so many steps and tell the rest; return how often what was reached."""
        deeds = [
            *[self.jobs_start] * 2,
            *[self.a_job_ends] * 3,
            *[self.an_end_is_revised] * 3,
            *[self.some_of_it_is_told] * 2,
            *[self.everything_is_read_at_once] * 2,
        ]
        becomes_known_at = self.dice.randrange(steps // 3, steps)
        for step in range(steps):
            self.dice.choice(deeds)()
            if step == becomes_known_at:
                self.an_account_becomes_known()
            self.the_ledger_is_the_plain_sum_of_what_was_told()
            self.every_second_of_difference_to_the_cluster_is_explained()
        self.tell([(record, self.next_minute()) for record in self.current.values()])
        self.the_ledger_is_the_plain_sum_of_what_was_told()
        assert ledger.check(DAEMON).findings == ()
        self.each_charged_second_leads_to_a_transfer()
        return self.reached

    def next_minute(self) -> datetime:
        self.minute += 1
        return NOW + timedelta(minutes=self.minute)

    def say(self, record: UsageRecord) -> None:
        self.current[record.key] = record
        self.readings.append((record, self.next_minute()))

    def jobs_start(self) -> None:
        """Tasks of an array, on one node or several, shared or taken whole."""
        account = self.dice.choice(sorted(PLACES))
        nodes, gpus = self.dice.randint(1, 4), self.dice.choice([0, 1, 4, 16])
        begin = self.dice.choice([NOW - timedelta(days=9), MONTH_END - timedelta(hours=1)])
        for _ in range(self.dice.randint(1, 3)):
            self.jobs += 1
            self.say(
                UsageRecord(
                    cluster=CLUSTER,
                    job_id=self.jobs,
                    submitted_at=begin - timedelta(minutes=1),
                    user_name="meyer",
                    account=account,
                    partition=PLACES[account].name_on_slurm,
                    state="RUNNING",
                    started_at=begin,
                    allocated_nodes=nodes,
                    allocated_gpus=gpus,
                )
            )

    def choose(self, *, has_ended: bool) -> UsageRecord | None:
        found = [each for each in self.current.values() if bool(each.ended_at) is has_ended]
        return self.dice.choice(found) if found else None

    def a_job_ends(self) -> None:
        record = self.choose(has_ended=False)
        if record is None:
            return
        assert record.started_at is not None
        seconds = self.dice.randint(0, 90_000)
        if self.dice.random() < 0.2:  # the node's clock was set back
            seconds = -self.dice.randint(0, 4000)
        state = self.dice.choice(["COMPLETED", "FAILED", "CANCELLED", "NODE_FAIL", "REQUEUED"])
        ended_at = record.started_at + timedelta(seconds=seconds)
        suspended = self.dice.choice([0, self.dice.randint(0, 4000)])
        self.say(replace(record, ended_at=ended_at, state=state, suspended_seconds=suspended))
        if state in ("NODE_FAIL", "REQUEUED"):
            again = max(ended_at, record.submitted_at) + timedelta(seconds=1)
            self.say(
                replace(
                    record,
                    restarts=record.restarts + 1,
                    submitted_at=again,
                    started_at=again,
                    ended_at=None,
                    state="RUNNING",
                )
            )

    def an_end_is_revised(self) -> None:
        record = self.choose(has_ended=True)
        if record is None:
            return
        assert record.ended_at is not None
        ended_at = record.ended_at + timedelta(seconds=self.dice.randint(-100, 100))
        was_lost = record.state == "NODE_FAIL"
        state = "COMPLETED" if was_lost else self.dice.choice(["COMPLETED", "NODE_FAIL"])
        self.say(replace(record, ended_at=ended_at, state=state))

    def some_of_it_is_told(self) -> None:
        """In any order, late, again, several together, and under a clock that is hours fast."""
        if not self.readings:
            return
        known = self.dice.choice([self.readings, self.readings[-4:]])
        chosen = self.dice.sample(known, self.dice.randint(1, min(4, len(known))))
        if self.dice.random() < 0.2:
            hours = timedelta(hours=9)
            chosen = [(record, at + hours) for record, at in chosen if record.ended_at is None]
        self.tell(chosen * self.dice.choice([1, 2]))

    def tell(self, readings: list[Reading]) -> None:
        for record, read_at in readings:
            usage.ingest(DEED, SITE, [record], read_at=read_at)
            self.note(record, read_at)

    def everything_is_read_at_once(self) -> None:
        read_at = self.next_minute()
        usage.ingest(DEED, SITE, self.current.values(), read_at=read_at)
        for record in self.current.values():
            self.note(record, read_at)

    def note(self, record: UsageRecord, read_at: datetime) -> None:
        """Keep what counts of what was told: an end before none, and what was read last."""
        before = self.holds.get(record.key)
        if before and (before[0].ended_at is not None, before[1]) >= (
            record.ended_at is not None,
            read_at,
        ):
            self.reached["told too late"] += before[0] != record
            return
        self.holds[record.key] = (record, read_at)
        if record.account in self.known:
            had, has = plain_seconds(before[0]) if before else 0, plain_seconds(record)
            self.reached["charged"] += has > had == 0
            self.reached["charged more"] += has > had > 0
            self.reached["charged less"] += has < had
            if had and before:
                was_lost, is_lost = (each.state == "NODE_FAIL" for each in (before[0], record))
                self.reached["given back later"] += is_lost > was_lost
                self.reached["taken back"] += was_lost > is_lost

    def an_account_becomes_known(self) -> None:
        add_project("pr-late")
        self.known.add("pr-late")
        usage.revisit(Deed(actor=DAEMON, now=NOW, new_id=str), SITE)
        waited = [each for each, _ in self.holds.values() if each.account == "pr-late"]
        self.reached["charged once known"] += any(map(plain_seconds, waited))

    def the_ledger_is_the_plain_sum_of_what_was_told(self) -> None:
        for project_id in self.known:
            of_project = [each for each, _ in self.holds.values() if each.account == project_id]
            used = sum(plain_seconds(each) for each in of_project)
            lost = sum(plain_seconds(each) for each in of_project if each.state == "NODE_FAIL")
            place = (project_id, PLACES[project_id].id)
            assert (consumed(*place), left(*place)) == (used, AWARDED - used + lost)

    def each_charged_second_leads_to_a_transfer(self) -> None:
        traced = set()
        for line in usage_views.list_site_usage(DAEMON, SITE.id, **AROUND, limit=999).lines:
            each = line.usage
            found = usage_views.trace_site_usage(DAEMON, SITE.id, each.number, **AROUND)
            moves = found.moves
            assert sum(move.charged_seconds for move in moves) == each.booked_seconds
            assert sum(move.given_back_seconds for move in moves) == each.given_back_seconds
            traced |= {move.transfer.id for move in moves}
        kinds = {*usage_views.CHARGES, *usage_views.REFUNDS}
        every = ledger.list_transfers(DAEMON, limit=9999)
        assert traced == {each.id for each in every if each.kind in kinds}

    def every_second_of_difference_to_the_cluster_is_explained(self) -> None:
        found = reconciliations.reconcile(
            DAEMON,
            SITE,
            period=ALL_TIME,
            now=NOW,
            accounting=Accounting(list(self.current.values())),
        )
        assert found.unexplained_seconds == 0
        for line in found.lines:
            assert line.difference_seconds == sum(line.causes.values())


def plain_seconds(record: UsageRecord) -> int:
    if record.ended_at is None or record.started_at is None:
        return 0
    seconds = (record.ended_at - record.started_at).total_seconds() - record.suspended_seconds
    units = record.allocated_nodes if record.partition == "cpu" else record.allocated_gpus
    return max(0, int(seconds)) * units


@pytest.mark.django_db
def test_the_ledger_agrees_with_a_plain_sum_and_each_end_is_reached():
    reached: Counter[str] = Counter()
    for seed in range(WALKS):
        with transaction.atomic():
            reached += Walk(random.Random(seed)).go(steps=30)
            transaction.set_rollback(True)
    assert reached.keys() >= ENDS


@pytest.mark.slow
@pytest.mark.django_db
def test_ten_thousand_records_shuffled_and_told_twice_give_the_same_ledger():
    open_pools()
    add_project("pr-1")
    add_project("pr-2", CPU)
    dice = random.Random(7)
    records = [a_random_record(number, dice) for number in range(10_000)]
    records += [
        replace(each, restarts=1, submitted_at=each.ended_at, started_at=each.ended_at,
                ended_at=each.ended_at + timedelta(seconds=dice.randrange(9999)))
        for each in records if each.state == "REQUEUED"
    ]  # fmt: skip
    oracle = {
        account: sum(plain_seconds(each) for each in records if each.account == account)
        for account in ("pr-1", "pr-2")
    }
    seen = []
    for turn in range(3):
        shuffled = records * (2 if turn else 1)
        dice.shuffle(shuffled)
        usage.ingest(DEED, SITE, shuffled, read_at=NOW + timedelta(hours=turn))
        seen.append({place: consumed(place, PLACES[place].id) for place in oracle})
    assert seen == [oracle] * 3
    accounting = Accounting(records)
    found = reconciliations.reconcile(DAEMON, SITE, period=ALL_TIME, now=NOW, accounting=accounting)
    assert found.unexplained_seconds == 0
    assert {line.account: line.slurm_seconds for line in found.lines} == oracle


def a_random_record(number: int, dice: random.Random) -> UsageRecord:
    account = dice.choice(["pr-1", "pr-2"])
    begin = MONTH_END + timedelta(seconds=dice.randrange(-86_400, 86_400))
    return UsageRecord(
        cluster=CLUSTER,
        job_id=number,
        submitted_at=begin - timedelta(seconds=dice.randrange(600)),
        user_name="meyer",
        account=account,
        partition=PLACES[account].name_on_slurm,
        state=dice.choice(["COMPLETED", "FAILED", "NODE_FAIL", "REQUEUED", "TIMEOUT"]),
        started_at=begin,
        ended_at=begin + timedelta(seconds=dice.randrange(20_000)),
        allocated_nodes=dice.randrange(1, 9),
        allocated_gpus=dice.randrange(0, 33),
    )
