"""Where this installation keeps its data, and where its configuration lies."""

import os
import secrets
from pathlib import Path

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


def secret_key() -> str:
    """Return this installation's secret, made at first use and readable by its owner only."""
    path = home() / "secret.key"
    try:
        return path.read_text()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:  # another process made it a moment ago
        return path.read_text()
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(48))
    return path.read_text()
