"""Final reports: when they are due, who may still change them, and what closes a project."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.access import projects, reports
from allmende.domain.access.projects import ProjectState
from allmende.domain.access.reports import (
    EnergyByMethod,
    NothingIsBarred,
    ProjectIsNotOver,
    ProjectIsNotRunning,
    Report,
    ReportFacts,
    ReportIsDecided,
    ReportIsIn,
    ReportKind,
    ReportState,
)
from allmende.domain.basics.periods import Period
from allmende.domain.basics.refusals import InvalidInput, Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import TimeUnit
from tests.domain.access.building import HOUR, NOON, RULES
from tests.domain.access.test_projects import PROJECT

BOOK = RULES.book
SECOND = timedelta(seconds=1)
FACTS = ReportFacts(
    organisation="Herzschlag GmbH",
    partition_id="werkbank",
    unit=TimeUnit.GPU_SECONDS,
    starts_at=NOON,
    ends_at=NOON,
    granted_seconds=4 * HOUR,
    used_seconds=3 * HOUR,
    expired_seconds=HOUR,
    jobs=2,
    completed_jobs=1,
    models=("m-1",),
    energy=(EnergyByMethod(method="estimated", joules=3_600_000),),
    acknowledgement=Sentence("Thank you."),
)


def ended(at):
    period = Period(starts_at=at - timedelta(days=30), ends_at=at)
    return projects.end(replace(PROJECT, period=period), now=at + timedelta(minutes=5))


@pytest.mark.parametrize(
    ("end", "late"),
    [
        # Calendar months of Berlin, the last day whole, across both changes of the clock.
        (datetime(2026, 6, 26, 10, tzinfo=UTC), datetime(2026, 9, 26, 22, tzinfo=UTC)),
        (datetime(2026, 8, 26, 10, tzinfo=UTC), datetime(2026, 11, 26, 23, tzinfo=UTC)),
        (datetime(2026, 11, 30, 10, tzinfo=UTC), datetime(2027, 2, 28, 23, tzinfo=UTC)),
        (datetime(2027, 11, 30, 10, tzinfo=UTC), datetime(2028, 2, 29, 23, tzinfo=UTC)),
        (datetime(2026, 12, 31, 22, 59, 59, tzinfo=UTC), datetime(2027, 3, 31, 22, tzinfo=UTC)),
    ],
)
def test_a_report_is_late_after_the_last_second_of_its_day(end, late):
    project, report = ended(end), Report(project_id="prj-1")
    assert project.end == end  # five minutes late or not: the period ended it
    assert reports.find_due(project, report, book=BOOK) == late
    assert not reports.is_overdue(project, report, book=BOOK, now=late - SECOND)
    assert reports.is_overdue(project, report, book=BOOK, now=late)
    assert reports.find_data_deadline(project, book=BOOK) == late
    closed = replace(project, state=ProjectState.CLOSED)
    assert not reports.is_overdue(closed, report, book=BOOK, now=late)
    assert reports.is_data_due(closed, book=BOOK, now=late)
    assert not reports.is_data_due(project, book=BOOK, now=late - SECOND)
    assert not reports.is_data_due(PROJECT, book=BOOK, now=late)


def test_a_correction_never_shortens_the_time():
    project = ended(NOON)
    report = Report(project_id="prj-1", state=ReportState.RETURNED, decided_at=NOON)
    assert reports.find_due(project, report, book=BOOK) == reports.find_due(
        project, Report(project_id="prj-1"), book=BOOK
    )


@pytest.mark.parametrize(("unused", "is_large"), [(0, False), (HOUR - 1, False), (HOUR, True)])
def test_a_quarter_unused_is_a_large_rest(unused, is_large):
    project = replace(ended(NOON), unused_seconds=unused)
    assert reports.has_large_rest(project, book=BOOK) is is_large


def test_nothing_awarded_and_nothing_unused_is_no_large_rest():
    project = replace(ended(NOON), awarded_seconds=0, unused_seconds=0)
    assert not reports.has_large_rest(project, book=BOOK)


def test_what_the_system_knows_is_said_in_sentences():
    text = " ".join(each.english() for each in reports.tell_facts(FACTS))
    for known in ("4 GPU-h", "3 were used", "1 expired", "estimated: 3600000 J", "m-1"):
        assert known in text


DEEDS = {
    "write": lambda r, p: reports.edit(
        r, results="It works.", publications="", feedback="", now=NOON
    ),
    "hand_in": lambda r, p: reports.hand_in(r, p, facts=FACTS, by="p-1", now=NOON),
    "accept": lambda r, p: reports.accept(r, by="p-9", now=NOON),
    "return": lambda r, p: reports.give_back(r, why="Name the data.", by="p-9", now=NOON),
    "waive": lambda r, p: reports.waive(r, p, why="The firm is gone.", by="p-9", now=NOON),
}


@given(st.booleans(), st.lists(st.sampled_from(sorted(DEEDS)), max_size=12))
def test_no_order_of_deeds_accepts_what_was_not_written_and_handed_in(is_over, deeds):
    project = ended(NOON) if is_over else PROJECT
    report, done = Report(project_id="prj-1"), []
    for name in deeds:
        before = report
        try:
            report = DEEDS[name](report, project)
        except Refusal:
            continue
        assert DEEDS[name](report, project) == report or name == "write"  # again, nothing happens
        if report.state is not before.state or name == "write":
            done.append(name)
    if report.state is ReportState.ACCEPTED:
        assert is_over
        assert done[-2:] == ["hand_in", "accept"]
        assert "write" in done
        assert report.facts == FACTS
    if report.state is ReportState.WAIVED:
        assert is_over
        assert done[-1] == "waive"
        assert report.reason
    assert report.is_open is (report.state in (ReportState.DRAFT, ReportState.RETURNED))


def test_a_report_is_written_handed_in_and_accepted_and_each_only_once():
    over, later = ended(NOON), NOON + SECOND
    with pytest.raises(InvalidInput, match="Write what came out"):
        DEEDS["hand_in"](Report(project_id="prj-1"), over)
    told = DEEDS["hand_in"](DEEDS["write"](Report(project_id="prj-1"), over), over)
    assert reports.hand_in(told, over, facts=FACTS, by="p-2", now=later) == told
    with pytest.raises(ReportIsIn, match="handed_in"):
        DEEDS["write"](told, over)
    accepted = DEEDS["accept"](told, over)
    assert reports.accept(accepted, by="p-8", now=later) == accepted
    assert (accepted.handed_in_by, accepted.decided_by, accepted.facts) == ("p-1", "p-9", FACTS)


INTERIM = Report(project_id="prj-1", kind=ReportKind.INTERIM, number=1, results="So far.")


def test_an_interim_report_tells_of_a_project_that_runs_and_the_next_comes_after_it():
    deed = {"facts": FACTS, "by": "p-1"}
    last = PROJECT.end - SECOND
    for project, now in ((ended(NOON), NOON - SECOND), (PROJECT, PROJECT.end)):
        with pytest.raises(ProjectIsNotRunning):
            reports.hand_in(INTERIM, project, now=now, **deed)
    suspended = replace(PROJECT, state=ProjectState.SUSPENDED)
    told = reports.hand_in(INTERIM, suspended, now=last, **deed)
    assert told == reports.hand_in(INTERIM, PROJECT, now=last, **deed)
    assert reports.find_next(told) == told
    following = reports.find_next(reports.accept(told, by="p-9", now=last))
    assert following == Report(project_id="prj-1", kind=ReportKind.INTERIM, number=2)


def test_a_decision_comes_when_the_project_is_over_and_not_anew_for_another_reason():
    over, deed = ended(NOON), {"by": "p-9", "now": NOON}
    with pytest.raises(ProjectIsNotOver):
        reports.waive(Report(project_id="prj-1"), PROJECT, why="The firm is gone.", **deed)
    waived = reports.waive(Report(project_id="prj-1"), over, why="The firm is gone.", **deed)
    assert reports.waive(waived, over, why=" The firm is gone. ", **deed) == waived
    with pytest.raises(ReportIsDecided, match="The firm is gone"):
        reports.waive(waived, over, why="It was small.", **deed)


def test_a_bar_is_lifted_once_there_is_one_and_the_report_stays_due():
    over, deed = ended(NOON), {"by": "p-9", "book": BOOK}
    report = Report(project_id="prj-1")
    late = reports.find_due(over, report, book=BOOK)
    with pytest.raises(NothingIsBarred):
        reports.lift_bar(report, over, why="She is ill.", now=late - SECOND, **deed)
    lifted = reports.lift_bar(report, over, why="She is ill.", now=late, **deed)
    assert lifted == replace(report, lifted_because="She is ill.", lifted_at=late, lifted_by="p-9")
    assert reports.lift_bar(lifted, over, why="She is ill. ", now=late + SECOND, **deed) == lifted
    assert reports.is_overdue(over, lifted, book=BOOK, now=late)


@pytest.mark.parametrize("why", ["", " \n", "x" * 2_001, "a\u202eb"])
def test_a_decision_needs_a_reason_that_people_can_read(why):
    with pytest.raises(InvalidInput):
        reports.waive(Report(project_id="prj-1"), ended(NOON), why=why, by="p-9", now=NOON)
