"""What people were told by e-mail: one's own, and for the office the queue with its failures."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from allmende.domain.access.messages import (
    Message,
    MessageState,
)
from allmende.domain.trust.permissions import Permission, can_do
from allmende.services import mail, people
from allmende.web.acting import begin_deed, get_person

PAGE_SIZE = 50
UNDONE = (MessageState.QUEUED, MessageState.GIVEN_UP)


def show_messages(request: HttpRequest) -> HttpResponse:
    """Show what was written to oneself, and in which language that is."""
    reader, after = get_person(request), request.GET.get("after", "")
    found = mail.list_own_messages(reader, after=after, limit=PAGE_SIZE + 1)
    context = {"messages_to_me": found[:PAGE_SIZE], "older": _find_older(found)}
    return render(request, "messages/own.html", context)


@require_POST
def choose_language(request: HttpRequest) -> HttpResponse:
    """Choose the language of letters and e-mails to oneself; the pages keep theirs."""
    people.choose_language(begin_deed(request), request.POST.get("language", ""))
    return redirect("messages")


def list_mail(request: HttpRequest) -> HttpResponse:
    """Show the queue to the office: what waits or failed, or everything."""
    reader, after = get_person(request), request.GET.get("after", "")
    shows_all = bool(request.GET.get("all"))
    view = mail.list_queue(
        reader, states=() if shows_all else UNDONE, after=after, limit=PAGE_SIZE + 1
    )
    context = {
        "rows": [
            (each, view.names.get(each.recipient_id, each.recipient_id))
            for each in view.messages[:PAGE_SIZE]
        ],
        "counts": [(state, view.counts[state]) for state in MessageState if state in view.counts],
        "older": _find_older(view.messages),
        "shows_all": shows_all,
        "can_retry": can_do(reader, Permission.RETRY_MAIL),
    }
    return render(request, "messages/queue.html", context)


@require_POST
def retry_message(request: HttpRequest, message_id: str) -> HttpResponse:
    """Try a message anew that was given up."""
    mail.retry_message(begin_deed(request), message_id)
    return redirect("mail")


def _find_older(found: list[Message]) -> str:
    """Return after which message the next page begins; empty on the last one."""
    return found[PAGE_SIZE - 1].id if len(found) > PAGE_SIZE else ""
