"""The portal and the API on a port of this machine, with the daemon and the gate beside them."""

import contextlib
import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated, Any

import typer
import waitress
from django.conf import settings
from django.core.wsgi import get_wsgi_application

from allmende.cli.output import say
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.training.code_archives import MOST_ARCHIVE_BYTES, MOST_PACKED_BYTES

# The daemon is a program of its own: nothing here imports it.
DAEMON_COMMAND = (sys.executable, "-c", "from allmende.daemon import main; main()")
# Its standard input is a pipe whose other end we hold: when we are gone, however we went, it ends.
DAEMON_BESIDE = (
    sys.executable,
    "-c",
    "from allmende.daemon import main; main(until_closed=0)",
)
GATE_COMMAND = "from allmende.gate.program import main; main({host!r}, {port})"
GATE_BESIDE = "from allmende.gate.program import main; main({host!r}, until_closed=0)"
# What people send at most: a folder of code, as the API takes it or as they packed it themselves.
LARGEST_FILES_BYTES = max(MOST_ARCHIVE_BYTES, MOST_PACKED_BYTES)
# What a form says beside its file, and by how much it is too large and still told so by its page.
ENVELOPE_BYTES = 4 << 20
SECONDS_TO_STOP = 15.0
# Before another begins: longer and longer for one that always ends at once.
SECONDS_BEFORE_RESTART = 1.0
MOST_SECONDS_BEFORE_RESTART = 60.0
SHORT_LIFE_SECONDS = 10.0


class PortIsInUse(Refusal):
    """Port {port} on {host} is in use. Stop what runs there, or choose another with --port."""

    status = 503


class PortIsForbidden(Refusal):
    """This user may not open port {port}. Choose one above 1023 with --port."""

    status = 503


class HostIsUnknown(Refusal):
    """{host} is no address of this machine. Choose one of its own with --host."""

    status = 503


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    threads: Annotated[int, typer.Option(min=1, max=64)] = 8,
    with_daemon: Annotated[
        bool, typer.Option("--daemon/--no-daemon", help="Also run the heartbeat.")
    ] = True,
    with_gate: Annotated[
        bool, typer.Option("--gate/--no-gate", help="Also let people in to their sessions.")
    ] = True,
) -> None:
    """Run the portal, the API, the daemon and the gate until Ctrl-C."""
    server = _listen(host, port, threads=threads)
    signal.signal(signal.SIGTERM, _stop_as_with_ctrl_c)
    with contextlib.ExitStack() as stack:
        if with_daemon:
            stack.enter_context(_beside(DAEMON_BESIDE, _say_daemon_ended))
        if with_gate:
            gate_beside = (sys.executable, "-c", GATE_BESIDE.format(host=host))
            stack.enter_context(_beside(gate_beside, _say_gate_ended))
        say(Sentence("The portal: {address}", {"address": f"http://{host}:{port}/"}))
        say(Sentence("The API:    {address}", {"address": f"http://{host}:{port}/api/v1/"}))
        say(Sentence("Stop with Ctrl-C."))
        try:
            server.run()
        finally:
            server.close()


def daemon() -> None:
    """Run the heartbeat alone, until Ctrl-C."""
    os.execv(DAEMON_COMMAND[0], DAEMON_COMMAND)  # noqa: S606 - our own program


def gate(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="0: that of $ALLMENDE_GATE_PORT, else 8001.")
    ] = 0,
) -> None:
    """Run the gate to sessions alone, until Ctrl-C."""
    command = (sys.executable, "-c", GATE_COMMAND.format(host=host, port=port))
    os.execv(command[0], command)  # noqa: S606 - our own program


def _listen(host: str, port: int, *, threads: int) -> Any:
    try:
        return waitress.create_server(
            get_wsgi_application(),
            host=host,
            port=port,
            threads=threads,
            ident="allmende",
            # It receives a request whole before the portal sees it. What is a little too large
            # gets the portal's own page; what is beyond is not even received.
            max_request_body_size=max(LARGEST_FILES_BYTES, settings.DOCUMENT_BYTES_MAX)
            + ENVELOPE_BYTES,
        )
    except ValueError as error:  # waitress' word for a host that does not resolve
        raise HostIsUnknown(host=host) from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortIsInUse(host=host, port=port) from error
        if error.errno == errno.EACCES:
            raise PortIsForbidden(port=port) from error
        raise HostIsUnknown(host=host) from error


def _stop_as_with_ctrl_c(*_: int | FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def _beside(command: tuple[str, ...], say_ended: Callable[[int], None]) -> Iterator[None]:
    """Keep a program running, begin another when it dies, and end it with us."""
    stopping = threading.Event()
    keeper = threading.Thread(target=_keep, args=(stopping, command, say_ended), daemon=True)
    keeper.start()
    try:
        yield
    finally:
        stopping.set()
        keeper.join(SECONDS_TO_STOP)


def _say_daemon_ended(code: int) -> None:
    say(Sentence("The daemon ended with code {code}; another begins.", {"code": code}))


def _say_gate_ended(code: int) -> None:
    say(Sentence("The gate ended with code {code}; another begins.", {"code": code}))


def _keep(
    stopping: threading.Event, command: tuple[str, ...], say_ended: Callable[[int], None]
) -> None:
    pause_seconds = SECONDS_BEFORE_RESTART
    while not stopping.is_set():
        began_at = time.monotonic()
        # In a session of its own, Ctrl-C reaches it through us alone, once.
        process = subprocess.Popen(  # noqa: S603 - our own
            command, start_new_session=True, stdin=subprocess.PIPE
        )
        with process:
            while process.poll() is None and not stopping.wait(0.2):
                pass
            if process.poll() is None:
                _end(process)
        is_short = time.monotonic() - began_at < SHORT_LIFE_SECONDS
        if not stopping.wait(pause_seconds):
            say_ended(process.returncode)
        doubled = min(MOST_SECONDS_BEFORE_RESTART, 2 * pause_seconds)
        pause_seconds = doubled if is_short else SECONDS_BEFORE_RESTART


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(SECONDS_TO_STOP - 5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
