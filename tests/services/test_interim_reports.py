"""Interim reports: of a running project, one after the other, and they close nothing."""

from datetime import timedelta

import pytest

from allmende.domain.access.projects import ProjectState
from allmende.domain.access.reports import (
    ProjectIsNotRunning,
    ReportIsIn,
    ReportKind,
    ReportState,
)
from allmende.domain.basics.people import DAEMON
from allmende.domain.basics.refusals import NotFound, NotPermitted
from allmende.services import projects, reports
from tests.services.access import (
    NOON,
    RULES,
    awarded,
    deed,
    founder,
    officer,
    open_playground,
    person,
)

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(days=3)
INTERIM = ReportKind.INTERIM


@pytest.fixture
def running():
    """Return a founder and the id of their running project."""
    open_playground()
    ada, firm = founder()
    return ada, awarded(ada, firm).project_id


def write(ada, project_id, results="It learns.", *, now=LATER):
    return reports.write_report(deed(ada, now=now), project_id, results=results, kind=INTERIM)


def hand_in(ada, project_id, *, now=LATER):
    return reports.hand_in_report(deed(ada, now=now), project_id, rules=RULES, kind=INTERIM)


def accept(project_id, olga=None):
    by_office = deed(olga or officer(), now=LATER)
    return reports.accept_report(by_office, project_id, kind=INTERIM)


def view(reader, project_id, kind=INTERIM):
    return reports.get_report(reader, project_id, rules=RULES, now=LATER, kind=kind)


def test_an_accepted_interim_report_leaves_the_project_and_its_final_report_alone(running):
    ada, project_id = running
    write(ada, project_id)
    handed = hand_in(ada, project_id)
    assert hand_in(ada, project_id) == handed
    assert (handed.number, handed.facts.used_seconds) == (1, 0)
    olga = officer()
    accepted = accept(project_id, olga)
    assert accept(project_id, olga) == accepted
    assert projects.get_project(ada, project_id).state is ProjectState.ACTIVE
    final = view(ada, project_id, ReportKind.FINAL)
    assert (final.report.state, final.report.results) == (ReportState.DRAFT, "")


def test_an_interim_report_is_late_on_no_day(running):
    ada, project_id = running
    write(ada, project_id)
    found = view(ada, project_id)
    assert (found.due_at, found.is_overdue) == (None, False)


def test_the_next_one_begins_only_when_the_last_one_was_accepted(running):
    ada, project_id = running
    assert write(ada, project_id).number == write(ada, project_id, "It fails.").number == 1
    hand_in(ada, project_id)
    with pytest.raises(ReportIsIn):
        write(ada, project_id)
    accept(project_id)
    second = write(ada, project_id, "It learns again.")
    assert (second.number, second.state) == (2, ReportState.DRAFT)
    assert view(ada, project_id).report == second
    assert hand_in(ada, project_id).number == 2


def test_a_project_that_is_over_hands_in_no_interim_report(running):
    ada, project_id = running
    write(ada, project_id)
    end = projects.get_project(ada, project_id).period.ends_at
    with pytest.raises(ProjectIsNotRunning):
        hand_in(ada, project_id, now=end)
    projects.end_due_projects(deed(DAEMON, now=end), rules=RULES)
    with pytest.raises(ProjectIsNotRunning):
        hand_in(ada, project_id, now=end)
    assert reports.list_reports(officer(), rules=RULES, now=end)[0].report.results == ""


def test_strangers_neither_see_nor_write_nor_accept_it(running):
    ada, project_id = running
    write(ada, project_id)
    hand_in(ada, project_id)
    eve = person("eve")
    with pytest.raises(NotFound):
        view(eve, project_id)
    with pytest.raises(NotFound):
        write(eve, project_id)
    with pytest.raises(NotPermitted):
        reports.accept_report(deed(ada, now=LATER), project_id, kind=INTERIM)
