"""Mergers of organisations: the office records them, and sees what was recorded."""

from datetime import date

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.trust.permissions import Permission, can_do
from allmende.services import mergers
from allmende.web.acting import begin_deed, get_person


def show_mergers(request: HttpRequest) -> HttpResponse:
    """Show the mergers, with the form to record one."""
    reader = get_person(request)
    if request.method == "POST":
        mergers.record_merger(
            begin_deed(request),
            request.POST.get("organisation", "").strip(),
            into_id=request.POST.get("into", "").strip(),
            on=_day(request.POST.get("on", "")),
            reason=request.POST.get("why", ""),
        )
        return redirect("mergers")
    context = {
        "mergers": mergers.list_mergers(reader),
        "can_record": can_do(reader, Permission.MERGE_ORGANISATIONS),
    }
    return render(request, "programme/mergers.html", context)


def _day(written: str) -> date:
    try:
        return date.fromisoformat(written.strip())
    except ValueError as error:
        raise InvalidInput(field=_("Day"), problem=_("Give a day, such as 2026-07-01.")) from error
