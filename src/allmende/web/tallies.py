"""Figures as pages show them: names for every property, rows whose numbers are links, pictures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from allmende.domain.access.programme_figures import SUMS, Dimension, Hours, Stage, sum_hours
from allmende.domain.access.sectors import SECTION_WORDS
from allmende.domain.access.spans import Span
from allmende.services.pictures import Picture
from allmende.services.programme_figures import CallFacts, OfficeFigures
from allmende.twin.charts import draw_bars
from allmende.web.countries import COUNTRIES
from allmende.web.wording import write_hours, write_hours_with_unit, write_number, write_short
from allmende.wiring.access_rules import load_access_rules
from allmende.wiring.languages import translate

DRAWN_STAGES = (
    Stage.STARTED,
    Stage.SUBMITTED,
    Stage.ELIGIBLE,
    Stage.ASSESSED,
    Stage.AWARDED,
    Stage.REFUSED,
    Stage.WITHDRAWN,
)
BARS = 7  # more names do not stand beside each other
SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class Cell:
    """A number with its column's name, and the way to the rows that it counts."""

    column: str
    text: str
    href: str = ""


@dataclass(frozen=True)
class Row:
    """A line of a table."""

    name: str
    cells: tuple[Cell, ...]
    is_sum: bool = False
    is_part: bool = False  # of the sum above it


def stage_words() -> dict[Stage, str]:
    """Return the name of every stage."""
    return {
        Stage.STARTED: _("started"),
        Stage.SUBMITTED: _("handed in"),
        Stage.ELIGIBLE: _("eligible"),
        Stage.ASSESSED: _("assessed"),
        Stage.AWARDED: _("awarded"),
        Stage.REFUSED: _("refused"),
        Stage.INELIGIBLE: _("not eligible"),
        Stage.WITHDRAWN: _("withdrawn"),
        Stage.OPEN: _("undecided"),
    }


def amount_words() -> dict[str, str]:
    """Return the name of every amount of hours."""
    return {
        "granted_seconds": _("Awarded"),
        "used_seconds": _("Used"),
        "expired_seconds": _("Expired"),
    }


def dimension_words() -> dict[Dimension, str]:
    """Return the name of every property of hours."""
    return {
        Dimension.PARTITION: _("Machine"),
        Dimension.SHARE: _("Access share"),
        Dimension.MODE: _("Access mode"),
        Dimension.CATEGORY: _("User category"),
        Dimension.SIZE: _("Size class"),
        Dimension.COUNTRY: _("Country"),
        Dimension.SECTOR: _("Sector"),
        Dimension.MONTH: _("Month"),
    }


def value_names(dimension: Dimension) -> dict[str, str]:
    """Return the values of a property in the reader's language, as far as they have names."""
    named = {
        Dimension.MODE: mode_names,
        Dimension.COUNTRY: lambda: {code: str(name) for code, name in COUNTRIES},
        Dimension.SHARE: lambda: {"union": _("Union"), "national": _("national")},
        Dimension.CATEGORY: _categories,
        Dimension.SIZE: _sizes,
        Dimension.SECTOR: lambda: {
            letter: f"{letter} {translate(words)}" for letter, words in SECTION_WORDS.items()
        },
    }.get(dimension, dict[str, str])
    return {**named(), "": _("not known")}


def name_value(dimension: Dimension, value: str) -> str:
    """Return a value of a property in the reader's language."""
    return value_names(dimension).get(value, value)


def mode_names() -> dict[str, str]:
    """Return the name of every access mode that there ever was."""
    return {mode.id: spoken(mode.names) for mode in load_access_rules().modes.modes}


def spoken(names: Mapping[str, str]) -> str:
    """Return a name that was written in both languages."""
    return names.get(get_language() or "en") or names.get("en", "")


def _categories() -> dict[str, str]:
    return {
        "commercial": _("commercial"),
        "industry": _("industry"),
        "research": _("research"),
        "public_sector": _("public sector"),
        "other": _("other"),
    }


def _sizes() -> dict[str, str]:
    return {
        "micro": _("micro"),
        "small": _("small"),
        "medium": _("medium-sized"),
        "small_mid_cap": _("small mid-cap"),
        "large": _("large"),
        "unresolved": _("no size class"),
    }


def list_funnel(figures: OfficeFigures) -> list[Row]:
    """Return a row for each mode with its calls below it; every number opens its applications."""
    calls = {each.call_id: each for each in figures.calls}
    counts = {funnel.call_id: funnel.counts for funnel in figures.funnels}
    modes: dict[str, list[CallFacts]] = {}
    for call_id in counts:
        modes.setdefault(calls[call_id].mode_id, []).append(calls[call_id])
    rows = []
    for mode_id, members in sorted(modes.items()):
        summed = {stage: sum(counts[each.call_id][stage] for each in members) for stage in Stage}
        name = mode_names().get(mode_id, mode_id)
        rows.append(_funnel_row(name, summed, figures.span, {"mode_id": mode_id}, is_sum=True))
        rows += [
            _funnel_row(
                spoken(each.names), counts[each.call_id], figures.span, {"call_id": each.call_id}
            )
            for each in members
        ]
    return rows


def _funnel_row(
    name: str,
    counts: Mapping[Stage, int],
    span: Span,
    narrowed: Mapping[str, str],
    *,
    is_sum: bool = False,
) -> Row:
    cells = []
    for stage, word in stage_words().items():
        query = {"span": span.name, "stage": stage.value, **narrowed}
        href = f"{reverse('figure_applications')}?{urlencode(query)}" if counts[stage] else ""
        cells.append(Cell(word, write_number(counts[stage]), href))
    return Row(name, tuple(cells), is_sum, is_part=not is_sum)


def list_hours(
    figures: OfficeFigures, hours_by: Sequence[Hours], dimensions: Sequence[Dimension]
) -> list[Row]:
    """Return a row for each combination of some properties; it opens its projects."""
    names = {each: value_names(each) for each in dimensions}
    rows = []
    for hours in hours_by:
        values = {each.value: getattr(hours, each) for each in dimensions}
        href = f"{reverse('figure_projects')}?{urlencode({'span': figures.span.name, **values})}"
        given = {each: str(getattr(hours, each)) for each in dimensions}
        name = " · ".join(names[each].get(value, value) for each, value in given.items())
        rows.append(Row(name, _amount_cells(hours, href)))
    return rows


def _amount_cells(hours: Hours, href: str) -> tuple[Cell, ...]:
    return tuple(
        Cell(word, write_hours_with_unit(getattr(hours, amount), hours.unit), href)
        for amount, word in amount_words().items()
    )


def draw_funnel(counts: Mapping[Stage, int]) -> Picture:
    """Draw how many applications reached each stage."""
    words = stage_words()
    bars = [(words[stage], [float(counts[stage])]) for stage in DRAWN_STAGES]
    return _draw(_("Applications"), bars, (_("Applications"),), _("stage"), write_number)


def draw_hours(figures: OfficeFigures, dimension: Dimension) -> Picture:
    """Draw whose hours they are, the largest first."""
    hours = sum_hours(figures.hours, [dimension])
    if dimension is not Dimension.MONTH:
        hours = sorted(hours, key=lambda each: -each.granted_seconds)[:BARS]
    bars = [
        (
            name_value(dimension, getattr(each, dimension)),
            [getattr(each, amount) / SECONDS_PER_HOUR for amount in SUMS],
        )
        for each in hours
    ]
    names = tuple(amount_words().values())
    title = _("Hours: %(property)s") % {"property": dimension_words()[dimension]}
    return _draw(title, bars, names, dimension_words()[dimension], write_short)


def _draw(
    title: str,
    bars: Sequence[tuple[str, list[float]]],
    names: tuple[str, ...],
    first_column: str,
    write: Callable[[Any], str],
) -> Picture:
    return Picture(
        title=title,
        svg=draw_bars(title, bars, unit="", write=write_short),
        names=names,
        first_column=first_column,
        rows=tuple((name, tuple(map(write, values))) for name, values in bars),
    )


def write_amount(value: int, unit: str | None) -> str:
    """Return a public figure: hours where it has a unit, else a count."""
    return write_hours(value) if unit else write_number(value)
