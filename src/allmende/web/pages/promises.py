"""The promises: each with its target, its value, its verdict, and the records behind it."""

from collections import Counter

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from allmende.services import promises
from allmende.web.acting import get_person


def list_promises(request: HttpRequest) -> HttpResponse:
    """Show every promise with its newest result."""
    results = promises.list_promises(get_person(request))
    verdicts = Counter(result.verdict.value for result in results)
    counts = {name: verdicts[name] for name in ("kept", "broken", "no_evidence")}
    return render(request, "promises/list.html", {"promise_views": results, "counts": counts})


def show_promise(request: HttpRequest, promise_id: str) -> HttpResponse:
    """Show one promise, opened to its evidence."""
    promise = promises.get_promise(get_person(request), promise_id)
    return render(request, "promises/show.html", {"promise": promise})
