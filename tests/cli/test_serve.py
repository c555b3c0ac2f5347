"""`allmende serve`: the portal and the daemon come together and go together."""

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

from allmende.backends.jobs.ports import find_free_port
from allmende.cli import serve
from allmende.cli.serve import LARGEST_FILES_BYTES
from allmende.domain.training.code_archives import MOST_PACKED_BYTES
from allmende.web.uploads import FORM_BYTES

pytestmark = pytest.mark.slow


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    env = {**os.environ, "ALLMENDE_HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path)}
    env.pop("ALLMENDE_DATABASE_URL", None)
    env["ALLMENDE_LANGUAGE"] = "en"
    subprocess.run([sys.executable, "-m", "allmende", "init"], env=env, check=True)
    return env


@pytest.fixture
def port() -> int:
    return find_free_port()


def wait_for(condition, *, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.1)


def has_ended(process: psutil.Process) -> bool:
    """Say whether it has: whoever is to bury it may not have done so yet, or just does."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/sites") as response:
            return response.status == 200
    except OSError:
        return False


def test_serve_answers_keeps_a_daemon_and_takes_it_along(home, port):
    command = [sys.executable, "-m", "allmende", "serve", "--no-gate", "--port", str(port)]
    serving = subprocess.Popen(command, env=home, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: answers(port))
        wait_for(lambda: psutil.Process(serving.pid).children())
        (daemon,) = psutil.Process(serving.pid).children()

        second = subprocess.run(command, env=home, capture_output=True, text=True, check=False)
        assert second.returncode == 5
        assert second.stderr == (
            f"Port {port} on 127.0.0.1 is in use. Stop what runs there, "
            "or choose another with --port.\n"
        )

        daemon.send_signal(signal.SIGKILL)
        wait_for(
            lambda: any(child.pid != daemon.pid for child in psutil.Process(serving.pid).children())
        )
        (another,) = [c for c in psutil.Process(serving.pid).children() if c.pid != daemon.pid]
    finally:
        serving.send_signal(signal.SIGTERM)
        code = serving.wait(60)
    assert code == 0
    wait_for(lambda: has_ended(another))


def test_a_killed_serve_takes_its_daemon_along(home, port):
    command = [sys.executable, "-m", "allmende", "serve", "--no-gate", "--port", str(port)]
    serving = subprocess.Popen(command, env=home, stdout=subprocess.DEVNULL)
    daemons = []
    try:
        wait_for(lambda: psutil.Process(serving.pid).children())
        daemons = psutil.Process(serving.pid).children()
        leads = Path(home["ALLMENDE_HOME"]) / "allmende.sqlite3"
        wait_for(lambda: holders(leads))
        serving.kill()
        serving.wait(60)
        wait_for(lambda: has_ended(daemons[0]))
        assert holders(leads) == []  # given back, so that the next one leads at once
    finally:
        serving.kill()
        serving.wait(60)
        for daemon in daemons:
            with contextlib.suppress(psutil.NoSuchProcess):
                daemon.kill()


def holders(database: Path) -> list[tuple[str]]:
    with sqlite3.connect(database, timeout=30) as connection:
        return connection.execute("SELECT holder FROM lease").fetchall()


def test_a_host_of_elsewhere_is_refused(home, port):
    command = [
        sys.executable,
        "-m",
        "allmende",
        "serve",
        "--host",
        "192.0.2.1",
        "--port",
        str(port),
    ]
    refused = subprocess.run(command, env=home, capture_output=True, text=True, check=False)
    assert refused.returncode == 5
    assert refused.stderr.startswith("192.0.2.1 is no address of this machine.")


@pytest.mark.parametrize("document_bytes", [1_000_000, 300_000_000])
def test_no_more_is_received_than_the_largest_upload_takes(settings, document_bytes):
    settings.DOCUMENT_BYTES_MAX = document_bytes
    server = serve._listen("127.0.0.1", 0, threads=1)
    most, largest = server.adj.max_request_body_size, max(MOST_PACKED_BYTES, document_bytes)
    server.close()
    # Within it also lies what is a little too large, and is told so by a page of the portal.
    assert largest + 2 * FORM_BYTES <= most <= largest + 5_000_000


def test_two_gigabytes_are_refused_while_they_come(home, port, tmp_path):
    home = {**home, "ALLMENDE_DOCUMENT_MEGABYTES": "1", "TMPDIR": str(tmp_path)}
    command = [
        sys.executable,
        "-m",
        "allmende",
        "serve",
        "--no-daemon",
        "--no-gate",
        "--port",
        str(port),
    ]
    serving = subprocess.Popen(command, env=home, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: answers(port))
        before = psutil.Process(serving.pid).memory_info().rss
        told, sent = send(port, b"Content-Length: 2000000000")
        assert b" 413 " in told
        assert sent < LARGEST_FILES_BYTES + 10_000_000  # what is taken, the line and both ends
        told, sent = send(port, b"Transfer-Encoding: chunked")
        assert sent < LARGEST_FILES_BYTES + 10_000_000
        assert psutil.Process(serving.pid).memory_info().rss - before < 50_000_000
        wait_for(lambda: answers(port))
    finally:
        serving.send_signal(signal.SIGTERM)
        serving.wait(60)


def send(port: int, size: bytes) -> tuple[bytes, int]:
    """Send two gigabytes until the other end has had enough; return its words and how much."""
    chunk = b"0" * 65_536
    framed = b"10000\r\n%b\r\n" % chunk if b"chunked" in size else chunk
    head = b"POST /api/v1/applications/app-1/documents?name=a.pdf HTTP/1.1\r\nHost: localhost\r\n"
    sent = 0
    with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
        line.sendall(head + size + b"\r\nContent-Type: application/pdf\r\n\r\n")
        try:
            while sent < 2_000_000_000:
                line.sendall(framed)
                sent += len(chunk)
        except OSError:
            pass
        try:
            return line.recv(65_536), sent
        except OSError:
            return b"", sent
