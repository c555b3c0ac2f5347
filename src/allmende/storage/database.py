"""Transactions, and what SQLite and PostgreSQL need to behave alike."""

from contextlib import AbstractContextManager

from django.db import connection
from django.db import transaction as django_transaction


def transaction() -> AbstractContextManager[None]:
    """Open a transaction, or a savepoint inside one. SQLite takes its write lock at once."""
    return django_transaction.atomic()


def is_postgresql() -> bool:
    """Say whether rows can be locked one by one."""
    return connection.vendor == "postgresql"
