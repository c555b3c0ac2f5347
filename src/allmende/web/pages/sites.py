"""The sites of the factory: a map, a table, and what runs on the nodes now."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from allmende.services import sites
from allmende.web import maps
from allmende.web.acting import get_person
from allmende.wiring.factory import load_factory


def show_sites(request: HttpRequest) -> HttpResponse:
    """Show the map of the sites and its twin, the table."""
    views = sites.list_sites(get_person(request), factory=load_factory())
    return render(request, "sites.html", {"views": views, "places": maps.place_sites(views)})
