"""Figures of the programme: all of them for the office, and for everybody what hides the few."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from allmende.domain.access.applications import Application
from allmende.domain.access.disclosure import PublicTable, gather_cells, publish
from allmende.domain.access.programme_figures import (
    DecisionTimes,
    Dimension,
    Funnel,
    Hours,
    Movement,
    Stage,
    Subject,
    choose,
    fold_hours,
    measure_decisions,
    unknown_subject,
)
from allmende.domain.access.spans import Span
from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.units import TimeUnit
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.storage import applications as application_store
from allmende.storage import ledger as ledger_store
from allmende.storage import programme_figures as store

# What the public reads, and by which properties; hours by mode stand on the page of the ceilings.
PUBLIC_STAGES = (
    Stage.SUBMITTED,
    Stage.AWARDED,
    Stage.REFUSED,  # with what was not eligible: an appeal does not say which of both it undid
    Stage.WITHDRAWN,
)
PUBLIC_AMOUNTS = ("granted_seconds", "used_seconds", "expired_seconds")
PUBLIC_DIMENSIONS = (Dimension.SIZE, Dimension.COUNTRY, Dimension.SECTOR)


class SpanIsNotOver(Refusal):
    """Public figures are those of quarters that are over; {span} is not one. Two readings of a
    quarter that goes on would differ by single organisations. Choose an earlier quarter."""

    status = 422


@dataclass(frozen=True, kw_only=True)
class CallFacts:
    """A call that was opened, as figures name it."""

    call_id: str
    mode_id: str
    names: Mapping[str, str]
    promised_days: int


@dataclass(frozen=True, kw_only=True)
class OfficeFigures:
    """Everything that the office reads of a span."""

    span: Span
    calls: tuple[CallFacts, ...]
    funnels: tuple[Funnel, ...]
    times: tuple[DecisionTimes, ...]
    hours: tuple[Hours, ...]  # by every property


@dataclass(frozen=True, kw_only=True)
class ProjectHours:
    """The hours of one project that a figure is made of."""

    subject: Subject
    hours: Hours


@dataclass(frozen=True, kw_only=True)
class PublicFigure:
    """One figure of a quarter: a stage in applications, or an amount of hours in its unit."""

    name: str
    unit: TimeUnit | None
    tables: Mapping[Dimension, PublicTable]


def get_figures(reader: Person, span: Span, *, now: datetime) -> OfficeFigures:
    """Return the figures of a span, in a fixed number of questions to the database."""
    check_permission(reader, Permission.SEE_FIGURES)
    with ledger_store.one_snapshot():
        calls = list_calls()
        modes = {each.call_id: each.mode_id for each in calls}
        counts = store.count_stages(span.period)
        decisions = store.list_decisions(span.period, modes, now=now)
        movements, subjects = load_hours(span, modes)
    return OfficeFigures(
        span=span,
        calls=calls,
        funnels=tuple(
            Funnel(call_id=call_id, mode_id=modes[call_id], counts=found)
            for call_id, found in counts.items()
        ),
        times=tuple(measure_decisions(decisions, now=now)),
        hours=tuple(fold_hours(movements, subjects)),
    )


def list_applications(
    reader: Person,
    span: Span,
    stage: Stage,
    *,
    mode_id: str = "",
    call_id: str = "",
    after: str = "",
    limit: int = 100,
) -> list[Application]:
    """Return a page of the applications behind a figure; drafts are their applicants' alone."""
    check_permission(reader, Permission.SEE_FIGURES)
    call_ids = [
        each.call_id
        for each in list_calls()
        if call_id in ("", each.call_id) and mode_id in ("", each.mode_id)
    ]
    ids = store.list_stage(span.period, stage, call_ids=call_ids, after=after, limit=limit)
    found = application_store.list_by_ids(ids)
    return [found[each] for each in ids]


def list_project_hours(
    reader: Person,
    span: Span,
    wanted: Mapping[Dimension, str],
    *,
    after: str = "",
    limit: int = 100,
) -> list[ProjectHours]:
    """Return a page of the projects behind a figure of hours, by their ids."""
    check_permission(reader, Permission.SEE_FIGURES)
    with ledger_store.one_snapshot():
        modes = {each.call_id: each.mode_id for each in list_calls()}
        movements, subjects = load_hours(span, modes)
    by_project: dict[str, list[Movement]] = {}
    for movement in choose(movements, subjects, wanted):
        if movement.project_id > after:
            by_project.setdefault(movement.project_id, []).append(movement)
    return [
        ProjectHours(subject=subjects[project_id], hours=hours)
        for project_id in sorted(by_project)[:limit]
        for hours in fold_hours(
            by_project[project_id], subjects, (Dimension.PARTITION, Dimension.SHARE)
        )
    ]


def get_public_figures(reader: Person, span: Span, *, now: datetime) -> list[PublicFigure]:
    """Return what everybody may read of a quarter that is over.

    Quarters do not overlap, and what happened in one that is over never changes: there are no two
    tables whose difference would be a single organisation.
    """
    check_permission(reader, Permission.SEE_FACTORY)
    if not span.is_quarter or not span.is_over(now):
        raise SpanIsNotOver(span=span.name)
    with ledger_store.one_snapshot():
        modes = {each.call_id: each.mode_id for each in list_calls()}
        events = list(store.list_events(span.period, modes))
        movements, subjects = load_hours(span, modes)
    figures = [
        _publish(
            stage.value, None, [(subject, 1) for reached, subject in events if reached is stage]
        )
        for stage in PUBLIC_STAGES
    ]
    for unit in TimeUnit:
        moved = [each for each in movements if each.unit is unit]
        for name in PUBLIC_AMOUNTS:
            amounts = [(subjects[each.project_id], getattr(each, name)) for each in moved]
            figures.append(_publish(name, unit, [each for each in amounts if each[1]]))
    return [each for each in figures if each.unit is None or _says_something(each)]


def _publish(
    name: str, unit: TimeUnit | None, amounts: Sequence[tuple[Subject, int]]
) -> PublicFigure:
    # Whoever applies again in another class counts in both; the sums still add up.
    readings = {
        Dimension.MODE: lambda subject: subject.mode_id,
        Dimension.SIZE: lambda subject: subject.size_class.value,
        Dimension.COUNTRY: lambda subject: subject.country,
        Dimension.SECTOR: lambda subject: subject.sector,
    }
    wanted = PUBLIC_DIMENSIONS if unit else (Dimension.MODE, *PUBLIC_DIMENSIONS)
    tables = {
        dimension: publish(
            gather_cells(
                (readings[dimension](subject), subject.organisation_id, amount)
                for subject, amount in amounts
            )
        )
        for dimension in wanted
    }
    return PublicFigure(name=name, unit=unit, tables=tables)


def _says_something(figure: PublicFigure) -> bool:
    return any(table.total is not None for table in figure.tables.values())


def list_calls() -> tuple[CallFacts, ...]:
    """Return every call that was opened."""
    return tuple(
        CallFacts(call_id=call_id, mode_id=mode_id, names=names, promised_days=days)
        for call_id, (mode_id, names, days) in store.list_call_modes().items()
    )


def load_hours(span: Span, modes: dict[str, str]) -> tuple[list[Movement], dict[str, Subject]]:
    """Return what the ledger moved in a span, and whose it was."""
    movements = store.list_movements(span)
    project_ids = {each.project_id for each in movements}
    known = store.list_subjects(project_ids, modes)
    # Whatever the ledger moved is counted, also time that was given without an application.
    return movements, {each: known.get(each) or unknown_subject(each) for each in project_ids}
