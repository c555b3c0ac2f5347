"""Troubles of this machine are said as refusals; mistakes of ours are not."""

import errno

import pytest
from django.db import DatabaseError, IntegrityError, OperationalError

from allmende.wiring import troubles


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), troubles.DiskIsFull),
        (OSError(errno.EDQUOT, "Quota exceeded"), troubles.DiskIsFull),
        (OperationalError("database or disk is full"), troubles.DiskIsFull),
        (OperationalError("could not extend file: No space left on device"), troubles.DiskIsFull),
        (OperationalError("database is locked"), troubles.DatabaseIsBusy),
        (OperationalError("canceling statement due to lock timeout"), troubles.DatabaseIsBusy),
        (OperationalError("unable to open database file"), troubles.DatabaseIsOutOfReach),
        (OperationalError("connection refused"), troubles.DatabaseIsOutOfReach),
        (OperationalError("attempt to write a readonly database"), troubles.NotAllowedOnDisk),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), troubles.NotAllowedOnDisk),
        (OSError(errno.EIO, "Input/output error"), troubles.DiskDoesNotAnswer),
        (OSError(errno.ESTALE, "Stale file handle", "/x"), troubles.DiskDoesNotAnswer),
        (OSError(errno.EROFS, "Read-only file system", "/x"), troubles.NotAllowedOnDisk),
    ],
)
def test_a_trouble_of_the_machine_is_said_as_a_refusal(error, kind):
    refusal = troubles.explain(error)
    assert type(refusal) is kind
    assert refusal.status in (503, 507)
    assert str(refusal)


@pytest.mark.parametrize(
    "error",
    [ValueError("x"), OSError(errno.ENOENT, "x"), DatabaseError("syntax"), IntegrityError("x")],
)
def test_a_mistake_of_ours_is_no_trouble_of_the_machine(error):
    assert troubles.explain(error) is None
