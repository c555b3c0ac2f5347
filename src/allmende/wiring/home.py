"""Where this installation keeps its data, and where its configuration lies."""

import contextlib
import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path

DOCUMENT_MEGABYTES_MAX = 1_000
PROJECT = Path(__file__).resolve().parents[3]


def home() -> Path:
    """Return the data folder: $ALLMENDE_HOME, else `var` in the current folder."""
    return Path(os.environ.get("ALLMENDE_HOME", "var")).absolute()


def config_folder() -> Path:
    """Return the folder of factory.toml and rules/: $ALLMENDE_CONFIG, else the shipped one."""
    return Path(os.environ.get("ALLMENDE_CONFIG", PROJECT / "config")).absolute()


def blueprints_folder() -> Path:
    """Return the folder of the blueprints: $ALLMENDE_BLUEPRINTS, else the shipped one."""
    return Path(os.environ.get("ALLMENDE_BLUEPRINTS", PROJECT / "blueprints")).absolute()


def document_megabytes() -> int:
    """Return how large a document may be: $ALLMENDE_DOCUMENT_MEGABYTES, else 20."""
    given = os.environ.get("ALLMENDE_DOCUMENT_MEGABYTES", "20")
    if not given.isdecimal() or not 1 <= int(given) <= DOCUMENT_MEGABYTES_MAX:
        problem = f"ALLMENDE_DOCUMENT_MEGABYTES is {given!r}; write a whole number from 1 to "
        raise SystemExit(problem + f"{DOCUMENT_MEGABYTES_MAX}.")
    return int(given)


def secret_key() -> str:
    """Return this installation's secret, made at first use and readable by its owner only."""
    return read_or_make("secret.key", lambda: secrets.token_urlsafe(48))


def read_or_make(name: str, make: Callable[[], str]) -> str:
    """Return what a file of the home says, made at first use and readable by its owner only."""
    path = home() / name
    with contextlib.suppress(FileNotFoundError):
        return path.read_text()
    path.parent.mkdir(parents=True, exist_ok=True)
    # It gets its name once it is whole: another process that starts now must not read half of it.
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f"{name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(make())
        with contextlib.suppress(FileExistsError):  # another process was a moment quicker
            os.link(draft, path)
    finally:
        Path(draft).unlink()
    return path.read_text()
