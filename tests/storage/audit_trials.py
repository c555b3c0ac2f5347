"""Clients in processes of their own that append to one chain at the same time.

Run as a program: `python -m tests.storage.audit_trials race 50`. It prints what it saw as JSON.
"""

import json
import multiprocessing
import sys
from datetime import UTC, datetime

from allmende import wiring

wiring.start()

from django.conf import settings  # noqa: E402 - Django must have started
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from allmende.domain.basics.people import DAEMON, Person, Role  # noqa: E402
from allmende.services import audit  # noqa: E402
from allmende.services.deeds import Deed, one_transaction  # noqa: E402
from allmende.storage import audit as store  # noqa: E402
from allmende.storage.evidence import one_snapshot  # noqa: E402

CLIENTS = 4
AUDITOR = Person(id="p-auditor", name="A", roles=frozenset({Role.AUDITOR}))
DEED = Deed(
    actor=DAEMON, now=datetime(2026, 11, 22, tzinfo=UTC), new_id=lambda prefix: f"{prefix}-1"
)


class ChangedItsMind(Exception):
    """A deed that fails after it has recorded its event."""


@one_transaction
def act(deed: Deed, *, subject: str, is_failing: bool) -> None:
    audit.record(deed, action="trial.done", subject=subject)
    if is_failing:
        raise ChangedItsMind


def append(client: int, events: int, gate) -> None:
    """Append events, every fifth of them in a deed that fails."""
    gate.wait(timeout=60)
    for number in range(events):
        try:
            act(DEED, subject=f"{client}.{number}", is_failing=number % 5 == 4)
        except ChangedItsMind:
            continue


def make_tables() -> None:
    labels = {path.rpartition(".")[2] for path in settings.INSTALLED_APPS}
    settings.MIGRATION_MODULES = dict.fromkeys(labels)
    call_command("migrate", run_syncdb=True, verbosity=0)
    connection.close()


def read(events: int) -> dict:
    """Read the chain again and again in one snapshot, while somebody else appends to it."""
    make_tables()
    act(DEED, subject="before", is_failing=False)
    seen = []
    with one_snapshot():
        seen.append(len(store.list_events()))
        gate = multiprocessing.get_context("spawn").Barrier(1)
        writer = multiprocessing.get_context("spawn").Process(target=append, args=(0, events, gate))
        writer.start()
        writer.join(timeout=300)  # whoever only reads does not keep it waiting
        seen.append(len(store.list_events(limit=events)))
    return {"seen": seen, "exit": writer.exitcode, "after": len(store.list_events())}


def race(events: int) -> dict:
    """Let clients append at the same time."""
    make_tables()
    gate = multiprocessing.Barrier(CLIENTS)
    clients = [
        multiprocessing.Process(target=append, args=(number, events, gate))
        for number in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    found = store.list_events(limit=CLIENTS * events)
    return {
        "exits": [client.exitcode for client in clients],
        "events": len(found),
        "subjects": len({event.subject for event in found}),
        "findings": [str(finding.problem) for finding in audit.check_audit(AUDITOR)],
    }


if __name__ == "__main__":
    trial = {"race": race, "read": read}[sys.argv[1]]
    sys.stdout.write(json.dumps(trial(int(sys.argv[2]))))
