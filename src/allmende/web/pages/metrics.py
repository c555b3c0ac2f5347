"""Figures for a monitoring system, which shows a token of an operator, or one of its own."""

import secrets

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from allmende.domain.basics.metrics import CONTENT_TYPE, render_metrics
from allmende.domain.basics.people import DAEMON, Person
from allmende.domain.basics.refusals import Refusal
from allmende.domain.trust.permissions import Permission
from allmende.services import metrics
from allmende.web.api.permits import Bearer
from allmende.wiring import now
from allmende.wiring.factory import load_factory
from allmende.wiring.languages import translate


@require_safe
def show_metrics(request: HttpRequest) -> HttpResponse:
    """Return the figures of all sites, or of the one that `site` names."""
    site_id = request.GET.get("site", "")
    try:
        reader = _find_scraper(request) or Bearer(Permission.SEE_METRICS)(request)
        found = metrics.list_metrics(reader, now=now(), factory=load_factory(), site_id=site_id)
    except Refusal as refusal:  # a program asks: it is told in a line, not on a page
        words = translate(refusal.sentence) + "\n"
        return HttpResponse(words, status=refusal.status, content_type="text/plain; charset=utf-8")
    return HttpResponse(render_metrics(found), content_type=CONTENT_TYPE)


def _find_scraper(request: HttpRequest) -> Person | None:
    """Return the system itself for whoever knows the token of the configuration."""
    known = settings.METRICS_TOKEN
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    is_known = bool(known) and secrets.compare_digest(given.encode(), known.encode())
    return DAEMON if is_known else None
