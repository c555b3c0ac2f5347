"""The head of an answer of a session: read strictly, and written anew for the browser."""

import re
from dataclasses import dataclass

from allmende.domain.basics.refusals import Refusal
from allmende.gate.requests import OF_THE_LINE, Request, join_head, split_head

STATUS_LINE = re.compile(r"HTTP/1\.[01] ([1-5][0-9]{2})(?: [ -~]*)?")
SWITCHING, FIRST_OF_THE_LAST = 101, 200


class SessionUnreadable(Refusal):
    """The session answers with what no browser reads. Its log may say why; else start another."""

    status = 502


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a session says first."""

    status: int
    head: bytes

    @property
    def is_last(self) -> bool:
        """Say whether no other head follows."""
        return self.status == SWITCHING or self.status >= FIRST_OF_THE_LAST


def read_answer(head: bytes, request: Request) -> Answer:
    """Return the head of an answer as the last of its line.

    A session is its owner's own program. If it could keep the line open, a web server before the
    gate would send the next request over it, which may be somebody else's.
    """
    first, headers = split_head(head)
    line = STATUS_LINE.fullmatch(first)
    if line is None or headers is None:
        raise SessionUnreadable
    status = int(line[1])
    if status == SWITCHING and not request.is_upgrade:
        raise SessionUnreadable
    kept = [(name, value) for name, value in headers if name not in OF_THE_LINE]
    kept.append(("connection", "Upgrade" if status == SWITCHING else "close"))
    return Answer(status=status, head=join_head(f"HTTP/1.1 {status} ", kept))
