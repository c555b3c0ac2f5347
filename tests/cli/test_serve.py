"""`allmende serve`: the portal and the daemon come together and go together."""

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
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_for(condition, *, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.1)


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/sites") as response:
            return response.status == 200
    except OSError:
        return False


def test_serve_answers_keeps_a_daemon_and_takes_it_along(home, port):
    command = [sys.executable, "-m", "allmende", "serve", "--port", str(port)]
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
    assert not another.is_running() or another.status() == psutil.STATUS_ZOMBIE


def test_a_killed_serve_takes_its_daemon_along(home, port):
    command = [sys.executable, "-m", "allmende", "serve", "--port", str(port)]
    serving = subprocess.Popen(command, env=home, stdout=subprocess.DEVNULL)
    daemons = []
    try:
        wait_for(lambda: psutil.Process(serving.pid).children())
        daemons = psutil.Process(serving.pid).children()
        leads = Path(home["ALLMENDE_HOME"]) / "allmende.sqlite3"
        wait_for(lambda: holders(leads))
        serving.kill()
        serving.wait(60)
        wait_for(lambda: not daemons[0].is_running() or daemons[0].status() == "zombie", seconds=20)
        assert holders(leads) == []  # given back, so that the next one leads at once
    finally:
        serving.kill()
        serving.wait(60)
        for daemon in daemons:
            if daemon.is_running():
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
