"""Clusters' accounting beside the ledger: what was found, and finding it again for a month."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from allmende.domain.access.spans import parse_span
from allmende.domain.accounting.reconciliations import Cause
from allmende.services import reconciliations
from allmende.web.acting import begin_deed, get_person
from allmende.web.cause_bars import draw_causes
from allmende.web.forms.usage import MonthForm
from allmende.web.numbers import LARGEST, read_number
from allmende.web.site_links import list_site_links
from allmende.wiring import now
from allmende.wiring.clusters import usage_reader
from allmende.wiring.factory import load_factory

PAGE_SIZE = 25
LINES_MAX = 200  # on a page; the API has them all


def reconcile(request: HttpRequest, site_id: str) -> HttpResponse:
    """Show what was found at a site, and compare a month."""
    reader, factory = get_person(request), load_factory()
    kept = reconciliations.list_kept(
        reader,
        site_id,
        factory=factory,
        before=read_number(request, "before"),
        limit=PAGE_SIZE + 1,
    )
    form = MonthForm(request.POST if request.method == "POST" else None, now=now())
    if form.is_valid():
        found = reconciliations.reconcile_and_keep(
            lambda: begin_deed(request),
            site_id,
            period=parse_span(form.cleaned_data["span"]).period,
            factory=factory,
            reader_of=usage_reader,
        )
        return redirect("cluster_reconciled", site_id, found.number)
    site = factory.get_site(site_id)
    context = {
        "site": site,
        "links": list_site_links(reader, site),
        "form": form,
        "kept": kept[:PAGE_SIZE],
        "more": kept[PAGE_SIZE - 1].number if len(kept) > PAGE_SIZE else "",
    }
    status = 422 if form.errors else 200
    return render(request, "reconciliations/list.html", context, status=status)


def show_reconciliation(request: HttpRequest, site_id: str, number: int) -> HttpResponse:
    """Show every second of difference by its cause."""
    factory = load_factory()
    kept = reconciliations.get_kept(
        get_person(request), site_id, min(number, LARGEST), factory=factory
    )
    context = {
        "site": factory.get_site(site_id),
        "kept": kept,
        "found": kept.found,
        "drawings": draw_causes(kept.found),
        "lines": [
            (line, [(cause, line.causes[cause]) for cause in Cause if line.causes[cause]])
            for line in kept.found.lines[:LINES_MAX]
        ],
    }
    return render(request, "reconciliations/show.html", context)
