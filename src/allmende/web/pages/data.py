"""Data sets that lie at sites for jobs to read."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from allmende import wiring
from allmende.domain.trust.residency import CLASS_WORDS
from allmende.services import data_sets
from allmende.web.acting import get_person


def list_data_sets(request: HttpRequest) -> HttpResponse:
    """Show the catalogue: what a job file may name, under which licence, and where it lies."""
    workshop = wiring.workshop()
    found = data_sets.list_data_sets(get_person(request), catalogue=workshop.data_sets)
    names = {site.id: site.name for site in workshop.factory.sites}
    rows = [
        (each, CLASS_WORDS[each.data_class], [names[site_id] for site_id in each.folders])
        for each in found
    ]
    return render(request, "data.html", {"rows": rows})
