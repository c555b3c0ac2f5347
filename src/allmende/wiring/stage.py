"""The stage of the demo: a fresh home each time, and ids that follow from a seed."""

import contextlib
import fcntl
import json
import os
import random
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from allmende.backends.local import LocalBackend
from allmende.domain.basics.ids import IdMaker, render_id
from allmende.domain.basics.refusals import Refusal
from allmende.domain.scheduling.backends import EndReason
from allmende.wiring import home

MARKER = "demo.json"
LOCK = "demo.lock"
# How the lead of a demo is told from that of a daemon.
HOLDER = "demo:"
# What a demo leaves in its home. Environments and the secret key stay: they cost time, not truth.
REMAINS = ("allmende.sqlite3", "allmende.sqlite3-wal", "allmende.sqlite3-shm", "mail", "evidence")


class HomeIsInUse(Refusal):
    """{home} holds an installation that is no demo, and a demo would replace it. Choose another
    place: ALLMENDE_HOME=var/demo allmende demo"""


class HomeIsServed(Refusal):
    """A daemon works on the demo in {home}, and a new demo would take it from under its feet.
    Stop `make serve` there first, then try again; a daemon that was killed is forgotten after six
    seconds."""


class HomeIsPlayed(Refusal):
    """Another demo plays in {home}. Wait until it has ended, or choose another place:
    ALLMENDE_HOME=var/demo allmende demo"""


class DemoNeedsSqlite(Refusal):
    """The demo plays in a database of its own under {home}. Unset ALLMENDE_DATABASE_URL first."""


@contextlib.contextmanager
def alone_in_home() -> Iterator[None]:
    """Keep every other demo out of this home until the end, however this one ends.

    A home with a real installation is refused, never touched.
    """
    folder = home.home()
    if os.environ.get("ALLMENDE_DATABASE_URL"):
        raise DemoNeedsSqlite(home=str(folder))
    if (folder / "allmende.sqlite3").exists() and not (folder / MARKER).exists():
        raise HomeIsInUse(home=str(folder))
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise HomeIsPlayed(home=str(folder)) from error
    else:
        yield
    finally:
        os.close(descriptor)


def clear_home(*, seed: int) -> Path:
    """Make the home fresh for the demo that is alone in it.

    What an earlier one left running is ended, and its data are forgotten.
    """
    folder = home.home()
    if _is_served(folder / "allmende.sqlite3"):
        raise HomeIsServed(home=str(folder))
    (folder / MARKER).write_text(json.dumps({"seed": seed}))
    end_running(folder / "work")
    shutil.rmtree(folder / "work", ignore_errors=True)
    for name in REMAINS:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return folder


def _is_served(database: Path) -> bool:
    """Say whether a daemon holds the lead; Django is not ready yet, so the file is asked itself."""
    if not database.exists():
        return False
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
    # A demo that was killed left its lead, and cannot be alive: nobody else holds the lock.
    question = "SELECT 1 FROM lease WHERE expires_at > ? AND holder NOT LIKE ? || '%'"
    with (
        contextlib.suppress(sqlite3.Error),  # an unfinished or broken demo: nobody serves it
        contextlib.closing(sqlite3.connect(database)) as connection,
    ):
        return connection.execute(question, (now, HOLDER)).fetchone() is not None
    return False


def is_demo() -> bool:
    """Say whether this home holds a demo, with its well-known passwords."""
    return (home.home() / MARKER).exists()


def end_running(root: Path) -> None:
    """End every attempt that still runs below a work folder, with all its processes."""
    backend = LocalBackend(root)
    keys = [f"{each.parent.parent.name}.{each.name}" for each in root.glob("*/attempts/*")]
    # All are told before any is waited for: whoever loses patience meanwhile leaves nothing behind.
    for key in keys:
        with contextlib.suppress(Refusal):  # one spoilt its own folder
            # Also a runner on its way up, which has no lock yet to be found by, reads this.
            backend.stop(key, reason=EndReason.CANCELLED, grace_seconds=0)
    for key in keys:
        backend.fail_node(key)
        backend.observe([key])  # finds the dead node and ends what is left of its processes


def seeded_ids(seed: int) -> IdMaker:
    """Return ids that are the same for the same seed, so that a story can be told twice."""
    dice = random.Random(seed)  # noqa: S311 - the same story each time is the point

    def new_id(prefix: str) -> str:
        return render_id(prefix, dice.getrandbits(40))

    return new_id


def let_node_die(key: str) -> bool:
    """Let the virtual node of a running attempt die, as if its power had gone."""
    return LocalBackend(home.home() / "work").fail_node(key)
