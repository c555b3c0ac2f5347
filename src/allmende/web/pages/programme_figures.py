"""The office's figures, each of which opens to what it counts; and the data of a year."""

import io
import zipfile
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from allmende.domain.access.programme_figures import Dimension, Stage, sum_funnels, sum_hours
from allmende.domain.access.spans import Span, list_spans_until, parse_span, year_span
from allmende.domain.access.working_days import BERLIN
from allmende.domain.basics.refusals import InvalidInput, NotFound
from allmende.domain.basics.sentences import Sentence
from allmende.services import access_years, programme_figures
from allmende.services.figure_sheets import SHEETS
from allmende.web import tallies
from allmende.web.acting import get_person
from allmende.wiring import now
from allmende.wiring.access_rules import load_access_rules

PAGE_SIZE = 100
ROWS_MAX = 200  # of a table by many properties; the CSV has all
YEARS_BACK = 3
Choice = TypeVar("Choice", bound=StrEnum)


def show_figures(request: HttpRequest) -> HttpResponse:
    """Show how far applications came, how long decisions took, and whose hours they were."""
    reader, instant = get_person(request), now()
    span = read_span(request, instant)
    chosen = [_read(Dimension, name, "by") for name in request.GET.getlist("by")]
    dimensions = list(dict.fromkeys(chosen)) or [Dimension.SIZE]
    figures = programme_figures.get_figures(reader, span, now=instant)
    counts = sum_funnels(figures.funnels)
    hours = sum_hours(figures.hours, dimensions)
    names = tallies.mode_names()
    promised: dict[str, set[int]] = {}
    for call in figures.calls:
        promised.setdefault(call.mode_id, set()).add(call.promised_days)
    context = {
        "span": span,
        "spans": list_spans_until(instant, years=YEARS_BACK),
        "counts": counts,
        "stages": tallies.stage_words().values(),
        "funnel": tallies.list_funnel(figures),
        "times": [
            (names.get(each.mode_id, each.mode_id), sorted(promised[each.mode_id]), each)
            for each in figures.times
        ],
        "late": [(decision, names) for each in figures.times for decision in each.late],
        "dimensions": [
            (each, word, each in dimensions) for each, word in tallies.dimension_words().items()
        ],
        "chosen": " · ".join(tallies.dimension_words()[each] for each in dimensions),
        "amounts": tallies.amount_words().values(),
        "hours": tallies.list_hours(figures, hours[:ROWS_MAX], dimensions),
        "hours_left_out": max(0, len(hours) - ROWS_MAX),
        "pictures": [
            tallies.draw_funnel(counts),
            *([tallies.draw_hours(figures, dimensions[0])] if hours else []),
        ],
        "years": range(span.year, span.year - 2, -1),
    }
    return render(request, "programme/figures.html", context)


def list_figure_applications(request: HttpRequest) -> HttpResponse:
    """Show the applications that a number of the funnel counts."""
    span = read_span(request, now())
    stage = _read(Stage, request.GET.get("stage", ""), "stage")
    narrowed = {name: request.GET.get(name, "") for name in ("mode_id", "call_id")}
    found = programme_figures.list_applications(
        get_person(request),
        span,
        stage,
        **narrowed,
        after=request.GET.get("after", ""),
        limit=PAGE_SIZE,
    )
    names = [tallies.mode_names().get(narrowed["mode_id"], ""), narrowed["call_id"]]
    context = {
        "span": span,
        "stage": tallies.stage_words()[stage],
        "narrowed": " · ".join(filter(None, names)),
        "applications": found,
        "has_drafts": stage is Stage.STARTED,
        "next": _next(request, found[-1].id) if len(found) == PAGE_SIZE else "",
    }
    return render(request, "programme/figure_applications.html", context)


def list_figure_projects(request: HttpRequest) -> HttpResponse:
    """Show the projects that a number of hours is made of."""
    span = read_span(request, now())
    wanted = {each: request.GET[each] for each in Dimension if each in request.GET}
    found = programme_figures.list_project_hours(
        get_person(request),
        span,
        wanted,
        after=request.GET.get("after", ""),
        limit=PAGE_SIZE,
    )
    context = {
        "span": span,
        "narrowed": " · ".join(tallies.name_value(each, value) for each, value in wanted.items()),
        "found": found,
        "next": _next(request, found[-1].subject.project_id) if len(found) >= PAGE_SIZE else "",
    }
    return render(request, "programme/figure_projects.html", context)


def download_sheet(request: HttpRequest, name: str) -> HttpResponse:
    """Hand out one of the tables of a span as CSV; the one of hours by every property."""
    if name not in SHEETS:
        raise NotFound(kind="table", id=name)
    instant = now()
    span = read_span(request, instant)
    figures = programme_figures.get_figures(get_person(request), span, now=instant)
    content = SHEETS[name](figures).encode()
    return _download(content, f"{name}-{span.name}.csv", "text/csv; charset=utf-8")


def download_year(request: HttpRequest, year: int) -> HttpResponse:
    """Hand out the data on the access time of a year, as one archive."""
    rules = load_access_rules()
    built = access_years.build_year(get_person(request), year, rules=rules, now=now())
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in built.list_files().items():
            archive.writestr(f"access-time-{year}/{name}", text)
    return _download(content.getvalue(), f"access-time-{year}.zip", "application/zip")


def read_span(request: HttpRequest, instant: datetime) -> Span:
    """Return the span of the address; without one, this year."""
    name = request.GET.get("span", "")
    return parse_span(name) if name else year_span(instant.astimezone(BERLIN).year)


def _read(choices: type[Choice], name: str, field: str) -> Choice:
    if name not in {each.value for each in choices}:
        problem = Sentence("Choose one of: {names}.", {"names": ", ".join(choices)})
        raise InvalidInput(field=field, problem=problem)
    return choices(name)


def _next(request: HttpRequest, after: str) -> str:
    query: dict[str, Any] = {**request.GET.dict(), "after": after}
    return f"{request.path}?{urlencode(query)}"


def _download(content: bytes, name: str, content_type: str) -> HttpResponse:
    response = HttpResponse(content, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
