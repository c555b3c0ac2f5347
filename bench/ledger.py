"""How fast the ledger books, beside bare inserts of the same rows in the same database.

One job is a hold, a post and a release of the rest: three transfers in two deeds. The service
checks permission, locks and moves balances, and writes an audit event for each deed; the bare
inserts do nothing but store the same rows, in transactions of the same size.
"""

import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

BATCH_JOBS = 1000
BATCHES = 8
SINGLE_JOBS = 300
TRANSFERS_PER_JOB = 3
HELD_SECONDS, USED_SECONDS = 3600, 1800
COLUMNS = (
    "id, kind, debit_account_id, credit_account_id, amount_seconds, at, reason, deed, hold_id, "
    "corrects_id"
)


@dataclass(frozen=True)
class Result:
    """Transfers per second through the service and bare, and what one costs of the other."""

    case: str
    database: str
    jobs: int
    transfers_per_second: int
    bare_inserts_per_second: int

    @property
    def ratio(self) -> float:
        return self.transfers_per_second / self.bare_inserts_per_second


def measure() -> list[Result]:
    """Run every case in the database of $ALLMENDE_DATABASE_URL, else in a new SQLite file."""
    with tempfile.TemporaryDirectory(prefix="allmende-bench-") as home:
        os.environ["ALLMENDE_HOME"] = home
        from allmende import wiring  # noqa: PLC0415 - the settings read the environment just set

        wiring.start()
        prepare()
        return [
            compare("one by one", jobs=SINGLE_JOBS, batch_jobs=1),
            compare(
                f"in batches of {BATCH_JOBS}", jobs=BATCHES * BATCH_JOBS, batch_jobs=BATCH_JOBS
            ),
        ]


def prepare() -> None:
    """Make the tables, a bare twin of the table of transfers, and a project with time."""
    from django.conf import settings  # noqa: PLC0415
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    settings.MIGRATION_MODULES = dict.fromkeys(
        path.rpartition(".")[2] for path in settings.INSTALLED_APPS
    )
    call_command("migrate", run_syncdb=True, verbosity=0)
    with connection.cursor() as cursor:
        for statement in twin_statements(cursor, connection.vendor):
            cursor.execute(statement)
    from allmende.domain.basics.units import TimeUnit  # noqa: PLC0415
    from allmende.services import allocations  # noqa: PLC0415

    share = {"partition_id": "werkbank", "access_share": "union", "mode_id": "playground"}
    unit, deed = TimeUnit.NODE_SECONDS, a_deed()
    allocations.open_pool(deed, **share, unit=unit, seconds=10**12)
    allocations.award_to_project(
        deed, award_id="aw-1", project_id="pr-1", **share, unit=unit, seconds=10**12
    )


def twin_statements(cursor: Any, vendor: str) -> list[str]:
    """Return the statements that make `bare_transfer` with the same columns and indexes."""
    if vendor == "postgresql":
        return ["CREATE TABLE bare_transfer (LIKE ledger_transfer INCLUDING ALL)"]
    cursor.execute(
        "SELECT sql FROM sqlite_master WHERE tbl_name = 'ledger_transfer' "
        "AND type IN ('table', 'index') AND sql IS NOT NULL ORDER BY type DESC"
    )
    return [re.sub(r'"ledger_transfer', '"bare_transfer', sql) for (sql,) in cursor.fetchall()]


def a_deed() -> Any:
    from allmende.domain.basics.people import DAEMON  # noqa: PLC0415
    from allmende.services.deeds import Deed  # noqa: PLC0415

    return Deed(actor=DAEMON, now=datetime.now(UTC), new_id=str)


def compare(case: str, *, jobs: int, batch_jobs: int) -> Result:
    """Book a batch through the service, insert the very same rows bare, and so on in turns.

    In turns, because whatever else the machine does then slows both alike.
    """
    from django.db import connection  # noqa: PLC0415

    booked_seconds = bare_seconds = 0.0
    for start in range(0, jobs, batch_jobs):
        ids = [f"{case}.{number}" for number in range(start, start + batch_jobs)]
        before = last_number()
        booked_seconds += timed(lambda ids=ids: book(ids))
        rows = read_rows(after=before)
        assert len(rows) == batch_jobs * TRANSFERS_PER_JOB
        holds, closings = rows[:batch_jobs], rows[batch_jobs:]
        bare_seconds += timed(lambda rows=holds: insert_bare(rows))
        bare_seconds += timed(lambda rows=closings: insert_bare(rows))
    return Result(
        case=case,
        database=connection.vendor,
        jobs=jobs,
        transfers_per_second=round(jobs * TRANSFERS_PER_JOB / booked_seconds),
        bare_inserts_per_second=round(jobs * TRANSFERS_PER_JOB / bare_seconds),
    )


def book(hold_ids: Sequence[str]) -> None:
    """Hold and settle jobs through the service: two deeds."""
    from allmende.domain.accounting.holds import HoldRequest, Settlement  # noqa: PLC0415
    from allmende.domain.basics.sentences import Sentence  # noqa: PLC0415
    from allmende.services import allocations  # noqa: PLC0415

    reasons = [Sentence("job {job}", {"job": hold_id}) for hold_id in hold_ids]
    allocations.hold_for_jobs(
        a_deed(),
        [
            HoldRequest(hold_id=hold_id, project_id="pr-1", seconds=HELD_SECONDS, reason=why)
            for hold_id, why in zip(hold_ids, reasons, strict=True)
        ],
    )
    allocations.settle_jobs(
        a_deed(),
        [
            Settlement(hold_id=hold_id, used_seconds=USED_SECONDS, reason=why)
            for hold_id, why in zip(hold_ids, reasons, strict=True)
        ],
    )


def insert_bare(rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert the rows in one transaction, and do nothing else."""
    from django.db import connection, transaction  # noqa: PLC0415

    marks = ", ".join(["%s"] * len(COLUMNS.split(",")))
    statement = f"INSERT INTO bare_transfer ({COLUMNS}) VALUES ({marks})"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(statement, rows)


def last_number() -> int:
    """Return the number of the last transfer."""
    from django.db import connection  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute("SELECT max(number) FROM ledger_transfer")
        return cursor.fetchone()[0]


def read_rows(*, after: int) -> list[tuple[Any, ...]]:
    """Return the rows of the ledger as they are stored, from one on."""
    from django.db import connection  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {COLUMNS} FROM ledger_transfer WHERE number > %s ORDER BY number", [after]
        )
        return cursor.fetchall()


def timed(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    """Print a table for people and one line of JSON for programs."""
    results = measure()
    table = Table("case", "database", "jobs", "transfers/s", "bare inserts/s", "ratio", box=None)
    for each in results:
        table.add_row(
            each.case,
            each.database,
            f"{each.jobs:,}",
            f"{each.transfers_per_second:,}",
            f"{each.bare_inserts_per_second:,}",
            f"{each.ratio:.2f}",
        )
    Console().print("Ledger: holds and settlements through the service", style="bold")
    Console().print(table)
    print(json.dumps([asdict(each) | {"ratio": round(each.ratio, 3)} for each in results]))


if __name__ == "__main__":
    main()
