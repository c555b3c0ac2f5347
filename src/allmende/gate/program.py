"""The gate to sessions: passes HTTP and WebSockets on to a running session, for its owner alone.

A program of its own with an address of its own, because what a session shows is its owner's code:
it never runs in the portal's origin. One connection carries one request, to one session. Each is
asked for its cookie, and while it lasts the database is asked again and again whether it may.
"""

import asyncio
import contextlib
import resource
import signal
import ssl
import sys
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import parse_qs

from allmende import wiring

wiring.start()  # services can be imported only once Django knows its tables

from django.conf import settings  # noqa: E402

from allmende.domain.basics.refusals import Refusal  # noqa: E402
from allmende.domain.training.sessions import PASS_LIFE, Door, SessionNotReady  # noqa: E402
from allmende.gate.answers import SessionUnreadable, read_answer  # noqa: E402
from allmende.gate.requests import GateIsFull, Request, read_request  # noqa: E402
from allmende.services import session_doors, session_passes  # noqa: E402
from allmende.services.workshop import Workshop  # noqa: E402
from allmende.wiring import languages, troubles  # noqa: E402
from allmende.wiring.tokens import new_ticket  # noqa: E402

LONGEST_HEAD_BYTES = 64 * 1024
HEAD_SECONDS = 20.0
REACH_SECONDS = 10.0
LOOK_SECONDS = 30.0  # between two questions whether an open connection still may be
CHUNK_BYTES = 64 * 1024
PART_SECONDS = 5.0  # for the last bytes of a connection
MOST_CONNECTIONS, MOST_PER_SESSION = 1000, 100
MOST_DOORS = 1000  # that are kept
COOKIE = "allmende_session"

Answer = TypeVar("Answer")


class GateCannotListen(Refusal):
    """The gate cannot listen on port {port} of {host}: {problem}. Choose another port with
    ALLMENDE_GATE_PORT."""

    status = 503


@dataclass(frozen=True)
class Line:
    """A connection from a browser."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Gate:
    """Lets people in to their sessions until it is told to stop."""

    def __init__(
        self, address: str, workshop: Workshop, *, look_seconds: float = LOOK_SECONDS
    ) -> None:
        self.address, self.look_seconds, self.workshop = address, look_seconds, workshop
        self.is_secure = address.startswith("https://")
        # With that beginning no page of another host can set it.
        self.cookie = f"__Host-{COOKIE}" if self.is_secure else COOKIE
        self.clerks = ThreadPoolExecutor(max_workers=4)  # who ask the database
        self.connections = 0
        self.inside = Counter[str]()  # connections of each session
        # Returns the door of an attempt by its key; each is asked for once, for it never moves.
        self.door_of = lru_cache(MOST_DOORS)(partial(session_doors.find_door, workshop=workshop))

    async def serve(self, host: str, port: int) -> None:
        """Listen until SIGTERM or Ctrl-C."""
        server = await asyncio.start_server(self.receive, host, port, limit=LONGEST_HEAD_BYTES)
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        await stopping.wait()
        server.close()  # lines that are open are cut as their tasks are cancelled

    async def receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a connection from its first byte to its last."""
        line, language = Line(reader, writer), "en"
        self.connections += 1
        try:
            if self.connections > MOST_CONNECTIONS:
                raise GateIsFull
            async with asyncio.timeout(HEAD_SECONDS):
                request = read_request(await reader.readuntil(b"\r\n\r\n"))
            language = languages.choose(request.header("accept-language"))
            await self.answer(request, line)
        except Refusal as refusal:
            with contextlib.suppress(OSError):
                await say(line, refusal, language)
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            pass  # it went away, or never said what it wants
        except asyncio.CancelledError:
            pass  # the gate ends, of which a stream of Python 3.11 would print a traceback
        finally:
            await part(writer)
            self.connections -= 1

    async def answer(self, request: Request, line: Line) -> None:
        """Let in whoever brings a ticket, and pass on what comes with a cookie."""
        request.check_origin(self.address)
        if request.is_entrance:
            await self.let_in(request, line)
            return
        door = await self.find_door(request)
        with self.one_of_many(request.job_id):
            session = await reach(door, request.job_id)
            try:
                session.writer.write(request.pass_on(token=door.token))
                await first_of(
                    copy(line.reader, session.writer),
                    bring_back(session.reader, line.writer, request),
                    self.keep_watch(request),
                )
            finally:
                await part(session.writer)

    @contextlib.contextmanager
    def one_of_many(self, job_id: str) -> Iterator[None]:
        """Count a connection to a session; one session takes none that others need."""
        if self.inside[job_id] >= MOST_PER_SESSION:
            raise GateIsFull
        self.inside[job_id] += 1
        try:
            yield
        finally:
            self.inside[job_id] -= 1
            if not self.inside[job_id]:
                del self.inside[job_id]

    async def find_door(self, request: Request) -> Door:
        """Ask the database whether the bearer of the cookie may open the session now, and where."""
        key = await self.find_attempt(request)
        return await self.ask(lambda: self.door_of(key))

    async def find_attempt(self, request: Request) -> str:
        """Return the key of the attempt that the bearer of the cookie may open now."""
        look = partial(
            session_passes.find_attempt,
            request.cookie(self.cookie),
            request.job_id,
            workshop=self.workshop,
        )
        return await self.ask(lambda: look(now=wiring.now()))

    async def keep_watch(self, request: Request) -> None:
        """Return once the bearer of the cookie may no longer."""
        with contextlib.suppress(Refusal):
            while True:
                await asyncio.sleep(self.look_seconds)
                await self.find_attempt(request)

    async def let_in(self, request: Request, line: Line) -> None:
        """Take a ticket and give a cookie for this session alone."""
        ticket, cookie = parse_qs(request.query).get("ticket", [""])[0], new_ticket()

        def take() -> None:
            holder = session_passes.find_holder(
                ticket, request.job_id, is_ticket=True, now=wiring.now()
            )
            session_passes.enter(
                wiring.deed_of(holder),
                request.job_id,
                ticket=ticket,
                cookie=cookie,
                workshop=self.workshop,
            )

        await self.ask(take)
        facts = [f"{self.cookie}={cookie}", f"Max-Age={int(PASS_LIFE.total_seconds())}"]
        facts += ["Path=/", "HttpOnly", "SameSite=Lax", *(["Secure"] if self.is_secure else [])]
        place = f"/session/{request.job_id}/lab"
        headers = {"Location": place, "Set-Cookie": "; ".join(facts)}
        await write_answer(line, HTTPStatus.SEE_OTHER, headers=headers)

    async def ask(self, question: Callable[[], Answer]) -> Answer:
        """Ask the database on a thread of its own."""

        def ask_and_close() -> Answer:
            try:
                return question()
            except Exception as error:
                raise troubles.explain(error) or error from error
            finally:
                wiring.close_database()

        return await asyncio.get_running_loop().run_in_executor(self.clerks, ask_and_close)


async def reach(door: Door, job_id: str) -> Line:
    """Connect to a session; whoever does not answer, or cannot prove to be it, is not ready."""
    try:
        async with asyncio.timeout(REACH_SECONDS):
            trust = trust_only(door.certificate)
            return Line(*await asyncio.open_connection(door.host, door.port, ssl=trust))
    except OSError as error:
        raise SessionNotReady(job=job_id) from error


def trust_only(certificate: str) -> ssl.SSLContext:
    """Return what believes whoever has the key of this certificate, and nobody else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.load_verify_locations(cadata=certificate)
    return context


async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Pass on every byte as it comes, no faster than it is taken."""
    with contextlib.suppress(OSError):
        while chunk := await source.read(CHUNK_BYTES):
            target.write(chunk)
            await target.drain()


async def bring_back(
    source: asyncio.StreamReader, target: asyncio.StreamWriter, request: Request
) -> None:
    """Pass on the answer of a session, after its head was looked at."""
    try:
        answer = read_answer(await source.readuntil(b"\r\n\r\n"), request)
        while not answer.is_last:
            answer = read_answer(await source.readuntil(b"\r\n\r\n"), request)
    except (EOFError, asyncio.LimitOverrunError) as error:
        raise SessionUnreadable from error
    target.write(answer.head)
    await copy(source, target)


async def part(writer: asyncio.StreamWriter) -> None:
    """Close a connection; what nobody takes in some seconds is thrown away with it."""
    writer.close()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(PART_SECONDS):
            await writer.wait_closed()
    writer.transport.abort()


async def first_of(*works: Coroutine[Any, Any, None]) -> None:
    """Wait for the first of some works to end, and end the others; raise what it raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def say(line: Line, refusal: Refusal, language: str) -> None:
    """Answer with a sentence."""
    languages.speak(language)
    text = languages.translate(refusal.sentence) + "\n"
    await write_answer(line, HTTPStatus(refusal.status), text=text)


async def write_answer(
    line: Line, status: HTTPStatus, *, headers: dict[str, str] | None = None, text: str = ""
) -> None:
    """Write an answer of the gate's own."""
    body = text.encode()
    lines = {
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Connection": "close",
        **(headers or {}),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    line.writer.write(f"HTTP/1.1 {status.value} {status.phrase}\r\n{head}\r\n".encode() + body)
    await line.writer.drain()


def main(host: str = "127.0.0.1", port: int = 0, *, until_closed: int | None = None) -> None:
    """Run the gate; with `until_closed` it ends when that file, a pipe, is closed elsewhere."""
    # Each connection takes two descriptors, and programs often begin with 1024.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(soft, 4 * MOST_CONNECTIONS)
    resource.setrlimit(
        resource.RLIMIT_NOFILE,
        (wanted if hard == resource.RLIM_INFINITY else min(hard, wanted), hard),
    )
    gate, port = Gate(settings.GATE_ADDRESS, wiring.workshop()), port or settings.GATE_PORT

    async def run() -> None:
        if until_closed is not None:
            asyncio.get_running_loop().add_reader(until_closed, sys.exit)
        await gate.serve(host, port)

    try:
        asyncio.run(run())
    except OSError as error:
        refusal = GateCannotListen(host=host, port=port, problem=error.strerror)
        sys.exit(languages.translate(refusal.sentence))
