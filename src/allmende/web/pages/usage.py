"""What ran on clusters: everybody's for the staff of a site, a project's for its members."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from allmende.services import projects, usage_views
from allmende.services.usage_views import TracedUsage, UsageLine
from allmende.web.acting import get_person
from allmende.web.forms.usage import UsageForm
from allmende.web.numbers import LARGEST, read_number
from allmende.web.site_links import list_site_links
from allmende.wiring import now
from allmende.wiring.factory import load_factory

PAGE_SIZE = 50


def list_site_usage(request: HttpRequest, site_id: str) -> HttpResponse:
    """Show what ran at a site, those records first that came last."""
    reader, factory = get_person(request), load_factory()
    form = UsageForm(request.GET, with_project=True)
    found = usage_views.list_site_usage(
        reader,
        site_id,
        factory=factory,
        now=now(),
        before=read_number(request, "before"),
        limit=PAGE_SIZE + 1,
        **form.list_choices(),
    )
    site = factory.get_site(site_id)
    context = {
        "site": site,
        "links": list_site_links(reader, site),
        "bookmark": found.bookmark,
        **_page(request, form, found.lines),
    }
    return render(request, "usage/site.html", context)


def list_project_usage(request: HttpRequest, project_id: str) -> HttpResponse:
    """Show what a project used on clusters, whoever of it gave what to whom."""
    reader = get_person(request)
    form = UsageForm(request.GET, with_project=False)
    lines = usage_views.list_project_usage(
        reader,
        project_id,
        factory=load_factory(),
        now=now(),
        before=read_number(request, "before"),
        limit=PAGE_SIZE + 1,
        **form.list_choices(),
    )
    project = projects.get_project(reader, project_id)
    return render(
        request, "usage/project.html", {"project": project, **_page(request, form, lines)}
    )


def trace_site_usage(request: HttpRequest, site_id: str, number: int) -> HttpResponse:
    """Show a record of a site, and what charged it."""
    factory = load_factory()
    traced = usage_views.trace_site_usage(
        get_person(request), site_id, min(number, LARGEST), factory=factory, now=now()
    )
    return _show(request, traced, {"site": factory.get_site(site_id)})


def trace_project_usage(request: HttpRequest, project_id: str, number: int) -> HttpResponse:
    """Show a record of a project, and what charged it."""
    reader = get_person(request)
    traced = usage_views.trace_project_usage(
        reader, project_id, min(number, LARGEST), factory=load_factory(), now=now()
    )
    return _show(request, traced, {"project": projects.get_project(reader, project_id)})


def _show(request: HttpRequest, traced: TracedUsage, place: dict[str, Any]) -> HttpResponse:
    usage = traced.line.usage
    context = {
        "traced": traced,
        "usage": usage,
        "record": usage.record,
        "charged_seconds": sum(move.charged_seconds for move in traced.moves),
        "given_back_seconds": sum(move.given_back_seconds for move in traced.moves),
        **place,
    }
    return render(request, "usage/record.html", context)


def _page(
    request: HttpRequest, form: UsageForm, lines: list[UsageLine] | tuple[UsageLine, ...]
) -> dict[str, Any]:
    """Return the form, the lines of this page, and the address of the next."""
    chosen = {name: request.GET[name] for name in form.fields if request.GET.get(name)}
    more = ""
    if len(lines) > PAGE_SIZE:
        more = urlencode({**chosen, "before": lines[PAGE_SIZE - 1].usage.number})
    return {"form": form, "is_chosen": bool(chosen), "lines": lines[:PAGE_SIZE], "more": more}
