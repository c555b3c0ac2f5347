"""Doing what the database forbids, to see whether it is found."""

from django.db import connection

from allmende.storage import database
from allmende.storage.immutability import APPEND_ONLY_TABLES


def lift_triggers() -> None:
    """Take away the triggers that keep records immutable, as somebody with the file could."""
    with connection.cursor() as cursor:
        for table in APPEND_ONLY_TABLES:
            if database.is_postgresql():
                cursor.execute(f"DROP TRIGGER IF EXISTS {table}_append_only ON {table}")
                continue
            for verb in ("update", "delete"):
                cursor.execute(f"DROP TRIGGER IF EXISTS {table}_no_{verb}")
