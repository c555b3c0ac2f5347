"""A process that is killed while it adds a document, on a database and a shelf of its own.

`python -m tests.storage.document_trials add PLACE`: dies by SIGKILL at that place.
`python -m tests.storage.document_trials count DAYS`: sweeps as if so many days had passed, and
prints how many rows, files, and rows without their file there are.
"""

import json
import os
import signal
import sys
from datetime import timedelta

from allmende import wiring

wiring.start()

from django.conf import settings  # noqa: E402 - Django must have started
from django.core.management import call_command  # noqa: E402

from allmende.domain.access.documents import DocumentKind  # noqa: E402
from allmende.domain.basics.people import DAEMON, Person, Role  # noqa: E402
from allmende.services import audit, documents  # noqa: E402
from allmende.services.deeds import Deed  # noqa: E402
from allmende.storage import applications as application_store  # noqa: E402
from allmende.storage.document_files import Shelf  # noqa: E402
from allmende.storage.documents import DocumentRow  # noqa: E402
from allmende.wiring import home  # noqa: E402

ADA = Person(
    id="p-ada", name="Ada", roles=frozenset({Role.APPLICANT}), organisation_ids=frozenset({"o-1"})
)


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def make_shelf() -> Shelf:
    return Shelf(home.home() / "documents", judge=lambda path: 1, most_bytes=1000)


def set_up() -> None:
    """Make the tables and a draft, once."""
    labels = {path.rpartition(".")[2] for path in settings.INSTALLED_APPS}
    settings.MIGRATION_MODULES = dict.fromkeys(labels)
    call_command("migrate", run_syncdb=True, verbosity=0)
    deed = wiring.deed_of(ADA)
    draft = application_store.Application(
        id="app-1",
        call_id="call",
        organisation_id="o-1",
        applicant_id=ADA.id,
        started_at=deed.now,
        edited_at=deed.now,
    )
    application_store.save_application(draft)


def add(place: str) -> None:
    """Add a document, and die at a place on the way."""
    set_up()
    shelf = make_shelf()
    if place == "judging":
        shelf.judge = die
    elif place == "after the file":
        documents.store.add_document = die
    elif place == "after the row":
        audit.record = die
    with shelf.receive([b"proposal"]) as incoming:
        if place == "before the file":
            die()
        documents.add_document(
            wiring.deed_of(ADA),
            "app-1",
            kind=DocumentKind.PROPOSAL,
            name="proposal.pdf",
            incoming=incoming,
            shelf=shelf,
        )


def count(days: str) -> None:
    """Sweep after so many days, and print what is there."""
    shelf = make_shelf()
    deed = Deed(actor=DAEMON, now=wiring.now() + timedelta(days=int(days)), new_id=wiring.new_id)
    documents.remove_strays(deed, shelf=shelf)
    hashes = set(DocumentRow.objects.values_list("sha256", flat=True))
    files = {path.name for path in shelf.folder.rglob("*") if path.is_file()}
    seen = {"rows": len(hashes), "files": len(files), "lost": len(hashes - files)}
    sys.stdout.write(json.dumps(seen))


if __name__ == "__main__":
    {"add": add, "count": count}[sys.argv[1]](sys.argv[2])
