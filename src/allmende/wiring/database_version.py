"""Whether this program and this database are of the same age."""

from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from allmende.domain.basics.refusals import Refusal


class DatabaseIsNewer(Refusal):
    """This database was written by a newer Allmende ({migration}). Install that version, or \
restore a backup."""

    status = 503


class DatabaseIsOlder(Refusal):
    """This database lacks {count} steps of this version. Run: allmende init."""

    status = 503


class NoDatabaseYet(Refusal):
    """There is no database here yet. Run: allmende init."""

    status = 503


def check_database() -> None:
    """Refuse a database that is missing, older or newer than this program."""
    loader = _loader()
    missing = set(loader.disk_migrations) - set(loader.applied_migrations)
    if missing and not loader.applied_migrations:
        raise NoDatabaseYet
    _check_not_newer(loader)
    if missing:
        raise DatabaseIsOlder(count=len(missing))


def bring_up_to_date() -> None:
    """Create the tables, or bring them to this version; a newer database is refused untouched."""
    _check_not_newer(_loader())
    call_command("migrate", interactive=False, verbosity=0)


def _check_not_newer(loader: MigrationLoader) -> None:
    known = set(loader.disk_migrations) | set(loader.replacements)
    newer = sorted(set(loader.applied_migrations) - known)
    if newer:
        raise DatabaseIsNewer(migration=".".join(newer[-1]))


def _loader() -> MigrationLoader:
    return MigrationLoader(connection, ignore_no_migrations=True)
