"""A PostgreSQL server of our own for one test session: a temporary folder and a socket."""

import contextlib
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

SUPERUSER = "postgres"


def find_programs() -> Path | None:
    """Return the folder of `initdb` and `pg_ctl`, if PostgreSQL is installed."""
    on_path = shutil.which("initdb")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if on_path:
        found.append(Path(on_path).resolve())  # a link may lead to where the others are
    return found[-1].parent if found else None


def run_as_owner(*command: str) -> None:
    """Run a command; PostgreSQL refuses to run as root, so root borrows the server's user."""
    prefix = ["runuser", "-u", SUPERUSER, "--"] if os.geteuid() == 0 else []
    done = subprocess.run([*prefix, *command], capture_output=True, text=True, cwd="/")
    assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """Start a server, yield the address of an empty database on it, and stop it."""
    programs = find_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="allmende-pg-", dir="/tmp"))  # sockets need a short path
    if os.geteuid() == 0:
        shutil.chown(folder, SUPERUSER)
    data, log = folder / "data", folder / "server.log"
    run_as_owner(
        str(programs / "initdb"), "-D", str(data), "-U", SUPERUSER, "--auth=trust", "--no-sync"
    )
    # The server itself is never killed here, only its clients: it need not wait for the disk.
    options = f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=40"
    # Else it gives up after a minute, which a busy machine may take.
    control = (str(programs / "pg_ctl"), "-D", str(data), "-w", "-t", "300")
    run_as_owner(*control, "-l", str(log), "-o", options, "start")
    try:
        run_as_owner(str(programs / "createdb"), "-h", str(folder), "-U", SUPERUSER, "allmende")
        yield f"postgresql://{SUPERUSER}@/allmende?host={folder}"
    finally:
        run_as_owner(*control, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def empty_postgresql_url(postgresql_url: str) -> Iterator[str]:
    """Yield the address of a database without tables, and drop it afterwards."""
    name = f"trial_{secrets.token_hex(4)}"
    with psycopg.connect(postgresql_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        yield postgresql_url.replace("/allmende?", f"/{name}?")
        # Whoever is slow to go keeps it; then it goes with the server.
        with contextlib.suppress(psycopg.errors.ObjectInUse):
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")
