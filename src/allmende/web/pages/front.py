"""The front page: what the factory is, what it does now, and whether it keeps its promises."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from allmende.domain.trust.verdicts import Verdict
from allmende.services import nodes, promises, sites
from allmende.web import maps
from allmende.web.acting import get_person
from allmende.wiring import now
from allmende.wiring.factory import load_factory

# What is broken comes first; what has no evidence is told apart on the page of all promises.
ORDER = (Verdict.BROKEN, Verdict.KEPT, Verdict.NO_EVIDENCE)
SHOWN = 7


def show_front(request: HttpRequest) -> HttpResponse:
    """Show the public face of the factory."""
    reader, factory = get_person(request), load_factory()
    views = sites.list_sites(reader, factory=factory)
    results = promises.list_promises(reader)
    context = {
        "factory": factory,
        "now": now(),
        "views": views,
        "places": maps.place_sites(views),
        "fields": nodes.list_node_uses(reader, factory=factory),
        "kept_count": sum(1 for result in results if result.verdict is Verdict.KEPT),
        "broken_count": sum(1 for result in results if result.verdict is Verdict.BROKEN),
        "promise_count": len(results),
        "promise_views": sorted(results, key=lambda result: ORDER.index(result.verdict))[:SHOWN],
    }
    return render(request, "front.html", context)
