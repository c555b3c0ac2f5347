"""Figures of the programme for everybody, in which nobody can be recognised."""

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from allmende.domain.access.disclosure import LEAST_ORGANISATIONS
from allmende.domain.access.programme_figures import Stage
from allmende.domain.access.spans import list_spans_until, parse_span
from allmende.services import programme_figures
from allmende.services.programme_figures import PublicFigure
from allmende.web import tallies
from allmende.web.acting import get_person
from allmende.wiring import now

YEARS_BACK = 3


def show_public_figures(request: HttpRequest) -> HttpResponse:
    """Show a quarter that is over; the last one, unless another is asked for."""
    reader, instant = get_person(request), now()
    spans = [
        each
        for each in list_spans_until(instant, years=YEARS_BACK)
        if each.is_quarter and each.is_over(instant)
    ]
    name = request.GET.get("span", "")
    span = parse_span(name) if name else spans[0]
    figures = programme_figures.get_public_figures(reader, span, now=instant)
    context = {
        "span": span,
        "spans": spans,
        "totals": [(*_name(each), _total(each)) for each in figures],
        "tables": list(_list_tables(figures)),
        "least": LEAST_ORGANISATIONS,
    }
    return render(request, "public_figures.html", context)


def _list_tables(figures: list[PublicFigure]) -> Iterator[dict[str, Any]]:
    """Yield each table that says something: a figure by a property."""
    for figure in figures:
        (title, unit), write = _name(figure), tallies.write_amount
        for dimension, table in figure.tables.items():
            if table.total is None:
                continue
            yield {
                "title": title,
                "unit": unit,
                "property": tallies.dimension_words()[dimension],
                "rows": [
                    (
                        tallies.name_value(dimension, value),
                        tallies.write_amount(amount, figure.unit),
                    )
                    for value, amount in table.named.items()
                ],
                "others": None if table.others is None else write(table.others, figure.unit),
                "total": write(table.total, figure.unit),
            }


def _name(figure: PublicFigure) -> tuple[str, str]:
    if figure.unit is None:
        return tallies.stage_words()[Stage(figure.name)], ""
    words = {
        "granted_seconds": _("Hours awarded"),
        "used_seconds": _("Hours used"),
        "expired_seconds": _("Hours expired"),
    }
    return words[figure.name], figure.unit.hours_name


def _total(figure: PublicFigure) -> str:
    (total,) = {table.total for table in figure.tables.values()}
    return "" if total is None else tallies.write_amount(total, figure.unit)
