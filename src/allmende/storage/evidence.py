"""Reading many tables as they were at one instant, without keeping anybody from writing."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from allmende.storage import database


@contextmanager
def one_snapshot() -> Iterator[None]:
    """Let all reads see one instant; nothing may be written inside.

    SQLite would take its write lock at BEGIN, as deeds need it; a reader that only reads does not.
    """
    if connection.in_atomic_block:
        yield
        return
    if database.is_postgresql():
        with database.transaction(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield
        return
    usual = connection.transaction_mode
    connection.transaction_mode = "DEFERRED"
    try:
        with database.transaction():
            yield
    finally:
        connection.transaction_mode = usual
