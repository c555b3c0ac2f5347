"""The portal and the API on a port of this machine, with the daemon beside them."""

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
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
from allmende.domain.training.code_archives import MOST_ARCHIVE_BYTES

# The daemon is a program of its own: nothing here imports it.
DAEMON_COMMAND = (sys.executable, "-c", "from allmende.daemon import main; main()")
# Its standard input is a pipe whose other end we hold: when we are gone, however we went, it ends.
DAEMON_BESIDE = (
    sys.executable,
    "-c",
    "from allmende.daemon import main; main(until_closed=0)",
)
SECONDS_TO_STOP = 15.0
SECONDS_BEFORE_RESTART = 1.0


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
) -> None:
    """Run the portal, the API and the daemon until Ctrl-C."""
    server = _listen(host, port, threads=threads)
    signal.signal(signal.SIGTERM, _stop_as_with_ctrl_c)
    with _daemon_beside() if with_daemon else _nothing_beside():
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


def _listen(host: str, port: int, *, threads: int) -> Any:
    try:
        return waitress.create_server(
            get_wsgi_application(),
            host=host,
            port=port,
            threads=threads,
            ident="allmende",
            # It receives a request whole before the portal sees it. What is a little too large
            # gets the portal's own page; what is far beyond is not even received.
            max_request_body_size=max(2 * settings.DOCUMENT_BYTES_MAX, 2 * MOST_ARCHIVE_BYTES),
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
def _nothing_beside() -> Iterator[None]:
    yield


@contextmanager
def _daemon_beside() -> Iterator[None]:
    """Keep a daemon running, begin another when it dies, and end it with us."""
    stopping = threading.Event()
    keeper = threading.Thread(target=_keep_daemon, args=(stopping,), daemon=True)
    keeper.start()
    try:
        yield
    finally:
        stopping.set()
        keeper.join(SECONDS_TO_STOP)


def _keep_daemon(stopping: threading.Event) -> None:
    while not stopping.is_set():
        # In a session of its own, Ctrl-C reaches it through us alone, once.
        process = subprocess.Popen(  # noqa: S603 - our own
            DAEMON_BESIDE, start_new_session=True, stdin=subprocess.PIPE
        )
        with process:
            while process.poll() is None and not stopping.wait(0.2):
                pass
            if process.poll() is None:
                _end(process)
        if not stopping.wait(SECONDS_BEFORE_RESTART):
            code = process.returncode
            say(Sentence("The daemon ended with code {code}; another begins.", {"code": code}))


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(SECONDS_TO_STOP - 5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
