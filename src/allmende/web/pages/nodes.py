"""The nodes of a partition for its operators, and taking one out of service."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from allmende import wiring
from allmende.services import drain_previews, drains
from allmende.web.acting import begin_deed, get_person
from allmende.web.forms.nodes import DrainForm
from allmende.web.site_links import list_site_links
from allmende.wiring import now


def list_nodes(request: HttpRequest, partition_id: str) -> HttpResponse:
    """Show what each node does, and which are out of service and why."""
    workshop = wiring.workshop()
    reader = get_person(request)
    views = drains.list_nodes(reader, partition_id, now=now(), workshop=workshop)
    partition = workshop.factory.get_partition(partition_id)
    site = workshop.factory.get_site(partition.site_id)
    context = {
        "partition": partition,
        "views": views,
        "site": site,
        "links": list_site_links(reader, site),
    }
    return render(request, "nodes/list.html", context)


def show_node(request: HttpRequest, partition_id: str, node: str) -> HttpResponse:
    """Show what draining a node would mean, and drain it."""
    reader, workshop = get_person(request), wiring.workshop()
    form = DrainForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        reason = form.cleaned_data["reason"]
        deed = begin_deed(request)
        drains.drain_node(deed, partition_id, node, reason=reason, workshop=workshop)
        return redirect("nodes", partition_id)
    seen = drain_previews.preview_drain(reader, partition_id, node, now=now(), workshop=workshop)
    views = drains.list_nodes(reader, partition_id, now=now(), workshop=workshop)
    context = {
        "partition": workshop.factory.get_partition(partition_id),
        "view": next(view for view in views if view.name == node),
        "seen": seen,
        "sentences": drain_previews.say_preview(seen),
        "form": form,
    }
    return render(request, "nodes/show.html", context, status=422 if form.errors else 200)


@require_POST
def resume_node(request: HttpRequest, partition_id: str, node: str) -> HttpResponse:
    """Put a node back into service."""
    drains.resume_node(begin_deed(request), partition_id, node, workshop=wiring.workshop())
    return redirect("nodes", partition_id)
