"""The incident log: everybody reads it, operators report and amend."""

from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.dateparse import parse_datetime

from allmende.domain.basics.refusals import Refusal
from allmende.domain.trust.incidents import Incident, Report
from allmende.domain.trust.permissions import Permission, can_do, check_permission
from allmende.services import incidents
from allmende.web.acting import begin_deed, get_person
from allmende.web.forms.incidents import IncidentForm, initial_of
from allmende.web.site_links import list_site_links
from allmende.wiring import now
from allmende.wiring.factory import load_factory
from allmende.wiring.languages import translate

PAGE_SIZE = 25


def list_incidents(request: HttpRequest) -> HttpResponse:
    """Show what went wrong, the latest first; to operators also where nodes died untold."""
    reader, factory = get_person(request), load_factory()
    after = request.GET.get("after", "")
    site_id = request.GET.get("site", "")
    found = incidents.list_incidents(
        reader, factory=factory, site_id=site_id, after=after, limit=PAGE_SIZE + 1
    )
    site = factory.get_site(site_id) if site_id else None
    only = {"site": site_id} if site_id else {}
    last = found[PAGE_SIZE - 1].incident.id if len(found) > PAGE_SIZE else ""
    can_report = can_do(reader, Permission.REPORT_INCIDENT)
    context = {
        "views": found[:PAGE_SIZE],
        "more": urlencode({**only, "after": last}) if last else "",
        "site": site,
        "links": list_site_links(reader, site) if site else [],
        "can_report": can_report,
        "suggestions": incidents.list_suggestions(reader, factory=factory, now=now())
        if can_report
        else [],
    }
    return render(request, "incidents/list.html", context)


def report_incident(request: HttpRequest) -> HttpResponse:
    """Report an incident."""
    check_permission(get_person(request), Permission.REPORT_INCIDENT)
    initial = {"place": request.GET.get("place", ""), "began_at": _asked_for(request) or now()}
    form = IncidentForm(_data(request), factory=load_factory(), initial=initial)
    done = _save(
        form,
        lambda report: incidents.report_incident(
            begin_deed(request), report, factory=load_factory()
        ),
    )
    if done:
        return redirect("incident", done.id)
    return render(request, "incidents/new.html", {"form": form}, status=422 if form.errors else 200)


def show_incident(request: HttpRequest, incident_id: str) -> HttpResponse:
    """Show an incident with everything that was said of it; operators say more."""
    reader, factory = get_person(request), load_factory()
    view = incidents.get_incident(reader, incident_id, factory=factory)
    form = None
    if can_do(reader, Permission.REPORT_INCIDENT):
        initial = initial_of(view.incident.now)
        form = IncidentForm(_data(request), factory=factory, initial=initial)
        done = _save(
            form,
            lambda report: incidents.amend_incident(
                begin_deed(request), incident_id, report, factory=factory
            ),
        )
        if done:
            return redirect("incident", incident_id)
    context = {"view": view, "form": form}
    status = 422 if form is not None and form.errors else 200
    return render(request, "incidents/show.html", context, status=status)


def _asked_for(request: HttpRequest) -> datetime | None:
    """Return the beginning that a link suggests."""
    try:
        return parse_datetime(request.GET.get("began", ""))
    except ValueError:
        return None


def _data(request: HttpRequest) -> object:
    return request.POST if request.method == "POST" else None


def _save(form: IncidentForm, deed: Callable[[Report], Incident]) -> Incident | None:
    """Do the deed with a valid form; a refusal stands in the form, and None is returned."""
    if not form.is_valid():
        return None
    try:
        return deed(form.to_report())
    except Refusal as refusal:
        form.add_error(None, translate(refusal.sentence))
        return None
