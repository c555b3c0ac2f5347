"""A visit to a session through the gate, as a browser makes it, for programs on this machine."""

import ssl
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from http.cookies import SimpleCookie
from json import dumps
from typing import Any
from urllib.parse import urlsplit

from allmende.domain.basics.refusals import Refusal
from allmende.wiring.languages import get_language
from allmende.wiring.websockets import WebSocket, open_websocket

ANSWER_SECONDS = 30.0
LONGEST_ANSWER_BYTES = 10_000


class GateDoesNotAnswer(Refusal):
    """The gate to sessions does not answer at {address}: {problem}. It runs with `allmende serve`,
    or alone with `allmende gate`."""

    status = 503


class GateRefuses(Refusal):
    """The gate does not let you in to {job}. {said}"""

    status = 403


@dataclass(frozen=True, kw_only=True)
class Visit:
    """Somebody inside a session, by the cookie of the gate."""

    job_id: str
    origin: str
    cookie: str = field(default="", repr=False)

    @property
    def place(self) -> tuple[str, int]:
        """Return host and port of the gate; names below localhost are this machine, though few
        resolvers know it."""
        parts = urlsplit(self.origin)
        name = parts.hostname or ""
        host = "localhost" if name.endswith(".localhost") else name
        return host, parts.port or (443 if self.is_secure else 80)

    @property
    def is_secure(self) -> bool:
        """Say whether the gate is reached by TLS."""
        return self.origin.startswith("https://")

    @property
    def headers(self) -> dict[str, str]:
        """Return what each request says of whom it comes from."""
        return {
            "Host": self.origin.partition("://")[2],
            "Origin": self.origin,
            "Cookie": self.cookie,
            "Accept-Language": get_language(),
        }

    def ask(self, method: str, path: str, body: Any = None) -> tuple[HTTPResponse, str]:
        """Return what the session answers, or the gate in its place."""
        kind = HTTPSConnection if self.is_secure else HTTPConnection
        line = kind(*self.place, timeout=ANSWER_SECONDS)
        content = None if body is None else dumps(body)
        try:
            line.request(method, self.address_of(path), body=content, headers=self.headers)
            answer = line.getresponse()
            return answer, answer.read(LONGEST_ANSWER_BYTES).decode(errors="replace")
        except (OSError, HTTPException) as error:
            problem = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise GateDoesNotAnswer(address=self.origin, problem=problem) from error
        finally:
            line.close()

    async def open_line(self, path: str) -> WebSocket:
        """Open a WebSocket into the session; `OSError` where it does not come about."""
        trust = ssl.create_default_context() if self.is_secure else None
        return await open_websocket(
            self.place, self.address_of(path), headers=self.headers, trust=trust
        )

    def address_of(self, path: str) -> str:
        """Return a path inside the session as the gate is asked for it."""
        return f"/session/{self.job_id}/{path}"


def enter(job_id: str, address: str) -> Visit:
    """Come in by the address that a ticket made; it is used up thereby."""
    parts = urlsplit(address)
    outside = Visit(job_id=job_id, origin=f"{parts.scheme}://{parts.netloc}")
    answer, said = outside.ask("GET", f"enter?{parts.query}")
    cookies = SimpleCookie(answer.getheader("Set-Cookie", ""))
    if not cookies:
        raise GateRefuses(job=job_id, said=said.strip())
    ((name, morsel),) = cookies.items()
    return replace(outside, cookie=f"{name}={morsel.value}")
