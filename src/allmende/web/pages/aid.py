"""The office's list of State aid: what must be registered, until when, and what is late."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from allmende.domain.trust.permissions import Permission, can_do
from allmende.services import aid
from allmende.web.acting import begin_deed, get_person
from allmende.wiring import now

PAGE_SIZE = 100


def list_aid(request: HttpRequest) -> HttpResponse:
    """Show all aid, what has to be registered first."""
    reader, instant = get_person(request), now()
    found = aid.list_duties(reader, after=request.GET.get("after", ""), limit=PAGE_SIZE)
    open_count, late_count = aid.count_duties(reader, now=instant)
    context = {
        "entries": [(each, each.is_late(instant)) for each in found],
        "open_count": open_count,
        "late_count": late_count,
        "after": found[-1].id if len(found) == PAGE_SIZE else "",
        "can_register": can_do(reader, Permission.REGISTER_AID),
    }
    return render(request, "programme/aid.html", context)


def download_aid(request: HttpRequest) -> HttpResponse:
    """Hand out all aid as CSV."""
    content = aid.render_csv(aid.list_every_entry(get_person(request)), now=now())
    response = HttpResponse(content, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="de-minimis-aid.csv"'
    return response


@require_POST
def register_aid(request: HttpRequest, entry_id: str) -> HttpResponse:
    """Note that a grant stands in the central register."""
    reference = request.POST.get("reference", "")
    aid.register_entry(begin_deed(request), entry_id, reference=reference)
    return redirect("aid")
