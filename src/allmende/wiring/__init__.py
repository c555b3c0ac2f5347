"""Chooses the concrete parts, and alone reads settings, clock and dice.

Every entry point begins with `start()`; after that it may import services.
"""

import os
import secrets
from datetime import UTC, datetime

from allmende.domain.basics.ids import render_id


def start() -> None:
    """Make Django ready; safe to repeat. Call it before importing a service."""
    import django  # noqa: PLC0415 - importing it late keeps `allmende --help` quick

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "allmende.wiring.settings")
    django.setup()


def now() -> datetime:
    """Return this instant; the only clock of the project."""
    return datetime.now(UTC)


def new_id(prefix: str) -> str:
    """Return a new random id; the only dice of the project."""
    return render_id(prefix, secrets.randbits(40))
