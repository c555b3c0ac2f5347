"""The sites of the factory: a map, a table, and what runs on the nodes now."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from allmende.domain.trust.permissions import Permission, can_do
from allmende.services import ceilings, incidents, sites
from allmende.web import maps
from allmende.web.acting import get_person
from allmende.web.site_links import list_site_links
from allmende.wiring import now
from allmende.wiring.access_rules import load_access_rules
from allmende.wiring.factory import load_factory


def show_sites(request: HttpRequest) -> HttpResponse:
    """Show the map of the sites and its twin, the table."""
    reader = get_person(request)
    views = sites.list_sites(reader, factory=load_factory())
    context = {
        "views": [(view, list_site_links(reader, view.site)) for view in views],
        "can_see_policy": can_do(reader, Permission.SEE_CLUSTER_POLICY),
        "places": maps.place_sites(views),
        "incidents": incidents.list_open_incidents(reader, factory=load_factory()),
        "can_manage_nodes": can_do(reader, Permission.MANAGE_NODES),
        "sees_data": can_do(reader, Permission.SEE_JOB),
        "sees_agents": can_do(reader, Permission.SEE_AGENTS),
        "contingents": ceilings.list_contingents(reader, rules=load_access_rules(), now=now()),
    }
    return render(request, "sites.html", context)
