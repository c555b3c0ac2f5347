"""Assessment, award and project: one transaction, one award, one budget."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from allmende.domain.access.applications import ApplicationState
from allmende.domain.access.awards import AlreadyAwarded, NotFeasible
from allmende.domain.access.modes import Price
from allmende.domain.access.projects import (
    LastMember,
    ProjectHasEnded,
    ProjectIsSuspended,
    ProjectState,
)
from allmende.domain.access.rechecks import EligibilityIsOpenAgain, NoLongerEligible
from allmende.domain.access.reviews import OwnApplication
from allmende.domain.access.snapshots import hash_content
from allmende.domain.basics.lifecycle import ForbiddenMove
from allmende.domain.basics.people import DAEMON, Role
from allmende.domain.basics.refusals import InvalidInput, NotFound, NotPermitted, Refusal
from allmende.services import (
    allocations,
    applications,
    audit,
    awards,
    calls,
    onboarding,
    organisations,
    projects,
    reports,
    reviews,
)
from allmende.services.projects import OrganisationGoverns
from allmende.storage import calls as call_store
from tests.postgresql import empty_postgresql_url, postgresql_url
from tests.services.access import (
    CALL_ID,
    HOUR,
    NOON,
    RULES,
    assessed,
    awarded,
    deed,
    figures,
    founder,
    officer,
    open_playground,
    person,
    submitted,
)

pytestmark = pytest.mark.django_db

__all__ = ["empty_postgresql_url", "postgresql_url"]

PROJECT = Path(__file__).resolve().parents[2]
ROUNDS = 10


@pytest.fixture
def call():
    return open_playground()


@pytest.fixture
def applied(call):
    """Return a founder, their firm and their assessed application."""
    ada, firm = founder()
    return ada, firm, assessed(ada, firm)


def test_award_makes_project_and_budget(applied):
    ada, firm, application = applied
    award = awards.award_application(deed(officer()), application.id, rules=RULES)
    assert (award.seconds, award.price) == (4 * HOUR, Price.FREE)
    project = projects.get_project(ada, award.project_id)
    assert (project.state, project.group_id) == (ProjectState.ACTIVE, "sme")
    assert (project.organisation_id, project.member_ids) == (firm.id, (ada.id,))
    projects.check_can_run(project, now=NOON)
    budget = allocations.get_budget(ada, project.id)
    assert (budget.awarded_seconds, budget.available_seconds) == (4 * HOUR, 4 * HOUR)
    decided = applications.get_application(ada, application.id)
    assert decided.state is ApplicationState.AWARDED
    assert awards.get_award(ada, award.id) == award
    assert awards.find_award_of_application(ada, application.id) == award
    assert awards.list_awards(officer()) == [award]


def test_the_same_award_again_is_the_same_award(applied):
    _, _, application = applied
    first = awards.award_application(deed(officer()), application.id, rules=RULES)
    again = awards.award_application(deed(officer()), application.id, rules=RULES)
    assert again == first
    assert len(projects.list_projects(officer())) == 1


def test_a_second_award_for_the_same_application_is_refused(applied):
    ada, _, application = applied
    first = awards.award_application(deed(officer()), application.id, rules=RULES)
    for other in ({"award_id": "award-2"}, {"seconds": HOUR}):
        with pytest.raises(AlreadyAwarded):
            awards.award_application(deed(officer()), application.id, rules=RULES, **other)
    assert allocations.get_budget(ada, first.project_id).awarded_seconds == 4 * HOUR


def test_award_above_what_the_pool_holds_changes_nothing(applied):
    ada, _, application = applied
    others = [assessed(*founder(f"p{number}")) for number in range(2)]
    allocations.award_to_project(
        deed(DAEMON),
        award_id="drain",
        project_id="elsewhere",
        partition_id="werkbank",
        access_share="union",
        mode_id="playground",
        unit=RULES.get_call(CALL_ID).unit,
        seconds=399 * HOUR,
    )
    with pytest.raises(Refusal) as refusal:
        awards.award_application(deed(officer()), application.id, rules=RULES)
    assert refusal.value.code() == "NotEnoughTime"
    assert applications.get_application(ada, application.id) == application
    assert projects.list_projects(ada) == []
    assert awards.find_award_of_application(ada, application.id) is None
    assert len(others) == 2
    small = awards.award_application(deed(officer()), application.id, rules=RULES, seconds=HOUR)
    assert small.seconds == HOUR


def test_infeasible_application_can_only_be_refused(call):
    ada, firm = founder()
    application = submitted(ada, firm)
    operator = person("op", Role.OPERATOR)
    with pytest.raises(InvalidInput):
        reviews.record_technical_assessment(deed(operator), application.id, is_feasible=False)
    reviews.record_technical_assessment(
        deed(operator), application.id, is_feasible=False, notes="It needs a GPU."
    )
    with pytest.raises(NotFeasible):
        awards.award_application(deed(officer()), application.id, rules=RULES)
    refused = awards.refuse_application(deed(officer()), application.id, why="No GPU here.")
    assert (refused.state, refused.decision.english()) == (ApplicationState.REFUSED, "No GPU here.")
    found = reviews.find_technical_assessment(ada, application.id)
    assert (found.is_feasible, found.notes) == (False, "It needs a GPU.")


def test_nothing_is_awarded_before_the_assessment(call):
    application = submitted(*founder())
    with pytest.raises(ForbiddenMove):
        awards.award_application(deed(officer()), application.id, rules=RULES)


def test_an_application_is_assessed_once(applied):
    _, _, application = applied
    with pytest.raises(ForbiddenMove):
        reviews.record_technical_assessment(deed(officer()), application.id, is_feasible=True)


def test_who_became_large_in_between_gets_nothing(applied):
    ada, firm, application = applied
    large = figures(firm.id, 900, 500, 500)
    organisations.update_figures(deed(ada), firm.id, ownership=large, rules=RULES)
    with pytest.raises(NoLongerEligible):
        awards.award_application(deed(officer()), application.id, rules=RULES)


def with_rule(name, **changes):
    """Return the rules with another row for one rule, in force at once."""
    rows = tuple(replace(row, **changes) if row.rule == name else row for row in RULES.book.rules)
    return replace(RULES, book=replace(RULES.book, rules=rows))


def test_a_rule_that_changed_in_between_decides_and_both_versions_are_kept(applied):
    _, _, application = applied
    stricter = with_rule("person.contract_months_after_end", value=Decimal(24))
    with pytest.raises(NoLongerEligible, match="runs 12 months after the end; it takes 24"):
        awards.award_application(deed(officer()), application.id, rules=stricter)
    looser = with_rule("person.contract_months_after_end", value=Decimal(6))
    award = awards.award_application(deed(officer()), application.id, rules=looser)
    before, after = application.submitted.rules_hash, award.recheck.rules_hash
    assert before != after
    for rules_hash, months in ((before, "3"), (after, "6")):
        kept = {row["rule"]: row["value"] for row in call_store.get_rules(rules_hash)}
        assert kept["person.contract_months_after_end"] == months
    (event,) = [
        each
        for each in audit.list_events(person("aud", Role.AUDITOR), subject=application.id)
        if each.action == "application.awarded"
    ]
    assert event.facts["rules"] == after
    assert event.facts["recheck"] == hash_content(awards.get_award(officer(), award.id).recheck)


def test_figures_that_changed_in_between_are_the_evidence_of_the_award(applied):
    ada, firm, application = applied
    organisations.update_figures(
        deed(ada), firm.id, ownership=figures(firm.id, 60, 11, 11), rules=RULES
    )
    award = awards.award_application(deed(officer()), application.id, rules=RULES)
    assert application.submitted.eligibility.size.size_class == "small"
    assert award.recheck.eligibility.size.size_class == "medium"
    assert award.recheck.organisation.ownership == figures(firm.id, 60, 11, 11)


def test_figures_that_became_unknown_in_between_stop_the_award(applied):
    ada, firm, application = applied
    one_year = figures(firm.id, 240, 49, 42, years=1)
    organisations.update_figures(deed(ada), firm.id, ownership=one_year, rules=RULES)
    with pytest.raises(EligibilityIsOpenAgain, match="figures are missing"):
        awards.award_application(deed(officer()), application.id, rules=RULES)


def test_the_office_settles_what_the_rules_leave_open(call):
    ada, firm = founder(size=None)
    application = submitted(ada, firm)
    assert application.state is ApplicationState.SUBMITTED
    settled = reviews.record_eligibility(
        deed(officer()), application.id, is_eligible=True, why="Register seen: an SME."
    )
    assert settled.state is ApplicationState.TECHNICAL_ASSESSMENT
    reviews.record_technical_assessment(deed(officer()), application.id, is_feasible=True)
    award = awards.award_application(deed(officer()), application.id, rules=RULES)
    assert projects.get_project(ada, award.project_id).group_id == "sme"


def test_the_office_cannot_overrule_the_rules(call):
    application = submitted(*founder(size=(900, 500, 500)))
    with pytest.raises(ForbiddenMove):
        reviews.record_eligibility(deed(officer()), application.id, is_eligible=True, why="Please.")


def test_nobody_decides_on_their_own_organisation(applied):
    _, firm, application = applied
    both = person("both", Role.PROGRAMME_OFFICER, organisation_ids=[firm.id])
    with pytest.raises(OwnApplication):
        awards.award_application(deed(both), application.id, rules=RULES)
    with pytest.raises(OwnApplication):
        awards.refuse_application(deed(both), application.id, why="No.")


def test_applicants_and_operators_award_nothing(applied):
    ada, _, application = applied
    for somebody in (ada, person("op", Role.OPERATOR)):
        with pytest.raises(NotPermitted):
            awards.award_application(deed(somebody), application.id, rules=RULES)
    with pytest.raises(NotPermitted):
        reviews.record_technical_assessment(deed(ada), application.id, is_feasible=True)


def test_foreign_award_and_project_do_not_exist_for_others(call):
    award = awarded(*founder())
    eve, _ = founder("eve")
    for attempt in (
        lambda: awards.get_award(eve, award.id),
        lambda: awards.find_award_of_application(eve, award.application_id),
        lambda: reviews.find_technical_assessment(eve, award.application_id),
        lambda: projects.get_project(eve, award.project_id),
        lambda: projects.add_member(deed(eve), award.project_id, person_id=eve.id),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert projects.list_projects(eve) == []


def test_project_lives_from_suspension_to_closure(call):
    ada, firm = founder()
    project_id = awarded(ada, firm).project_id
    office = officer()
    suspended = projects.suspend_project(deed(office), project_id, why="Report missing.")
    with pytest.raises(ProjectIsSuspended) as refusal:
        projects.check_can_run(suspended, now=NOON)
    assert "Report missing." in str(refusal.value)
    with pytest.raises(NotPermitted):
        projects.resume_project(deed(ada), project_id)
    resumed = projects.resume_project(deed(office), project_id)
    assert (resumed.state, resumed.suspended_because) == (ProjectState.ACTIVE, None)
    projects.end_project(deed(office), project_id, rules=RULES)
    with pytest.raises(ProjectHasEnded):
        projects.check_can_run(projects.get_project(ada, project_id), now=NOON)
    budget = allocations.get_budget(ada, project_id)
    assert (budget.available_seconds, budget.expired_seconds) == (0, 4 * HOUR)
    reports.waive_report(deed(office), project_id, why="A short trial.")
    assert projects.get_project(ada, project_id).state is ProjectState.CLOSED


def test_projects_end_on_their_day_and_once(call):
    ada, firm = founder()
    project = projects.get_project(ada, awarded(ada, firm).project_id)
    before = deed(DAEMON, now=project.period.ends_at - timedelta(seconds=1))
    assert projects.end_due_projects(before, rules=RULES) == []
    at_end = deed(DAEMON, now=project.period.ends_at)
    assert [each.id for each in projects.end_due_projects(at_end, rules=RULES)] == [project.id]
    assert projects.end_due_projects(at_end, rules=RULES) == []


def test_members_see_a_project_of_another_organisation(call):
    ada, firm = founder()
    project_id = awarded(ada, firm).project_id
    eve, _ = founder("eve")
    added = projects.add_member(deed(ada), project_id, person_id=eve.id)
    assert added.member_ids == (ada.id, eve.id)
    assert projects.list_projects(eve) == [added]
    assert projects.remove_member(deed(ada), project_id, person_id=ada.id).member_ids == (eve.id,)
    with pytest.raises(LastMember):
        projects.remove_member(deed(ada), project_id, person_id=eve.id)
    with pytest.raises(NotFound):
        projects.add_member(deed(ada), project_id, person_id="p-nobody")


def test_a_guest_governs_nothing_and_may_leave(call):
    ada, firm = founder()
    project_id = awarded(ada, firm).project_id
    eve, _ = founder("eve")
    friend = person("friend")
    projects.add_member(deed(ada), project_id, person_id=eve.id)
    for refused in (
        lambda: projects.add_member(deed(eve), project_id, person_id=friend.id),
        lambda: projects.remove_member(deed(eve), project_id, person_id=ada.id),
        lambda: onboarding.activate_project(deed(eve), project_id, rules=RULES),
    ):
        with pytest.raises(OrganisationGoverns):
            refused()
    assert projects.remove_member(deed(eve), project_id, person_id=eve.id).member_ids == (ada.id,)
    with pytest.raises(NotFound):
        projects.remove_member(deed(eve), project_id, person_id=eve.id)


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.PROGRAMME_OFFICER, Role.AUDITOR])
def test_nobody_who_decides_works_in_a_project(call, role):
    ada, firm = founder()
    project_id = awarded(ada, firm).project_id
    with pytest.raises(NotFound):
        projects.add_member(deed(ada), project_id, person_id=person("decider", role).id)
    assert projects.get_project(ada, project_id).member_ids == (ada.id,)


def test_onboarding_ends_when_a_member_says_so():
    from dataclasses import replace

    configured = replace(RULES.get_call(CALL_ID), needs_onboarding=True)
    calls.open_call(deed(DAEMON), CALL_ID, rules=replace(RULES, calls=(configured,)))
    ada, firm = founder()
    project_id = awarded(ada, firm).project_id
    assert projects.get_project(ada, project_id).state is ProjectState.ONBOARDING
    bare = replace(RULES, onboarding=())
    started = onboarding.activate_project(deed(ada), project_id, rules=bare)
    assert started.state is ProjectState.ACTIVE


@pytest.mark.slow
@pytest.mark.parametrize(
    "database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
)
def test_two_officers_at_once_give_one_award(database, request, tmp_path):
    environment = {**os.environ, "ALLMENDE_HOME": str(tmp_path), "PYTHONPATH": str(PROJECT / "src")}
    environment.pop("ALLMENDE_DATABASE_URL", None)
    if database == "postgresql":
        environment["ALLMENDE_DATABASE_URL"] = request.getfixturevalue("empty_postgresql_url")
    done = subprocess.run(
        [sys.executable, "-m", "tests.services.award_trials", str(ROUNDS)],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    seen = json.loads(done.stdout)
    assert seen["same"] == [[["awarded", 2]]] * ROUNDS
    assert seen["other"] == [[["AlreadyAwarded", 1], ["awarded", 1]]] * ROUNDS
    assert seen["projects"] == 2 * ROUNDS
    assert seen["pool"] == (400 - 4 * 2 * ROUNDS) * HOUR
