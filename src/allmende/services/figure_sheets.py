"""The office's figures as CSV, a line for each row of their tables."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from allmende.domain.access.programme_figures import Stage
from allmende.services.access_years import render_hours
from allmende.services.programme_figures import OfficeFigures


def render_funnel(figures: OfficeFigures) -> str:
    """Return how many applications of each call reached each stage."""
    rows = (
        (each.mode_id, each.call_id, *(each.counts[stage] for stage in Stage))
        for each in figures.funnels
    )
    return _render(("mode_id", "call_id", *Stage), rows)


def render_times(figures: OfficeFigures) -> str:
    """Return how many working days decisions of each mode took."""
    names = ("mode_id", "decided", "missing", "in_time", "median_days", "nine_in_ten_days")
    return _render(names, ([getattr(each, name) for name in names] for each in figures.times))


def render_late(figures: OfficeFigures) -> str:
    """Return every decision that came late, or is missing."""
    names = ("application_id", "mode_id", "due_at", "decided_at")
    late = (each for times in figures.times for each in times.late)
    return _render(
        names, ((each.application_id, each.mode_id, each.due_at, each.decided_at) for each in late)
    )


def _render(names: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(names)
    table.writerows(rows)
    return text.getvalue()


SHEETS: Mapping[str, Callable[[OfficeFigures], str]] = MappingProxyType(
    {
        "funnel": render_funnel,
        "times": render_times,
        "late": render_late,
        "hours": lambda figures: render_hours(figures.hours),
    }
)
