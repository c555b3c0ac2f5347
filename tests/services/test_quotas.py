from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from allmende.domain.access.awards import add_months
from allmende.domain.access.changes import ChangeState, ProjectChange, extend
from allmende.domain.access.projects import Project
from allmende.domain.accounting.quotas import MonthIsUsedUp, Priority, list_months
from allmende.domain.basics.people import DAEMON
from allmende.domain.basics.periods import Period
from allmende.domain.basics.quotas import QuotaStyle
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition
from allmende.domain.scheduling.recordings import replays
from allmende.domain.training.job_files import parse_job_file
from allmende.services import allocations, awards, cycle, forecasts, previews, quotas
from allmende.storage import changes as change_store
from allmende.storage import charges
from allmende.storage import cycles as cycle_store
from allmende.storage import ledger as ledger_store
from allmende.storage import projects as project_store
from allmende.storage import queues as queue_store
from allmende.wiring import now
from tests.services import access
from tests.services.access import HOUR, RULES
from tests.services.running import PARTITION, Running, a_running_factory

pytestmark = pytest.mark.django_db
WHY = Sentence("a test")


def a_style(**numbers: object) -> QuotaStyle:
    dates = {"valid_from": date(2020, 1, 1), "checked_on": date(2026, 1, 1)}
    return QuotaStyle(**{"id": "test", "name": "Test", "source": "a test", **dates, **numbers})


LINEAR = a_style()
STOPPED = a_style(stop_month_percent=100)


@pytest.fixture
def factory(tmp_path: Path, db: None) -> Iterator[Running]:
    with a_running_factory(tmp_path) as running:
        yield running


def adopt(factory: Running, *styles: QuotaStyle) -> Partition:
    """Let the partition spread the time of every project by a style, over two whole months.

    Of a month from today to the same day of the next one, it would depend on the date which part
    belongs to this calendar month: all of it on the first day, and nothing on the last.
    """
    partition = factory.configure(quota_styles={"every": styles})
    today = Period(starts_at=now(), ends_at=now())
    begins = list_months(today, partition.time_zone)[0].starts_at
    for key in factory.story.projects:
        period = Period(starts_at=begins, ends_at=add_months(begins, 2))
        project_store.save_project(replace(project_of(factory, key), period=period))
    return partition


def project_of(factory: Running, key: str) -> Project:
    return project_store.get_project(factory.story.projects[key])


def use(factory: Running, key: str, seconds: int) -> str:
    """Let a project have used so much just now; return the hold under which it did."""
    acting, hold_id = factory.story.act(DAEMON), f"hold-{key}-{seconds}"
    project_id = factory.story.projects[key]
    allocations.hold_for_job(
        acting, project_id=project_id, hold_id=hold_id, seconds=seconds, reason=WHY
    )
    allocations.settle_job(acting, hold_id=hold_id, used_seconds=seconds, reason=WHY)
    return hold_id


def decide(factory: Running, partition: Partition):
    return cycle.decide(factory.story.act(DAEMON), partition)


def test_over_its_quota_a_project_goes_after_the_others_of_its_group(factory: Running):
    partition = adopt(factory, LINEAR)
    (first,) = factory.submit("founder", run="true")
    (second,) = factory.submit("startup", run="true")
    use(factory, "founder", 3 * HOUR)
    decided = decide(factory, partition)
    assert [start.job_id for start in decided.starts] == [second.id, first.id]
    (recorded,) = cycle_store.list_cycles(partition_id=PARTITION)
    founder = project_of(factory, "founder")
    assert recorded.snapshot["demoted"] == [[founder.group_id, founder.id]]
    assert replays(recorded.snapshot, recorded.plan)


def test_who_waits_over_the_quota_is_told_that_others_go_first(factory: Running):
    partition = adopt(factory, LINEAR)
    for number in range(6):  # as many as there are nodes
        factory.submit("researcher", client_key=f"k{number}", run="sleep 5")
    decide(factory, partition)
    (late,) = factory.submit("founder", run="true")
    (other,) = factory.submit("startup", run="true")
    use(factory, "founder", 3 * HOUR)
    decide(factory, partition)
    assert "Its project has used its quota" in str(factory.job(late.id).wait)
    assert "quota" not in str(factory.job(other.id).wait)
    with CaptureQueriesContext(connection) as asked:
        decide(factory, partition)  # says the same, so nothing is written again
    assert not [each for each in asked if "UPDATE job" in each["sql"]]


def test_a_forecast_knows_the_quota_of_a_project_that_has_nothing_in_the_queue(factory: Running):
    partition = adopt(factory, LINEAR)
    for number in range(6):
        factory.submit("researcher", client_key=f"k{number}", run="sleep 5")
    decide(factory, partition)
    for number in range(3):
        factory.submit("startup", client_key=f"k{number}", run="sleep 5", max_duration="4m")

    at = now()  # of both questions: the later one is asked, the nearer is the end of what runs

    def ask():
        spec = parse_job_file({"name": "try", "max_duration": "30s", "run": "true"})
        options = previews.forecast_submission(
            factory.person("founder"),
            spec,
            project_id=factory.story.projects["founder"],
            now=at,
            workshop=factory.workshop,
        )
        return options[0].forecast.latest_at

    before = ask()
    use(factory, "founder", 3 * HOUR)
    founder = project_of(factory, "founder")
    path = (founder.group_id, founder.id, "p")
    effect = quotas.weigh(partition, [], now=now(), asked=[path])
    assert effect.demoted == {path[:2]}
    assert ask() >= before


def test_without_a_style_the_order_is_that_of_submission_and_nobody_is_asked(factory: Running):
    partition = factory.workshop.factory.get_partition(PARTITION)
    (first,) = factory.submit("founder", run="true")
    (second,) = factory.submit("startup", run="true")
    use(factory, "founder", 3 * HOUR)
    alive = queue_store.list_alive_jobs(PARTITION)
    with CaptureQueriesContext(connection) as asked:
        effect = quotas.weigh(partition, alive, now=now())
    assert len(asked) == 0
    assert (effect.bars, effect.demoted) == ({}, frozenset())
    decided = decide(factory, partition)
    assert [start.job_id for start in decided.starts] == [first.id, second.id]


def test_what_running_jobs_hold_counts_against_the_quota(factory: Running):
    partition = adopt(factory, LINEAR)
    project = project_of(factory, "founder")
    standing = quotas.read_account(partition, project, now=now()).stand(now())
    use(factory, "founder", standing.left_seconds - 35)
    before = quotas.read_account(partition, project, now=now()).stand(now())
    assert before.priority is Priority.NORMAL
    factory.submit("founder", run="sleep 20")  # holds 35 s, which count once it runs
    decide(factory, partition)
    after = quotas.read_account(partition, project, now=now()).stand(now())
    assert (after.left_seconds, after.priority) == (0, Priority.LOW)


def test_a_project_that_is_stopped_starts_nothing_and_is_told_why(factory: Running):
    partition = adopt(factory, STOPPED)
    (job,) = factory.submit("founder", run="true")
    use(factory, "founder", 3 * HOUR)
    decided = decide(factory, partition)
    assert decided.starts == ()
    wait = factory.job(job.id).wait
    assert "nothing starts from" in str(wait)
    with pytest.raises(MonthIsUsedUp):
        factory.submit("founder", "another", run="true")
    spec = parse_job_file({"name": "try", "max_duration": "30s", "run": "true"})
    with pytest.raises(MonthIsUsedUp):
        previews.preview_job(
            factory.person("founder"),
            spec,
            project_id=factory.story.projects["founder"],
            now=now(),
            workshop=factory.workshop,
        )
    assert job.id not in forecasts.look_ahead(partition, now()).eligible_ids


def test_a_heartbeat_asks_as_much_for_one_project_as_for_many(factory: Running):
    partition, counts = adopt(factory, LINEAR), []
    for key in ("founder", "startup", "researcher", "corporation"):
        factory.submit(key, run="true")
        alive = queue_store.list_alive_jobs(PARTITION)
        with CaptureQueriesContext(connection) as asked:
            quotas.weigh(partition, alive, now=now())
        counts.append(len(asked))
    assert counts == [9, 9, 9, 9]


def test_a_preview_says_the_priority_that_the_jobs_will_have(factory: Running):
    partition = adopt(factory, LINEAR)
    project = project_of(factory, "founder")
    left = quotas.read_account(partition, project, now=now()).stand(now()).left_seconds
    use(factory, "founder", left - 30)
    spec = parse_job_file({"name": "try", "max_duration": "30s", "run": "true"})
    found = previews.preview_job(
        factory.person("founder"),
        spec,
        project_id=project.id,
        now=now(),
        workshop=factory.workshop,
    )
    assert found.priority.outlook.priority is Priority.LOW
    assert found.priority.standing.priority is Priority.NORMAL
    assert "after the others" in str(found.priority.sentence)


def test_refunds_and_corrections_count_as_if_nothing_had_been_used(factory: Running):
    partition = adopt(factory, LINEAR)
    project = project_of(factory, "founder")
    accounts = quotas.accounts_of(partition, project)
    hold_id = use(factory, "founder", 3 * HOUR)
    daemon = factory.story.act(DAEMON)
    allocations.refund_attempt(daemon, refund_id="r", hold_id=hold_id, seconds=HOUR, reason=WHY)
    assert charges.sum_used([accounts], [now()]) == {project.id: [2 * HOUR, 0]}
    officer = factory.act("officer")
    allocations.correct_transfer(officer, transfer_id="refund:r", reason=WHY)
    soon = now() + timedelta(days=1)
    assert charges.sum_used([accounts], [soon]) == {project.id: [3 * HOUR, 0]}
    consumed = ledger_store.get_balances([accounts.consumed.id])[accounts.consumed.id]
    assert consumed == 3 * HOUR


def test_time_that_is_taken_back_is_no_longer_awarded(factory: Running):
    partition, project = adopt(factory, LINEAR), project_of(factory, "founder")
    allocations.claw_back_project(
        factory.act("officer"),
        claw_back_id="c",
        project_id=project.id,
        mode_id="playground",
        seconds=HOUR,
        reason=WHY,
    )
    usage = quotas.read_account(partition, project, now=now()).usage
    assert [grant.seconds for grant in usage.grants] == [project.awarded_seconds, -HOUR]
    assert usage.awarded_seconds == project.awarded_seconds - HOUR


def test_a_later_end_counts_from_the_day_on_which_it_was_given(factory: Running):
    partition, project = adopt(factory, LINEAR), project_of(factory, "founder")
    before = quotas.read_account(partition, project, now=now()).usage
    change = ProjectChange(
        id="c",
        project_id=project.id,
        months=1,
        seconds=0,
        reason="We wait for data.",
        asked_by="p",
        asked_at=now(),
        state=ChangeState.APPROVED,
        given_months=1,
        answered_at=now(),
    )
    change_store.save_change(change)
    project_store.save_project(extend(project, change))
    longer = project_of(factory, "founder")
    usage = quotas.read_account(partition, longer, now=now()).usage
    (extension,) = usage.extensions
    assert extension.at == change.answered_at
    # Counted back from the end: where months are of different lengths, some days beside it.
    assert abs(extension.ended_at - project.period.ends_at) <= timedelta(days=3)
    assert len(usage.months) == len(before.months) + 1
    with CaptureQueriesContext(connection) as asked:
        quotas.read_account(partition, longer, now=now())
    assert len(asked) == 8


def test_a_style_that_gives_more_than_was_awarded_lets_the_account_go_below_zero(db: None):
    more = a_style(is_monthly=False, stop_whole_percent=125)
    partitions = tuple(replace(each, quota_styles={"every": (more,)}) for each in RULES.partitions)
    access.open_playground()
    application = access.assessed(*access.founder())
    award = awards.award_application(
        access.deed(access.officer()), application.id, rules=replace(RULES, partitions=partitions)
    )
    project = project_store.get_project(award.project_id)
    (partition,) = (each for each in partitions if each.id == project.partition_id)
    account = ledger_store.get_account(quotas.accounts_of(partition, project).project.id)
    assert account.may_overdraw_seconds == award.seconds // 4
