"""A gate on a real port, before sessions that really run, and browsers that knock."""

import asyncio
import json
import struct
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

from asgiref.sync import async_to_sync, sync_to_async

from allmende.domain.scheduling.jobs import Job
from allmende.domain.training.sessions import address_of
from allmende.gate import program
from allmende.gate.program import COOKIE, Gate
from allmende.services import session_passes
from tests.services.running import Running

STANDIN = str(Path(__file__).parent / "standin")
ADDRESS = "http://sessions.test"  # of the gate; each session has a name below
CUT_SECONDS = 60  # that nobody needs, except on a machine that is busy


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class HomelyGate(Gate):
    """Asks its questions on the test's own thread, where the test's database is."""

    async def ask(self, question):
        return await here(question)


@dataclass
class Hall:
    """Everybody, their sessions, and the gate."""

    factory: Running
    folder: Path = Path()  # in which jobs work
    port: int = 0

    def start(self, key: str = "founder", *, client_key: str = "session", **file: object) -> Job:
        """Start a session and wait until it listens."""
        (job,) = self.factory.submit(
            key, client_key, **{"blueprint": "notebook", "max_duration": "300s", **file}
        )
        self.factory.beat_until(lambda: self.listens(job.id), seconds=120)
        return self.factory.job(job.id)

    def listens(self, job_id: str) -> bool:
        backend = self.factory.workshop.backend_of(self.factory.job(job_id).partition_id)
        return "session.json" in backend.list_output(job_id)

    def out(self, job_id: str) -> Path:
        """Return the output folder of a job."""
        return self.folder / "work" / job_id / "home" / "out"

    def ticket(self, key: str, job_id: str, ticket: str = "a ticket") -> str:
        session_passes.make_ticket(
            self.factory.act(key), job_id, ticket=ticket, workshop=self.factory.workshop
        )
        return ticket.replace(" ", "%20")

    def run(self, visit: Callable[[], Awaitable[Any]], *, look_seconds: float = 60.0) -> Any:
        """Open the gate for as long as a visit takes."""

        async def whole() -> Any:
            gate = HomelyGate(ADDRESS, self.factory.workshop, look_seconds=look_seconds)
            server = await asyncio.start_server(gate.receive, "127.0.0.1", 0)
            self.port = server.sockets[0].getsockname()[1]
            # A session that stalls is late, and no impostor.
            with mock.patch.object(program, "REACH_SECONDS", CUT_SECONDS):
                async with server:
                    found = await visit()
            async with asyncio.timeout(CUT_SECONDS):
                while gate.connections:  # each says goodbye to its session
                    await asyncio.sleep(0.01)
            return found

        return async_to_sync(whole)()

    async def ask(
        self, path: str, *, method: str = "GET", body: bytes = b"", **more: str
    ) -> Answer:
        """Send one request and read the answer to its end."""
        reader, writer = await self.send(path, method=method, body=body, **more)
        whole = await asyncio.wait_for(reader.read(), CUT_SECONDS)
        writer.close()
        head, _, content = whole.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        parts = (line.split(": ", 1) for line in lines)
        headers = {name.lower(): value for name, value in parts}
        return Answer(int(first.split()[1]), headers, content)

    async def send(self, path: str, *, method: str = "GET", body: bytes = b"", **more: str):
        origin = origin_of(path)
        headers = {"host": origin.removeprefix("http://")}
        headers |= {k.replace("_", "-"): v for k, v in more.items()}
        if method != "GET":
            headers = {"origin": origin, "content-length": str(len(body))} | headers
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
        return reader, writer

    async def enter(self, key: str, job_id: str) -> str:
        """Come in with a ticket; return the cookie as a browser sends it."""
        ticket = await here(lambda: self.ticket(key, job_id, f"ticket of {key}"))
        answer = await self.ask(f"/session/{job_id}/enter?ticket={ticket}")
        assert answer.status == 303, answer.text
        assert answer.headers["location"] == f"/session/{job_id}/lab"
        cookie, *rules = answer.headers["set-cookie"].split("; ")
        assert cookie.startswith(f"{COOKIE}=")
        assert {"Path=/", "HttpOnly", "SameSite=Lax"} <= set(rules)
        return cookie

    async def upgrade(self, path: str, *, cookie: str, origin: str | None = None):
        """Open a WebSocket as far as the first answer; return its two ends and the status."""
        reader, writer = await self.send(
            path,
            cookie=cookie,
            origin=origin_of(path) if origin is None else origin,
            upgrade="websocket",
            connection="Upgrade",
            sec_websocket_key="dGhlIHNhbXBsZSBub25jZQ==",
            sec_websocket_version="13",
        )
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), CUT_SECONDS)
        return reader, writer, int(head.split()[1])


def origin_of(path: str) -> str:
    """Return the origin to which browsers send what they ask of a session."""
    return address_of([*path.split("/"), ""][2], ADDRESS)


async def here(work: Callable[[], Any]) -> Any:
    """Do some work on the test's own thread, where its database is."""
    return await sync_to_async(work)()


def with_standin(factory: Running) -> Running:
    """Let the notebook blueprint be a program that tells what reaches it."""
    factory.workshop = replace(
        factory.workshop,
        environment_python=lambda _: sys.executable,
        blueprint_folder=lambda _: STANDIN,
    )
    return factory


def frame(message: object) -> bytes:
    """Return a text message as browsers send it over a WebSocket; the mask is zero."""
    text = json.dumps(message).encode()
    size = bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + struct.pack(">H", len(text))
    return b"\x81" + size + b"\0\0\0\0" + text


async def read_message(reader: asyncio.StreamReader) -> Any:
    """Return the next text message of a session."""
    while True:
        first, size = await reader.readexactly(2)
        if size == 126:
            (size,) = struct.unpack(">H", await reader.readexactly(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", await reader.readexactly(8))
        content = await reader.readexactly(size)
        if first & 0x0F == 1:
            return json.loads(content)
