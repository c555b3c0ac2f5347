"""The queue of e-mails."""

from typing import Annotated

import typer

from allmende.cli.acting import acting_deed, acting_person
from allmende.cli.output import AsJson, show
from allmende.domain.access.messages import (
    MessageState,
)
from allmende.domain.basics.people import DAEMON
from allmende.domain.basics.sentences import Sentence
from allmende.services import mail
from allmende.wiring import deed_of, post
from allmende.wiring.access_rules import load_access_rules

app = typer.Typer()

COLUMNS = ("id", "kind", "about", "recipient_id", "state", "queued_at", "attempts", "error")
ROUND = 1000  # messages; a queue that grows as fast as it is sent is left to the daemon


@app.command("list")
def list_mail(
    state: Annotated[list[MessageState] | None, typer.Option(help="Only these.")] = None,
    after: Annotated[str, typer.Option(help="Begin after this id.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
    json: AsJson = False,
) -> None:
    """List messages to everybody, the newest first: what waits, what was sent, what failed."""
    view = mail.list_queue(acting_person(), states=state or (), after=after, limit=limit)
    show(view.messages, json=json, columns=COLUMNS, empty=Sentence("No message."))


@app.command("retry")
def retry_message(message_id: str, json: AsJson = False) -> None:
    """Try a message anew that was given up; it is sent at the next round."""
    show(mail.retry_message(acting_deed(), message_id), json=json, columns=COLUMNS)


@app.command("send")
def send_mail(json: AsJson = False) -> None:
    """Queue the reminders that are due, and send what waits now, as the daemon does."""
    rules = load_access_rules()
    reminded = mail.remind(deed_of(DAEMON), rules=rules)
    with post.open_post() as opened:
        done = mail.deliver(lambda: deed_of(DAEMON), send=opened.send, limit=ROUND, rules=rules)
    show(
        {
            "reminders": reminded,
            "sent": done.sent,
            "failed": len(done.failed),
            "given_up": len(done.given_up),
        },
        json=json,
    )
