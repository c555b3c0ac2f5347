"""The audit trail, for those who watch over it."""

import json

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from allmende.services import audit, recomputations
from allmende.web.acting import get_person
from allmende.web.numbers import read_number

PAGE_SIZE = 50


def list_events(request: HttpRequest) -> HttpResponse:
    """Show the newest events, and whether the chain is whole."""
    reader = get_person(request)
    before = read_number(request, "before") or None
    events = audit.list_latest_events(reader, before=before, limit=PAGE_SIZE)
    context = {
        "events": [(event, json.dumps(event.facts, ensure_ascii=False)) for event in events],
        "head": audit.get_head(reader),
        "findings": audit.check_audit(reader) if request.GET.get("verify") else None,
        "recomputed": recomputations.recompute_decisions(reader)
        if request.GET.get("recompute")
        else None,
        "older": events[-1].number if events and events[-1].number > 1 else 0,
    }
    return render(request, "audit.html", context)
