"""Time on a second partition: asked for, weighed by prices, given once, and over with its project.

The award is of node-hours on the bench at 2 EUR; the hall counts GPU-hours at 5 EUR.
"""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from allmende.domain.access.ceilings import ShareCeilingWouldBePassed
from allmende.domain.access.changes import ChangeState, SayWhatGoesBack, TooMuchElsewhere
from allmende.domain.access.conversions import NoPriceOfItsOwn, NotForThisProject, check_place
from allmende.domain.access.message_kinds import MessageKind
from allmende.domain.access.modes import Price
from allmende.domain.access.projects import ProjectHasEnded
from allmende.domain.access.reports import ReportKind, tell_facts
from allmende.domain.accounting.allocations import NoTimeOnPartition
from allmende.domain.accounting.ledger import NotEnoughTime
from allmende.domain.basics.people import DAEMON
from allmende.domain.basics.rules import RuleBook
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import PartitionStatus
from allmende.domain.basics.units import TimeUnit
from allmende.domain.scheduling.jobs import JobState
from allmende.services import (
    allocations,
    applications,
    audit,
    budgets,
    burn_downs,
    changes,
    ledger,
    mail,
    projects,
    queues,
    reports,
)
from allmende.storage import charges
from allmende.storage import jobs as job_store
from allmende.storage import ledger as ledger_store
from tests.services.access import (
    HOUR,
    NOON,
    RULES,
    awarded,
    deed,
    founder,
    officer,
    open_playground,
)
from tests.services.running import a_running_factory
from tests.services.second_partition import (
    HALL,
    TWO,
    factory_with_hall,
    open_hall,
    price_of,
    rules_with,
)
from tests.services.several_sites import BERLIN, spread

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(days=3)


@pytest.fixture
def running():
    """Return a founder and their project of four node-hours; the hall has a pool."""
    open_playground()
    open_hall()
    ada, firm = founder()
    return ada, projects.get_project(ada, awarded(ada, firm).project_id)


def ask(ada, project, *, rules=TWO, **changed):
    facts = {"partition_id": HALL.id, "seconds": HOUR, "reason": "GPUs.", **changed}
    return changes.ask_for_change(deed(ada, now=LATER), project.id, rules=rules, **facts)


def give(change, *, rules=TWO, now=LATER, **changed):
    return changes.approve_change(deed(officer(), now=now), change.id, rules=rules, **changed)


def left(ada, project):
    found = budgets.list_budgets(ada, project.id)
    return {each.partition_id: each.available_seconds for each in found}


def test_hours_there_are_given_once_and_told(running):
    ada, project = running
    change = ask(ada, project)
    assert ask(ada, project) == change
    olga = officer()
    given = changes.approve_change(deed(olga, now=LATER), change.id, rules=TWO)
    assert changes.approve_change(deed(olga, now=LATER), change.id, rules=TWO) == given
    assert left(ada, project) == {"werkbank": 4 * HOUR, "halle": HOUR}
    assert projects.get_project(ada, project.id).awarded_seconds == 4 * HOUR
    said = " ".join(each.english() for each in given.comparison)
    assert "one GPU, of which a node has 4" in said
    assert "2 EUR" in said
    assert "5 EUR" in said
    assert "1 GPU-h on halle are worth as much as 2.5 node-h on werkbank" in said
    events = [e for e in audit.list_events(DAEMON) if e.action == "project.change_approved"]
    assert [event.facts["partition"] for event in events] == ["halle"]
    told = mail.list_own_messages(ada)
    assert [each.kind for each in told].count(MessageKind.CHANGE_ANSWERED) == 1


def test_hours_move_and_nobody_has_them_twice(running):
    ada, project = running
    change = ask(ada, project, seconds=2 * HOUR, back_seconds=3 * HOUR)
    with pytest.raises(SayWhatGoesBack):
        give(change, seconds=HOUR)
    given = give(change, seconds=HOUR, back_seconds=2 * HOUR)
    assert given.counted_seconds == HOUR // 2  # of 2.5 hours' worth, 2 went back
    assert left(ada, project) == {"werkbank": 2 * HOUR, "halle": HOUR}
    assert projects.get_project(ada, project.id).awarded_seconds == 2 * HOUR
    assert ledger.check(DAEMON).findings == ()


def test_what_went_already_cannot_go_back_and_then_nothing_is_given(running):
    ada, project = running
    allocations.hold_for_job(
        deed(ada), project_id=project.id, hold_id="j", seconds=3 * HOUR, reason=Sentence("x")
    )
    change = ask(ada, project, back_seconds=2 * HOUR)
    with pytest.raises(NotEnoughTime):
        give(change)
    assert left(ada, project) == {"werkbank": HOUR}
    assert changes.list_changes_of(ada, project.id)[0].state is ChangeState.PENDING


def test_what_a_project_may_only_overdraw_goes_back_to_nobody(running):
    ada, project = running
    accounts = ledger_store.LedgerAccountRow.objects.filter(owner_id=project.id, kind="project")
    assert accounts.update(may_overdraw_seconds=2 * HOUR) == 1
    change = ask(ada, project, seconds=2 * HOUR, back_seconds=5 * HOUR)
    with pytest.raises(NotEnoughTime, match="4"):
        give(change)
    taking = {"project_id": project.id, "mode_id": "playground", "reason": Sentence("x")}
    with pytest.raises(NotEnoughTime):
        allocations.claw_back_project(deed(DAEMON), claw_back_id="a", seconds=5 * HOUR, **taking)
    for _ in range(2):
        allocations.claw_back_project(deed(DAEMON), claw_back_id="b", seconds=4 * HOUR, **taking)
    assert left(ada, project) == {"werkbank": 0}


def test_the_limit_of_the_mode_counts_by_worth_on_both(running):
    ada, project = running
    with pytest.raises(TooMuchElsewhere) as refusal:
        give(ask(ada, project, seconds=2 * HOUR))  # worth 5 of the 4 node-hours that are allowed
    assert "for them, count as 5 node-h on werkbank" in str(refusal.value)
    (change,) = changes.list_changes_of(ada, project.id)
    give(change, back_seconds=0, seconds=HOUR)
    with pytest.raises(TooMuchElsewhere):
        give(ask(ada, project))
    (latest, _) = changes.list_changes_of(ada, project.id)
    changes.withdraw_change(deed(ada, now=LATER), latest.id)
    more = ask(ada, project, back_seconds=HOUR)  # worth 2.5, 1 of them goes back
    assert give(more).counted_seconds == 3 * HOUR // 2


def test_where_the_project_could_not_have_been_awarded_time(running):
    ada, project = running
    for hall, why in (
        (replace(HALL, status=PartitionStatus.DESCRIBED), "No jobs are sent there"),
        (replace(HALL, groups=()), "The group of the project"),
        (replace(HALL, access_shares={"national": Fraction(1)}), "access share"),
    ):
        with pytest.raises(NotForThisProject, match=why):
            ask(ada, project, rules=rules_with(hall))
        assert changes.list_places(ada, project.id, rules=rules_with(hall), now=LATER) == []
    frozen = applications.get_application(ada, project.application_id).submitted
    paid = replace(frozen, eligibility=replace(frozen.eligibility, price=Price.PAID))
    with pytest.raises(NotForThisProject, match="is paid for"):
        check_place(project, paid, HALL)
    with pytest.raises(NotForThisProject, match="without naming it"):
        ask(ada, project, partition_id="werkbank")
    for cents in (None, 0):
        with pytest.raises(NoPriceOfItsOwn):
            ask(ada, project, rules=rules_with(cents=cents))
    (place,) = changes.list_places(ada, project.id, rules=TWO, now=LATER)
    assert (place.partition_id, place.price.cents_per_hour) == ("halle", 500)


def test_ceilings_and_pool_there_hold_as_for_a_first_award(running):
    ada, project = running
    ceiling = RULES.book.get("share.playground_and_fast_lane", on=NOON.date())
    tight = replace(ceiling, value=Decimal(0), applies_if={"partition": "halle"})
    rows = (*TWO.book.rules, tight)
    change = ask(ada, project)
    with pytest.raises(ShareCeilingWouldBePassed):
        give(change, rules=replace(TWO, book=RuleBook(rows)))
    olga = deed(officer())
    found = ledger.list_accounts(olga.actor)
    (pool,) = [each for each in found if each.account.id == "pool:halle:union:playground"]
    allocations.award_to_project(
        olga,
        award_id="others",
        project_id="pr-others",
        partition_id="halle",
        access_share="union",
        mode_id="playground",
        unit=HALL.unit,
        seconds=pool.balance_seconds,
    )
    with pytest.raises(NotEnoughTime):
        give(change)
    assert left(ada, project) == {"werkbank": 4 * HOUR}


def test_all_of_it_expires_with_the_project_and_is_refused_after(running):
    ada, project = running
    give(ask(ada, project))
    hold = {"project_id": project.id, "partition_id": "halle", "reason": Sentence("a job")}
    allocations.hold_for_job(deed(ada), hold_id="j", seconds=600, **hold)
    second = ask(ada, project)
    ended = projects.end_project(deed(officer(), now=LATER), project.id, rules=TWO)
    assert ended.unused_seconds == 4 * HOUR
    assert left(ada, project) == {"werkbank": 0, "halle": 0}
    allocations.settle_job(deed(DAEMON), hold_id="j", used_seconds=100, reason=Sentence("over"))
    facts = reports.gather_facts(ada, project.id, rules=TWO, kind=ReportKind.FINAL)
    assert [each.english() for each in facts.elsewhere] == [
        "On halle, of 1 GPU-h granted, 0.027778 were used and 0.833333 expired."
    ]
    assert facts.elsewhere[0] in tell_facts(facts)
    for _ in "ab":
        queues.expire_rest(deed(DAEMON), project.id, partition_id="halle", expiry_id="j")
    hall = next(b for b in budgets.list_budgets(ada, project.id) if b.partition_id == "halle")
    assert (hall.available_seconds, hall.expired_seconds) == (0, HOUR - 100)
    with pytest.raises(ProjectHasEnded):
        give(second)
    changes.withdraw_change(deed(ada, now=LATER), second.id)
    with pytest.raises(ProjectHasEnded):
        ask(ada, project)
    assert ledger.check(DAEMON).findings == ()


def test_what_is_left_there_is_said_with_its_priority(running):
    ada, project = running
    give(ask(ada, project))
    held = budgets.list_budgets(ada, project.id)
    (there,) = burn_downs.list_elsewhere(project, held, now=LATER, factory=factory_with_hall())
    assert there.sentence.english().startswith("On halle 1 of 1 GPU-h are left. ")
    burn = burn_downs.get_burn_down(
        ada, project.id, now=LATER, factory=factory_with_hall(), partition_id="halle"
    )
    assert (burn.unit, burn.burn.awarded_seconds) == (TimeUnit.GPU_SECONDS, HOUR)


def test_the_broker_offers_the_partition_and_nothing_of_it_counts_on_the_other(tmp_path):
    with a_running_factory(tmp_path) as factory:
        spread(factory)
        founder_there, project_id = factory.person("founder"), factory.story.projects["founder"]
        with pytest.raises(NoTimeOnPartition):
            factory.submit("founder", run="true", partition=BERLIN)
        partitions = factory.workshop.factory.partitions
        open_hall(hall=factory.workshop.factory.get_partition(BERLIN))
        book = RuleBook((*RULES.book.rules, price_of(BERLIN, 200)))
        rules = replace(RULES, book=book, partitions=partitions)
        asked = changes.ask_for_change(
            factory.act("founder"),
            project_id,
            rules=rules,
            reason="Robots.",
            partition_id=BERLIN,
            seconds=HOUR,
        )
        changes.approve_change(factory.act("officer"), asked.id, rules=rules)
        (job,) = factory.submit("founder", run="true", resources={"specialisation": "robotics"})
        assert job.partition_id == BERLIN
        held = {
            b.partition_id: b.held_seconds for b in budgets.list_budgets(founder_there, project_id)
        }
        assert held == {"werkbank": 0, BERLIN: job.held_seconds}
        job_store.save_job(replace(job_store.get_job(job.id), state=JobState.RUNNING))
        for partition_id, seconds in ((BERLIN, job.held_seconds), ("werkbank", 0)):
            sums = charges.sum_running([project_id], partition_id=partition_id)
            assert sums.get(project_id, 0) == seconds
        job_store.save_job(job)
