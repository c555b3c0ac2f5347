"""Messages to oneself, and for the office the queue of all of them."""

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema

from allmende.domain.access.message_kinds import MessageKind
from allmende.domain.access.messages import (
    Message,
    MessageState,
)
from allmende.domain.trust.permissions import Permission
from allmende.services import mail
from allmende.web.api.permits import begin_deed, get_actor, takes
from allmende.web.api.shapes import After, Limit, Page, PathId, Words, page_of

router = Router(tags=["messages"])


class MessageOut(Schema):
    """A message to a person, in the language that the request asks for."""

    id: str
    kind: MessageKind
    about: str
    recipient_id: str
    subject: Words
    body: list[Words]
    path: str
    state: MessageState
    queued_at: datetime
    sent_at: datetime | None


class QueuedOut(Schema):
    """How far the sending of a message is; what it says is between it and its recipient."""

    id: str
    kind: MessageKind
    about: str
    recipient_id: str
    state: MessageState
    queued_at: datetime
    attempts: int
    next_try_at: datetime
    give_up_at: datetime
    sent_at: datetime | None
    error: str


@router.get("/me/messages", response=Page[MessageOut], **takes(Permission.SEE_SELF))
def list_own_messages(request: HttpRequest, after: After = "", limit: Limit = 50) -> dict[str, Any]:
    """List what was written to you, the newest first."""
    found = mail.list_own_messages(get_actor(request), after=after, limit=limit)
    return page_of(found, limit=limit, key=lambda message: message.id)


@router.get("/mail", response=Page[QueuedOut], **takes(Permission.SEE_MAIL))
def list_mail(
    request: HttpRequest,
    state: Annotated[list[MessageState] | None, Query(description="Only these.")] = None,
    after: After = "",
    limit: Limit = 50,
) -> dict[str, Any]:
    """List all messages, the newest first."""
    view = mail.list_queue(get_actor(request), states=state or (), after=after, limit=limit)
    return page_of(view.messages, limit=limit, key=lambda message: message.id)


@router.post("/mail/{message_id}/retry", response=QueuedOut, **takes(Permission.RETRY_MAIL))
def retry_message(request: HttpRequest, message_id: PathId) -> Message:
    """Try a message anew that was given up; again, it changes nothing."""
    return mail.retry_message(begin_deed(request), message_id)
