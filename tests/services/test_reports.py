"""The end of a project: its report, the bar while it is overdue, and the closure."""

from datetime import UTC, datetime, timedelta

import pytest

from allmende.domain.access.applications import ApplicationState
from allmende.domain.access.ownership import Firm, Holding, OwnershipGraph
from allmende.domain.access.projects import ProjectState
from allmende.domain.access.reports import (
    NothingIsBarred,
    ProjectIsNotOver,
    ReportIsDecided,
    ReportIsIn,
    ReportIsOverdue,
    ReportState,
)
from allmende.domain.access.reviews import OwnApplication
from allmende.domain.basics.lifecycle import ForbiddenMove
from allmende.domain.basics.people import DAEMON, Role
from allmende.domain.basics.refusals import InvalidInput, NotFound, NotPermitted
from allmende.services import (
    applications,
    audit,
    awards,
    organisations,
    people,
    projects,
    report_bars,
    reports,
)
from tests.services.access import (
    HOUR,
    NOON,
    RULES,
    assessed,
    awarded,
    deed,
    drafted,
    founder,
    officer,
    open_playground,
    person,
)

pytestmark = pytest.mark.django_db
END = datetime(2026, 12, 23, 12, tzinfo=UTC)  # one month after the award
DUE = datetime(2027, 3, 23, 23, tzinfo=UTC)  # midnight in Berlin after 23 March
SECOND = timedelta(seconds=1)
RESULTS = "Tumours were found two weeks earlier."


@pytest.fixture
def ended():
    """Return a founder, their firm, and the id of their project that ended on its day."""
    open_playground()
    ada, firm = founder()
    project_id = awarded(ada, firm).project_id
    projects.end_due_projects(deed(DAEMON, now=END), rules=RULES)
    return ada, firm, project_id


def write(ada, project_id, *, now=END):
    return reports.write_report(deed(ada, now=now), project_id, results=RESULTS)


def hand_in(ada, project_id, *, now=END):
    return reports.hand_in_report(deed(ada, now=now), project_id, rules=RULES)


def handed_in(ada, project_id, *, now=END):
    write(ada, project_id, now=now)
    return hand_in(ada, project_id, now=now)


def view(ada, project_id, *, now=END):
    return reports.get_report(ada, project_id, rules=RULES, now=now)


def submit(draft, ada, *, now):
    return applications.submit_application(deed(ada, now=now), draft.id, rules=RULES)


def test_a_report_is_written_returned_mended_and_accepted(ended):
    ada, _, project_id = ended
    olga = officer()
    with pytest.raises(InvalidInput):
        hand_in(ada, project_id)
    once = handed_in(ada, project_id)
    assert (once.state, once.results) == (ReportState.HANDED_IN, RESULTS)
    assert hand_in(ada, project_id, now=END + SECOND) == once
    with pytest.raises(ReportIsIn):
        write(ada, project_id)
    by_olga = deed(olga, now=END)
    with pytest.raises(InvalidInput):
        reports.return_report(by_olga, project_id, why=" ")
    back = reports.return_report(by_olga, project_id, why="Name the data.")
    assert back == reports.return_report(by_olga, project_id, why=" Name the data. ")
    with pytest.raises(ReportIsDecided):
        reports.return_report(by_olga, project_id, why="Something else.")
    with pytest.raises(ForbiddenMove):
        reports.accept_report(by_olga, project_id)
    handed_in(ada, project_id)
    accepted = reports.accept_report(by_olga, project_id)
    assert (accepted.state, accepted.decided_by) == (ReportState.ACCEPTED, olga.id)
    assert reports.accept_report(by_olga, project_id) == accepted
    assert projects.get_project(ada, project_id).state is ProjectState.CLOSED
    with pytest.raises(ForbiddenMove):
        reports.waive_report(by_olga, project_id, why="Too late for that.")
    auditor = person("auditor", Role.AUDITOR)
    actions = [e.action for e in audit.list_events(auditor, subject=project_id, limit=100)]
    assert actions[-7:] == [
        "report.written",
        "report.handed_in",
        "report.returned",
        "report.written",
        "report.handed_in",
        "report.accepted",
        "project.closed",
    ]


def test_the_report_knows_what_nobody_has_to_write(ended):
    ada, firm, project_id = ended
    facts = handed_in(ada, project_id).facts
    assert facts == reports.gather_facts(ada, project_id, rules=RULES)
    assert (facts.organisation, facts.ends_at) == (firm.name, END)
    assert (facts.granted_seconds, facts.used_seconds) == (4 * HOUR, 0)
    assert facts.expired_seconds == 4 * HOUR
    assert (facts.jobs, facts.models, facts.energy) == (0, (), ())
    assert project_id in facts.acknowledgement.english()


def test_a_running_project_writes_but_neither_hands_in_nor_is_waived():
    open_playground()
    ada, firm = founder()
    project_id = awarded(ada, firm).project_id
    write(ada, project_id, now=NOON)
    with pytest.raises(ProjectIsNotOver):
        hand_in(ada, project_id, now=NOON)
    with pytest.raises(ProjectIsNotOver):
        reports.waive_report(deed(officer()), project_id, why="No need.")
    projects.end_project(deed(officer(), now=NOON + timedelta(days=1)), project_id, rules=RULES)
    seen = view(ada, project_id, now=NOON)
    assert seen.project.end == NOON + timedelta(days=1)  # it was ended early, so it is due early
    assert seen.due_at == datetime(2027, 2, 24, 23, tzinfo=UTC)


def test_the_rest_is_noted_and_the_data_stay_for_some_months(ended):
    ada, _, project_id = ended
    with pytest.raises(NotPermitted):
        reports.list_reports(ada, rules=RULES, now=END)
    (seen,) = reports.list_reports(officer(), rules=RULES, now=DUE - SECOND)
    assert (seen.project.id, seen.has_large_rest, seen.is_data_due) == (project_id, True, False)
    assert seen.data_deadline == DUE
    assert view(ada, project_id, now=DUE).is_data_due
    reports.waive_report(deed(officer(), now=END), project_id, why="The firm is gone.")
    assert reports.list_reports(officer(), rules=RULES, now=END) == []
    assert len(reports.list_reports(officer(), rules=RULES, now=END, with_closed=True)) == 1


def test_the_bar_begins_with_the_first_late_second_and_ends_with_the_report(ended):
    ada, firm, project_id = ended
    one, two, three = (drafted(ada, firm) for _ in range(3))
    submit(one, ada, now=DUE - SECOND)
    with pytest.raises(ReportIsOverdue) as refusal:
        submit(two, ada, now=DUE)
    assert project_id in str(refusal.value)
    drafted(ada, firm)  # drafting goes on
    handed_in(ada, project_id, now=DUE)
    assert submit(two, ada, now=DUE).state is not ApplicationState.DRAFT
    by_olga = deed(officer(), now=DUE)
    reports.return_report(by_olga, project_id, why="Name the data.")
    corrected_by = view(ada, project_id, now=DUE).due_at
    assert corrected_by == datetime(2027, 4, 7, 22, tzinfo=UTC)  # 14 days after 24 March, Berlin
    with pytest.raises(ReportIsOverdue):
        submit(three, ada, now=corrected_by)
    assert submit(three, ada, now=corrected_by - SECOND).state is not ApplicationState.DRAFT


def test_no_award_while_a_report_is_overdue(ended):
    ada, firm, _ = ended
    application = assessed(ada, firm)
    with pytest.raises(ReportIsOverdue):
        awards.award_application(deed(officer(), now=DUE), application.id, rules=RULES)
    given = awards.award_application(deed(officer(), now=DUE - SECOND), application.id, rules=RULES)
    # What was awarded stays awarded, however late the same deed comes again.
    assert given == awards.award_application(deed(officer(), now=DUE), application.id, rules=RULES)


def test_the_office_lifts_the_bar_and_the_report_stays_due(ended):
    ada, firm, project_id = ended
    draft = drafted(ada, firm)
    olga = officer()
    with pytest.raises(NothingIsBarred):
        reports.lift_bar(deed(olga, now=DUE - SECOND), project_id, why="Illness.", rules=RULES)
    late = deed(olga, now=DUE)
    lifted = reports.lift_bar(late, project_id, why="Illness.", rules=RULES)
    assert lifted == reports.lift_bar(late, project_id, why="Illness.", rules=RULES)
    assert submit(draft, ada, now=DUE).state is not ApplicationState.DRAFT
    assert view(ada, project_id, now=DUE).is_overdue


def test_the_bar_holds_for_the_group_and_the_investigator_and_nobody_else(ended):
    ada, firm, _ = ended
    eve, sister = founder("eve")
    draft = drafted(eve, sister)
    paula, other = founder("paula")
    theirs = drafted(paula, other, principal_investigator_email=ada.email.upper())
    with pytest.raises(ReportIsOverdue) as refusal:
        submit(theirs, paula, now=DUE)
    assert "investigator" in str(refusal.value)
    assert submit(theirs, paula, now=DUE - SECOND).state is not ApplicationState.DRAFT
    graph = organisations.get_organisation(eve, sister.id).ownership
    own = graph.firms[0]
    linked = OwnershipGraph(
        firms=(own, Firm(id=firm.id, name="Mutter GmbH", years=own.years)),
        holdings=(Holding(owner_id=firm.id, owned_id=own.id, capital_basis_points=5_001),),
    )
    free = drafted(eve, sister)
    assert submit(free, eve, now=DUE).state is not ApplicationState.DRAFT
    organisations.update_figures(deed(eve), sister.id, ownership=linked, rules=RULES)
    with pytest.raises(ReportIsOverdue) as refusal:
        submit(draft, eve, now=DUE)
    assert "group" in str(refusal.value)


def test_others_neither_see_nor_write_nor_decide(ended):
    ada, firm, project_id = ended
    eve, _ = founder("eve")
    for attempt in (
        lambda: view(eve, project_id),
        lambda: reports.gather_facts(eve, project_id, rules=RULES),
        lambda: write(eve, project_id),
        lambda: hand_in(eve, project_id),
    ):
        with pytest.raises(NotFound):
            attempt()
    handed_in(ada, project_id)
    with pytest.raises(NotPermitted):
        reports.accept_report(deed(ada), project_id)
    inside = person("inside", Role.PROGRAMME_OFFICER, organisation_ids=[firm.id])
    with pytest.raises(OwnApplication):
        reports.accept_report(deed(inside), project_id)
    with pytest.raises(NotPermitted):
        write(officer(), project_id)


def test_nobody_of_the_office_decides_on_a_project_that_they_work_in(ended):
    ada, _, project_id = ended
    guest = person("guest")
    projects.add_member(deed(ada), project_id, person_id=guest.id)
    root = person("root", Role.ADMINISTRATOR)
    olga = people.give_role(deed(root), person_id=guest.id, role=Role.PROGRAMME_OFFICER)
    handed_in(ada, project_id)
    for attempt in (
        lambda: reports.accept_report(deed(olga), project_id),
        lambda: reports.return_report(deed(olga), project_id, why="Too short."),
        lambda: reports.waive_report(deed(olga), project_id, why="Nothing came of it."),
    ):
        with pytest.raises(OwnApplication):
            attempt()


@pytest.mark.parametrize("text", ["x" * 10_001, "a\u202eb", "a\x07b"])
def test_a_text_that_is_too_long_or_hides_something_is_refused(ended, text):
    ada, _, project_id = ended
    with pytest.raises(InvalidInput):
        reports.write_report(deed(ada, now=END), project_id, results=text)


def test_the_list_asks_the_same_however_long_it_is(django_assert_num_queries):
    open_playground()
    for name in ("ada", "eve", "kim"):
        who, firm = founder(name)
        projects.end_project(deed(officer()), awarded(who, firm).project_id, rules=RULES)
    olga = officer()
    for limit in (1, 3):
        with django_assert_num_queries(3):  # projects, members, reports
            assert len(reports.list_reports(olga, rules=RULES, now=NOON, limit=limit)) == limit
    first, _, third = reports.list_reports(olga, rules=RULES, now=NOON)
    (last,) = reports.list_reports(olga, rules=RULES, now=NOON, after=first.project.id)[1:]
    assert last == third


def test_the_bar_costs_little_while_nobody_is_late(ended, django_assert_max_num_queries):
    ada, firm, _ = ended
    draft = drafted(ada, firm)
    with django_assert_max_num_queries(4):
        assert report_bars.find_bar(draft, rules=RULES, now=END) is None
