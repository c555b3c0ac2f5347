"""Calls of the API: who asks, what was refused, and what is tried again."""

import hashlib
import http.client
import json
import os
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar, cast

Result = TypeVar("Result")

PASSING = {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
# Of the line. A full disk, an OSError as well, is none.
TROUBLES = (
    urllib.error.URLError,
    ConnectionError,
    TimeoutError,
    ssl.SSLError,
    http.client.HTTPException,
)
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 10.0
ONE_CALL_SECONDS = 60.0
CHUNK_BYTES = 2**20
ROOT = "/api/v1"
HOSTS_OF_THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}


class ApiError(Exception):
    """The factory said no. As text it is the sentence with the way out; `code` is stable."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(problem["detail"])
        self.status = status
        self.code: str = problem.get("code", "")
        self.facts: dict[str, Any] = problem.get("facts", {})


class Unreachable(Exception):
    """The factory did not answer, however often it was asked; or what answers is no factory."""


class TokenNeedsCover(ValueError):
    """A token would go over the network where everybody on the way can read it."""


class Caller:
    """Asks one factory as one person. Everything it asks twice is safe to ask twice."""

    def __init__(self, url: str, token: str, *, language: str, patience_seconds: float) -> None:
        url, token = url.strip().rstrip("/").removesuffix(ROOT), token.strip()
        parts = urllib.parse.urlsplit(url)
        is_here = parts.scheme == "http" and parts.hostname in HOSTS_OF_THIS_MACHINE
        if parts.scheme != "https" and not is_here:
            raise TokenNeedsCover(f"{url} does not begin with https://, so a token could be read.")
        if not (token.isascii() and token.isprintable()):  # else http.client would print it
            raise ValueError("The token has characters that no token has. Copy it once more.")
        self._base = url + ROOT
        self._headers = {"Authorization": f"Bearer {token}", "Accept-Language": language}
        self._patience_seconds = patience_seconds
        # What is said to this machine goes through no proxy: one elsewhere could read the token.
        proxies = urllib.request.ProxyHandler({} if is_here else None)
        self._opener = urllib.request.build_opener(_StayHere, proxies)

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, Any] | None = None,
        body: object = None,
        key: str = "",
        is_safe_twice: bool = False,
    ) -> Any:
        """Return what the API answers, read from JSON; None where it says nothing.

        What has a key is safe to ask twice, and all but a POST; of others the caller says so.
        """
        headers = {"Idempotency-Key": key} if key else {}
        content = None
        if body is not None:
            content = json.dumps(body, default=os.fspath).encode()
            headers["Content-Type"] = "application/json"
        request = partial(self._request, method, path, query=query, headers=headers)
        may_repeat = is_safe_twice or key or method != "POST"
        patience_seconds = self._patience_seconds if may_repeat else 0
        return self._do(lambda: request(content=content), _read_json, patience_seconds)

    def send(self, path: str, pack: Callable[[], Iterable[bytes]]) -> Any:
        """Send an archive piece by piece, packed anew at each try; return the answer."""
        headers = {"Content-Type": "application/x-tar"}
        request = partial(self._request, "POST", path, headers=headers)
        return self._do(lambda: request(content=pack()), _read_json, self._patience_seconds)

    def fetch(self, path: str, place: Path) -> str:
        """Write a file to a place, from its beginning at each try; return its SHA-256."""

        def keep(answer: http.client.HTTPResponse) -> str:
            digest = hashlib.sha256()
            with place.open("wb") as file:
                while piece := answer.read(CHUNK_BYTES):
                    digest.update(piece)
                    file.write(piece)
            if answer.length:  # read piece by piece, an answer that was cut says nothing of it
                raise http.client.IncompleteRead(b"", answer.length)
            return digest.hexdigest()

        return self._do(lambda: self._request("GET", path), keep, self._patience_seconds)

    def _request(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, Any] | None = None,
        content: bytes | Iterable[bytes] | None = None,
        headers: dict[str, str] | None = None,
    ) -> urllib.request.Request:
        asked = urllib.parse.urlencode({k: v for k, v in (query or {}).items() if v is not None})
        return urllib.request.Request(  # noqa: S310 - the scheme was checked
            self._base + urllib.parse.quote(path) + (f"?{asked}" if asked else ""),
            data=cast("bytes | None", content),
            headers=self._headers | (headers or {}),
            method=method,
        )

    def _do(
        self,
        make_request: Callable[[], urllib.request.Request],
        use: Callable[[http.client.HTTPResponse], Result],
        patience_seconds: float,
    ) -> Result:
        """Return what the answer is used for; where the line fails, try until patience ends."""
        pause, give_up_at = FIRST_PAUSE_SECONDS, None
        while True:
            try:
                with self._opener.open(make_request(), timeout=ONE_CALL_SECONDS) as answer:
                    return use(answer)
            except urllib.error.HTTPError as error:
                failure: Exception = ApiError(error.code, _read_problem(error))
                if error.code not in PASSING:
                    raise failure from None
            except TROUBLES as error:
                reason = getattr(error, "reason", error)
                failure = Unreachable(f"{self._base} cannot be reached: {reason}")
                if isinstance(reason, ssl.SSLCertVerificationError):
                    raise failure from None
            # Patience begins with the first failure, for until then much may have been fetched.
            give_up_at = give_up_at or time.monotonic() + patience_seconds
            if time.monotonic() + pause > give_up_at:
                raise failure
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


class _StayHere(urllib.request.HTTPRedirectHandler):
    """Follows nobody elsewhere: the token is for this factory alone."""

    def redirect_request(self, *_: Any) -> None:
        """Take the answer that sends us elsewhere for a refusal."""


def _read_json(answer: http.client.HTTPResponse) -> Any:
    try:
        return json.loads(answer.read() or b"null")
    except ValueError:
        raise Unreachable(f"What {answer.url} answers is no JSON. Check the address.") from None


def _read_problem(error: urllib.error.HTTPError) -> dict[str, Any]:
    with error:
        if place := error.headers.get("Location"):
            return {"detail": f"The address has moved to {place}. Give that one."}
        try:
            problem = json.loads(error.read())
        except (ValueError, *TROUBLES):
            problem = None
    if isinstance(problem, dict) and "detail" in problem:
        return problem
    return {"detail": f"{error.url} answers {error.code} {error.reason}."}
