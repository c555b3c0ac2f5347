"""Troubles of this machine, said as refusals: a full disk, a busy port, a locked database."""

import errno
import shutil

from django.db import DatabaseError

from allmende.domain.basics.refusals import Refusal
from allmende.wiring.home import home

# SQLite makes 32 KiB of shared memory, a file, when the first process opens the database.
NO_ROOM_FOR_SHARED_MEMORY = "SQLITE_IOERR_SHMSIZE"
LEAST_FREE_BYTES = 64 * 1024


class DiskIsFull(Refusal):
    """The disk is full, so nothing was changed. Make room under {folder}, then try again."""

    status = 507


class DiskDoesNotAnswer(Refusal):
    """The disk did not answer ({problem}), so nobody knows what is on it. Try again; where that
    does not help, whoever operates the machine has to look at it."""

    status = 503


class DatabaseIsBusy(Refusal):
    """The database was busy for too long, so nothing was changed. Try again."""

    status = 503


class DatabaseIsOutOfReach(Refusal):
    """The database cannot be reached: {problem}. Check ALLMENDE_DATABASE_URL, then try again."""

    status = 503


class NotAllowedOnDisk(Refusal):
    """This user may not write {file}. Choose another folder with ALLMENDE_HOME."""

    status = 503


def explain(error: Exception) -> Refusal | None:
    """Return the refusal for a trouble of this machine, None for a mistake of ours."""

    text = str(error).lower()
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskIsFull(folder=str(home()))
    if isinstance(error, OSError) and error.errno in (errno.EIO, errno.ESTALE):
        return DiskDoesNotAnswer(problem=str(error.strerror))
    if isinstance(error, PermissionError | OSError) and getattr(error, "errno", 0) in (
        errno.EACCES,
        errno.EROFS,
    ):
        return NotAllowedOnDisk(file=str(error.filename or home()))
    if isinstance(error, DatabaseError):
        if _is_for_want_of_room(error):
            return DiskIsFull(folder=str(home()))
        return _explain_database(text, folder=str(home()))
    return None


def _is_for_want_of_room(error: DatabaseError) -> bool:
    """Say whether a full disk is behind it, also where the database has another word for that."""
    text = str(error).lower()
    if "disk is full" in text or "no space left" in text:
        return True
    if getattr(error.__cause__, "sqlite_errorname", "") == NO_ROOM_FOR_SHARED_MEMORY:
        return True
    # SQLite's words where it cannot make a file beside the database.
    if "disk i/o error" not in text and "unable to open" not in text:
        return False
    try:
        return shutil.disk_usage(home()).free < LEAST_FREE_BYTES
    except OSError:
        return False


def _explain_database(text: str, *, folder: str) -> Refusal | None:
    if "is locked" in text or "lock timeout" in text:
        return DatabaseIsBusy()
    if "unable to open" in text or "connection" in text:
        return DatabaseIsOutOfReach(problem=text.splitlines()[0])
    if "readonly" in text:
        return NotAllowedOnDisk(file=folder)
    return None
