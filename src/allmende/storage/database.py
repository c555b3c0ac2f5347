"""Transactions, and what SQLite and PostgreSQL need to behave alike."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

from django.db import DataError, IntegrityError, OperationalError, connection
from django.db import transaction as django_transaction

Result = TypeVar("Result")
TRIES = 5
FIRST_PAUSE_SECONDS = 0.1
# What one row comes to that does not fit; all other troubles of a database concern everything.
ROW_TROUBLES = (DataError, IntegrityError)
DEADLOCK_DETECTED = "40P01"  # PostgreSQL's SQLSTATE


def transaction() -> AbstractContextManager[None]:
    """Open a transaction, or a savepoint inside one. SQLite takes its write lock at once."""
    return django_transaction.atomic()


def run_whole(work: Callable[[], Result]) -> Result:
    """Run the work in a transaction: all of it happens, or nothing.

    Where two wait for each other, PostgreSQL ends one of them; that one is run again after a pause.
    """
    for number in range(1, TRIES + 1):
        try:
            with transaction():
                return work()
        except OperationalError as error:
            if number == TRIES or connection.in_atomic_block or not _is_deadlock(error):
                raise
        # Else it takes its rows again before the other woke up, and the two meet once more.
        time.sleep(number * FIRST_PAUSE_SECONDS)
    raise AssertionError("the last try returns or raises")


def _is_deadlock(error: OperationalError) -> bool:
    return getattr(error.__cause__, "sqlstate", "") == DEADLOCK_DETECTED


def lock_table(table: str) -> None:
    """Let nobody else write to a table before this transaction ends. SQLite locks it anyway."""
    if is_postgresql():
        with connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {connection.ops.quote_name(table)} IN EXCLUSIVE MODE")


def give_up_when_stalled(seconds: int) -> None:
    """Let PostgreSQL end this transaction, and free its locks, if we say nothing for so long.

    A process that was stopped, or whose host is gone, would else keep others waiting. SQLite is
    used by processes of one host, and cannot do it.
    """
    if is_postgresql():
        with connection.cursor() as cursor:
            milliseconds = str(1000 * seconds)
            cursor.execute(
                "SELECT set_config('idle_in_transaction_session_timeout', %s, true)",
                [milliseconds],
            )


def is_postgresql() -> bool:
    """Say whether rows can be locked one by one."""
    return connection.vendor == "postgresql"
