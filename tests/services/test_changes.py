"""More for a running project passes each check of an award, and is given once."""

from dataclasses import replace
from datetime import timedelta

import pytest

from allmende.domain.access.changes import ChangeState, ReportIsMissing, TooMuchTime
from allmende.domain.access.projects import ProjectState
from allmende.domain.access.rechecks import NoLongerEligible
from allmende.domain.access.reports import ReportIsOverdue, ReportKind
from allmende.domain.access.reviews import OwnApplication
from allmende.domain.accounting.ledger import NotEnoughTime
from allmende.domain.basics.lifecycle import ForbiddenMove
from allmende.domain.basics.people import DAEMON
from allmende.domain.basics.refusals import NotFound, NotPermitted
from allmende.domain.basics.sentences import Sentence
from allmende.services import (
    aid,
    allocations,
    budgets,
    calls,
    changes,
    ledger,
    organisations,
    projects,
    reports,
)
from allmende.storage import people as people_store
from allmende.storage import projects as project_store
from tests.services.access import (
    HOUR,
    NOON,
    RULES,
    awarded,
    deed,
    figures,
    founder,
    officer,
    open_playground,
    person,
)

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(days=3)


@pytest.fixture
def running():
    """Return a founder, their firm and their project of four hours."""
    open_playground()
    ada, firm = founder()
    return ada, firm, projects.get_project(ada, awarded(ada, firm).project_id)


def ask(ada, project, **changed):
    facts = {"seconds": HOUR, "reason": "A second data set came in.", **changed}
    return changes.ask_for_change(deed(ada, now=LATER), project.id, rules=RULES, **facts)


def give(who, change, **changed):
    return changes.approve_change(deed(who, now=LATER), change.id, rules=RULES, **changed)


def left(ada, project):
    (budget,) = budgets.list_budgets(ada, project.id)
    return budget.available_seconds


def test_what_is_given_moves_the_end_and_the_budget_once(running):
    ada, _, project = running
    before = left(ada, project)
    change = ask(ada, project, months=1)
    assert ask(ada, project, months=1) == change
    olga = officer()
    assert changes.list_changes(olga, state=ChangeState.PENDING) == [change]
    given = give(olga, change)
    assert give(olga, change) == given
    extended = projects.get_project(ada, project.id)
    assert extended.awarded_seconds == project.awarded_seconds + HOUR
    assert extended.period.ends_at > project.period.ends_at
    assert left(ada, project) == before + HOUR
    with pytest.raises(ForbiddenMove):
        changes.decline_change(deed(olga, now=LATER), change.id, answer="No.")


def test_a_part_is_given_and_the_rest_asked_for_again(running):
    ada, _, project = running
    give(officer(), ask(ada, project, seconds=3 * HOUR), seconds=HOUR)
    second = ask(ada, project, seconds=4 * HOUR)
    with pytest.raises(TooMuchTime):
        give(officer(), second)
    assert give(officer(), second, seconds=3 * HOUR).given_seconds == 3 * HOUR


def test_only_the_organisation_asks_and_only_the_office_answers(running):
    ada, firm, project = running
    stranger, _ = founder("eve")
    guest = person("guest")
    projects.add_member(deed(ada), project.id, person_id=guest.id)
    with pytest.raises(NotFound):
        ask(stranger, project)
    with pytest.raises(projects.OrganisationGoverns):
        ask(guest, project)
    change = ask(ada, project)
    with pytest.raises(NotFound):
        changes.list_changes_of(stranger, project.id)
    with pytest.raises(NotPermitted):
        give(ada, change)
    olga = officer()
    people_store.add_member(olga.id, firm.id)
    with pytest.raises(OwnApplication):
        give(people_store.get_person(olga.id), change)
    withdrawn = changes.withdraw_change(deed(ada, now=LATER), change.id)
    assert withdrawn == changes.withdraw_change(deed(ada, now=LATER), change.id)
    declined = ask(ada, project)
    no = changes.decline_change(deed(officer(), now=LATER), declined.id, answer="No time left.")
    assert no.state is ChangeState.DECLINED


def test_a_firm_that_grew_beyond_an_sme_keeps_its_award_and_gets_no_more(running):
    ada, firm, project = running
    change = ask(ada, project, months=1)
    large = figures(firm.id, 900, 300, 200)
    organisations.update_figures(deed(ada, now=LATER), firm.id, ownership=large, rules=RULES)
    before = left(ada, project)
    with pytest.raises(NoLongerEligible):
        give(officer(), change)
    kept = projects.get_project(ada, project.id)
    assert (kept.period, left(ada, project)) == (project.period, before)
    assert give(officer(), change, seconds=0).given_months == 1  # a later end costs nothing


def test_who_owes_a_report_gets_no_more_hours(running):
    ada, firm, project = running
    earlier = projects.get_project(ada, awarded(ada, firm).project_id)
    ended = projects.end_project(deed(officer(), now=NOON), earlier.id, rules=RULES)
    late = NOON + timedelta(days=100)
    extended = replace(project.period, ends_at=late + timedelta(days=1))
    project_store.save_project(replace(project, period=extended))
    change = ask(ada, project, months=1)
    by_office = deed(officer(), now=late)
    with pytest.raises(ReportIsOverdue) as refusal:
        changes.approve_change(by_office, change.id, rules=RULES)
    assert ended.id in str(refusal.value)
    given = changes.approve_change(by_office, change.id, rules=RULES, seconds=0)
    assert given.given_months == 1


def test_hours_of_the_national_share_are_aid_with_notice_and_entry():
    calls.open_call(deed(DAEMON), "werkbank-bridge-2026", rules=RULES)
    ada, firm = founder()
    award = awarded(
        ada,
        firm,
        call_id="werkbank-bridge-2026",
        requested_hours="4",
        aid_received_cents="0",
    )
    project = projects.get_project(ada, award.project_id)
    given = give(officer(), ask(ada, project))
    assert "de minimis" in given.notice[0].english()
    entries = aid.list_every_entry(officer())
    assert {entry.award_id for entry in entries} == {award.id, given.id}
    assert entries[1].check.granted_cents or entries[0].check.granted_cents


def test_what_the_pool_does_not_cover_is_given_to_nobody(running):
    ada, _, project = running
    change = ask(ada, project)
    olga = officer()
    pool = "pool:werkbank:union:playground"
    (found,) = [each for each in ledger.list_accounts(olga) if each.account.id == pool]
    allocations.top_up_project(
        deed(olga),
        top_up_id="the rest",
        project_id=project.id,
        mode_id="playground",
        seconds=found.balance_seconds,
        reason=Sentence("All that is left."),
    )
    with pytest.raises(NotEnoughTime):
        give(olga, change)
    assert changes.list_changes_of(ada, project.id)[0].state is ChangeState.PENDING
    assert projects.get_project(ada, project.id).awarded_seconds == project.awarded_seconds


def test_science_gets_more_only_on_a_report(running):
    ada, _, project = running
    book = RULES.book
    rows = tuple(
        replace(row, value=True) if row.rule == "change.needs_report" else row for row in book.rules
    )
    strict = replace(RULES, book=type(book)(rows))
    change = ask(ada, project, seconds=0, months=1)
    olga, interim = officer(), {"kind": ReportKind.INTERIM}

    def approve():
        return changes.approve_change(deed(olga, now=LATER), change.id, rules=strict)

    def refused():
        with pytest.raises(ReportIsMissing):
            approve()

    refused()
    reports.write_report(deed(ada, now=LATER), project.id, results="It learns.", **interim)
    refused()
    reports.hand_in_report(deed(ada, now=LATER), project.id, rules=strict, **interim)
    refused()
    reports.return_report(deed(olga, now=LATER), project.id, why="What?", **interim)
    refused()
    reports.hand_in_report(deed(ada, now=LATER), project.id, rules=strict, **interim)
    reports.accept_report(deed(olga, now=LATER), project.id, **interim)
    assert approve().state is ChangeState.APPROVED
    assert projects.get_project(ada, project.id).state is ProjectState.ACTIVE
