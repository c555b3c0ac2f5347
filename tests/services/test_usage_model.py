"""Whatever a cluster tells, in whatever order and however often, the ledger is its plain sum."""

import random
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

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

MONTH_END = datetime.fromisoformat("2026-11-01T00:00:00+01:00")
PLACES = {"pr-1": GPU, "pr-2": CPU, "pr-late": GPU}
ALL_TIME = Period(starts_at=NOW - timedelta(days=90), ends_at=NOW + timedelta(days=90))
Reading = tuple[UsageRecord, datetime]


FACTORY = Factory(name="F", operator="O", countries=frozenset({"DE"}), sites=(SITE,))
AROUND: dict[str, Any] = {"factory": FACTORY, "now": NOW}


class UsageMachine(RuleBasedStateMachine):
    """Each rule lets something happen on the cluster, or tells some of it."""

    def __init__(self) -> None:
        super().__init__()
        self.savepoint = transaction.atomic()
        self.savepoint.__enter__()
        self.minute = 0
        self.jobs = 0
        self.current: dict[str, UsageRecord] = {}
        self.readings: list[Reading] = []  # everything that the accounting ever said
        self.told: list[Reading] = []
        self.known = {"pr-1", "pr-2"}
        open_pools()
        for project_id in sorted(self.known):
            add_project(project_id, PLACES[project_id])

    def teardown(self) -> None:
        self.tell([(record, self.next_minute()) for record in self.current.values()])
        self.the_ledger_is_the_plain_sum_of_what_was_told()
        assert ledger.check(DAEMON).findings == ()
        self.each_charged_second_leads_to_a_transfer()
        transaction.set_rollback(True)
        self.savepoint.__exit__(None, None, None)

    def next_minute(self) -> datetime:
        self.minute += 1
        return NOW + timedelta(minutes=self.minute)

    def say(self, record: UsageRecord) -> None:
        self.current[record.key] = record
        self.readings.append((record, self.next_minute()))

    @rule(
        account=st.sampled_from(sorted(PLACES)),
        array=st.integers(1, 3),
        nodes=st.integers(1, 4),
        gpus=st.integers(0, 16),
        begin=st.sampled_from([NOW - timedelta(days=9), MONTH_END - timedelta(hours=1)]),
    )
    def jobs_start(self, account, array, nodes, gpus, begin) -> None:
        """Tasks of an array, on one node or several, shared or taken whole."""
        for _ in range(array):
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

    def running(self) -> list[UsageRecord]:
        return [each for each in self.current.values() if each.ended_at is None]

    def ended(self) -> list[UsageRecord]:
        return [each for each in self.current.values() if each.ended_at is not None]

    @precondition(lambda self: self.running())
    @rule(
        data=st.data(),
        seconds=st.integers(-4000, 90_000),  # below zero: the node's clock was set back
        suspended=st.integers(0, 4000),
        state=st.sampled_from(["COMPLETED", "FAILED", "CANCELLED", "NODE_FAIL", "REQUEUED"]),
    )
    def a_job_ends(self, data, seconds, suspended, state) -> None:
        record = data.draw(st.sampled_from(self.running()))
        assert record.started_at is not None
        ended_at = record.started_at + timedelta(seconds=seconds)
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

    @precondition(lambda self: self.ended())
    @rule(
        data=st.data(),
        seconds=st.integers(-100, 100),
        state=st.sampled_from(["COMPLETED", "NODE_FAIL"]),
    )
    def an_end_is_revised(self, data, seconds, state) -> None:
        record = data.draw(st.sampled_from(self.ended()))
        assert record.ended_at is not None
        self.say(
            replace(record, ended_at=record.ended_at + timedelta(seconds=seconds), state=state)
        )

    @precondition(lambda self: self.readings)
    @rule(data=st.data(), seed=st.integers(0, 999), twice=st.booleans(), fast=st.booleans())
    def some_of_it_is_told(self, data, seed, twice, fast) -> None:
        """In any order, late, again, several together, and under a clock that is hours fast."""
        count = data.draw(st.integers(1, len(self.readings)))
        chosen = random.Random(seed).sample(self.readings, count)
        if fast:
            hours = timedelta(hours=9)
            chosen = [(record, at + hours) for record, at in chosen if record.ended_at is None]
        self.tell(chosen + chosen if twice else chosen)

    def tell(self, readings: list[Reading]) -> None:
        for record, read_at in readings:
            usage.ingest(DEED, SITE, [record], read_at=read_at)
        self.told += readings

    @rule()
    def everything_is_read_at_once(self) -> None:
        read_at = self.next_minute()
        usage.ingest(DEED, SITE, self.current.values(), read_at=read_at)
        self.told += [(record, read_at) for record in self.current.values()]

    @precondition(lambda self: "pr-late" not in self.known)
    @rule()
    def an_account_becomes_known(self) -> None:
        add_project("pr-late")
        self.known.add("pr-late")
        usage.revisit(Deed(actor=DAEMON, now=NOW, new_id=str), SITE)

    @invariant()
    def the_ledger_is_the_plain_sum_of_what_was_told(self) -> None:
        holds: dict[str, Reading] = {}
        for record, read_at in self.told:
            before = holds.get(record.key)
            if before is None or (record.ended_at is not None, read_at) > (
                before[0].ended_at is not None,
                before[1],
            ):
                holds[record.key] = (record, read_at)
        for project_id in self.known:
            of_project = [each for each, _ in holds.values() if each.account == project_id]
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

    @invariant()
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
def test_the_ledger_agrees_with_a_plain_sum():
    run_state_machine_as_test(
        UsageMachine,
        settings=settings(
            max_examples=25,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


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
