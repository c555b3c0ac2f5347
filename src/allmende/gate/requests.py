"""The head of a request to the gate: read strictly, and written anew for the session."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from allmende.domain.basics.refusals import Refusal
from allmende.domain.training.sessions import address_of

LOOKING = ("GET", "HEAD", "OPTIONS")
# What browsers say of a request that a page of elsewhere began, and of one for a window.
FOREIGN, OPENING = ("same-site", "cross-site"), ("navigate", "document")
REQUEST_LINE = re.compile(r"([A-Z]{1,20}) (/[!-~]*) HTTP/1\.1")
HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\r\n\0]*)")
TARGET = re.compile(r"/session/(j-[0-9a-z]{1,40})(/[^?]*)(?:\?(.*))?")
# What the session gets from the gate or not at all: the portal's cookies stay here.
OF_THE_LINE = {"connection", "keep-alive", "proxy-connection"}
NOT_PASSED_ON = OF_THE_LINE | {"authorization", "cookie", "expect"}

Headers = tuple[tuple[str, str], ...]  # names in small letters


class RequestRefused(Refusal):
    """This is no address of a session. Press Open on the page of your job."""

    status = 404


class RequestUnreadable(Refusal):
    """This request cannot be read. Send it as browsers do."""

    status = 400


class ForeignOrigin(Refusal):
    """This request comes from a page of elsewhere, which may not act in your session."""

    status = 403


class GateIsFull(Refusal):
    """Too many connections are open at once. Close some windows, and try again."""

    status = 503


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a browser asks for."""

    method: str
    target: str
    job_id: str
    path: str  # inside the session
    query: str
    headers: Headers

    @property
    def is_entrance(self) -> bool:
        """Say whether somebody comes in with a ticket."""
        return self.method == "GET" and self.path == "/enter"

    @property
    def is_upgrade(self) -> bool:
        """Say whether it becomes a WebSocket."""
        return self.header("upgrade").lower() == "websocket"

    def header(self, name: str) -> str:
        """Return what all headers of a name say."""
        return ", ".join(value for key, value in self.headers if key == name)

    def cookie(self, name: str) -> str:
        """Return the first cookie of a name; "" without one."""
        for key, value in self.headers:
            for part in value.split(";") if key == "cookie" else ():
                said, _, content = part.strip().partition("=")
                if said == name:
                    return content
        return ""

    def check_origin(self, gate: str) -> None:
        """Refuse what was sent to another name than the session's own, deeds and WebSockets that
        pages of elsewhere began, and whatever else they ask for but to be opened."""
        origin = address_of(self.job_id, gate)
        if self.header("host") != origin.partition("://")[2]:
            raise RequestRefused
        acts = self.method not in LOOKING or self.is_upgrade
        if acts and self.header("origin") != origin:
            raise ForeignOrigin
        opens = (self.header("sec-fetch-mode"), self.header("sec-fetch-dest")) == OPENING
        if self.header("sec-fetch-site") in FOREIGN and not opens:
            raise ForeignOrigin

    def pass_on(self, *, token: str) -> bytes:
        """Return the head for the session: with its token, and as the only request of its line."""
        kept = [(name, value) for name, value in self.headers if name not in NOT_PASSED_ON]
        kept.append(("authorization", f"token {token}"))
        kept.append(("connection", "Upgrade" if self.is_upgrade else "close"))
        return join_head(f"{self.method} {self.target} HTTP/1.1", kept)


def read_request(head: bytes) -> Request:
    """Return the request of a head, which ends with an empty line; refuse what is not plain."""
    first, headers = split_head(head)
    line = REQUEST_LINE.fullmatch(first)
    if line is None or headers is None:
        raise RequestUnreadable
    method, target = line.groups()
    found = TARGET.fullmatch(target)
    if found is None:
        raise RequestRefused
    return Request(
        method=method,
        target=target,
        job_id=found[1],
        path=found[2],
        query=found[3] or "",
        headers=headers,
    )


def split_head(head: bytes) -> tuple[str, Headers | None]:
    """Return the first line and the headers of a head; None for headers that are not plain."""
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    found = [HEADER.fullmatch(each) for each in lines]
    if None in found:
        return first, None
    return first, tuple((each[1].lower(), each[2].strip(" \t")) for each in found if each)


def join_head(first: str, headers: Iterable[tuple[str, str]]) -> bytes:
    """Return a head."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"{first}\r\n{lines}\r\n".encode("latin-1")
