"""Chooses the concrete parts, and alone reads settings, clock and dice.

Every entry point begins with `start()`; after that it may import services.
"""

import gc
import os
import secrets
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from allmende.domain.basics.ids import render_id
from allmende.domain.basics.people import Person

if TYPE_CHECKING:
    from allmende.services.deeds import Deed
    from allmende.services.studio import Studio
    from allmende.services.workshop import Workshop

GARBAGE_THRESHOLD = 50_000  # objects that may come before the next look


def start() -> None:
    """Make Django ready; safe to repeat. Call it before importing a service."""
    import django  # noqa: PLC0415 - importing it late keeps `allmende --help` quick

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "allmende.wiring.settings")
    django.setup()
    # Looking for garbage again and again took a seventh of a deed that books a thousand holds.
    gc.set_threshold(GARBAGE_THRESHOLD)


def close_database() -> None:
    """Close this thread's connection; the next question opens another."""
    from django.db import connection  # noqa: PLC0415 - Django must be ready

    connection.close()


def now() -> datetime:
    """Return this instant; the only clock of the project."""
    return datetime.now(UTC)


def new_id(prefix: str) -> str:
    """Return a new random id; the only dice of the project."""
    return render_id(prefix, secrets.randbits(40))


def deed_of(person: Person) -> "Deed":
    """Return a deed of this person, at this instant."""
    from allmende.services.deeds import Deed  # noqa: PLC0415 - Django must be ready

    return Deed(actor=person, now=now(), new_id=new_id)


@cache
def workshop() -> "Workshop":
    """Return the concrete parts that run jobs: factory, blueprints, the local backend."""
    from allmende.wiring.assembly import build_workshop  # noqa: PLC0415 - Django must be ready

    return build_workshop()


@cache
def studio() -> "Studio":
    """Return the studio of this process: one thread that plays what-if questions."""
    from allmende.services.studio import Studio  # noqa: PLC0415 - Django must be ready

    return Studio()
