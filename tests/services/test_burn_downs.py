from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from allmende.domain.accounting.ledger import recompute_balances
from allmende.domain.basics.refusals import NotFound
from allmende.domain.basics.sentences import Sentence
from allmende.services import allocations, burn_downs, cycle, jobs, quotas
from allmende.storage import ledger as ledger_store
from allmende.wiring import now
from tests.services.access import HOUR
from tests.services.running import PARTITION, Running, a_running_factory
from tests.services.test_quotas import DAEMON, project_of, use

pytestmark = pytest.mark.django_db
WHY = Sentence("a test")


@pytest.fixture
def factory(tmp_path: Path, db: None) -> Iterator[Running]:
    with a_running_factory(tmp_path) as running:
        yield running


def read(factory: Running, key: str = "founder", reader: str = "", **rest: object):
    return burn_downs.get_burn_down(
        factory.person(reader or key),
        factory.story.projects[key],
        now=rest.pop("at", now()),
        factory=factory.workshop.factory,
        **rest,
    )


def test_every_figure_is_a_sum_of_records_of_the_ledger(factory: Running):
    hold_id = use(factory, "founder", 2 * HOUR)
    allocations.refund_attempt(
        factory.story.act(DAEMON), refund_id="r", hold_id=hold_id, seconds=HOUR, reason=WHY
    )
    factory.submit("founder", "runs", run="sleep 20")
    cycle.decide(factory.story.act(DAEMON), factory.workshop.factory.get_partition(PARTITION))
    factory.submit("founder", "waits", run="true")
    found = burn_downs.list_figures(read(factory))
    balances = recompute_balances(ledger_store.iterate_transfers())
    project, held, consumed = (balances.get(each, 0) for each in found.account_ids)
    assert found.running_seconds + found.committed_seconds == held == 70
    assert (found.running_seconds, found.committed_seconds) == (35, 35)
    assert found.used_seconds == consumed - HOUR
    assert found.left_seconds == project
    assert found.awarded_seconds == sum(grant.seconds for grant in found.grants)
    awarded = ledger_store.get_transfers([grant.id for grant in found.grants])
    assert sum(each.amount_seconds for each in awarded.values()) == found.awarded_seconds
    whole = found.used_seconds + found.running_seconds + found.committed_seconds
    assert whole + found.left_seconds + found.expired_seconds == found.awarded_seconds
    assert found.days[-1].used_seconds == found.used_seconds


def test_the_days_so_far_are_shown_from_the_beginning_to_now(factory: Running):
    project = project_of(factory, "founder")
    use(factory, "founder", HOUR)
    found = read(factory, at=project.period.starts_at + timedelta(days=20))
    instants = [mark.at for mark in found.burn.marks]
    assert instants == sorted(instants)
    assert instants[0] == project.period.starts_at
    assert 20 <= len(instants) <= burn_downs.MARKS_MAX + 2
    assert [mark.used_seconds for mark in found.burn.marks][-1] == HOUR
    early = read(factory, at=project.period.starts_at - timedelta(days=1))
    assert len(early.burn.marks) == 1
    late = read(factory, at=project.period.ends_at + timedelta(days=1))
    assert late.burn.ahead_seconds == 0


def test_it_asks_the_database_as_much_for_much_use_as_for_little(factory: Running):
    counts = []
    for number in (1, 30):
        for each in range(number):
            use(factory, "founder", 10 + number + each)
        with CaptureQueriesContext(connection) as asked:
            read(factory)
        counts.append(len(asked))
    assert counts[0] == counts[1] < 40


def test_a_job_more_changes_the_priority_and_no_other_figure(factory: Running):
    before, after = read(factory), read(factory, and_seconds=10**9)
    assert before.burn.left_seconds == after.burn.left_seconds
    assert before.priority.outlook.until > after.priority.outlook.until


def test_a_foreign_project_has_no_burn_down(factory: Running):
    with pytest.raises(NotFound):
        read(factory, "founder", reader="researcher")
    assert read(factory, "founder", reader="auditor").burn.awarded_seconds


def test_a_project_whose_machine_is_gone_can_still_be_shown(factory: Running):
    empty = replace(factory.workshop.factory, sites=())
    project, reader = project_of(factory, "founder"), factory.person("founder")
    assert burn_downs.find_burn_down(reader, project, now=now(), factory=empty) is None
    whole = factory.workshop.factory
    assert burn_downs.find_burn_down(reader, project, now=now(), factory=whole) is not None


def test_time_that_expired_is_left_to_nobody(factory: Running):
    project = project_of(factory, "founder")
    allocations.expire_project(
        factory.act("officer"), expiry_id="e", project_id=project.id, reason=WHY
    )
    found = read(factory)
    assert found.burn.left_seconds == found.burn.unused_seconds == 0
    assert found.burn.expired_seconds == project.awarded_seconds


def test_a_cancelled_job_gives_its_hours_back_to_what_is_left(factory: Running):
    before = read(factory).burn.left_seconds
    (job,) = factory.submit("founder", run="true")
    assert read(factory).burn.left_seconds == before - job.held_seconds
    jobs.cancel_job(factory.act("founder"), job.id)
    assert read(factory).burn.left_seconds == before
    partition = factory.workshop.factory.get_partition(PARTITION)
    outlook = quotas.foresee(partition, project_of(factory, "founder"), now=now())
    assert outlook.style_id == ""
