"""How fast a cluster's accounting becomes ledger, and whether memory stays flat while it does.

A composed cluster (`bench/usage_cases/cluster.py`) is read every six hours of its months: the text
of `sacct`, the reader with its pieces, the ledger, the database. Jobs are requeued, come in arrays,
run on while they are read, come late where slurmdbd was silent, and each reading repeats an hour of
the one before. In the end the ledger must be the plain sum, to the second, reconciling the last
month must leave nothing unexplained, and reading that month once more must move nothing.

Beside it, in the same process: parsing such text alone, and taking in records with a transaction
for each. Each size runs in a process of its own, whose peak of memory is what is told.

    python -m bench usage              # two sizes, two minutes
    python -m bench.usage 1000000      # others
"""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

SIZES = (10_000, 100_000)
AS_CHILD = "--child"


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one size took. What runs is told again and again: rows are more than records."""

    database: str
    records: int
    rows: int
    days: int
    readings: int
    seconds: float  # without what composing the answers took
    cpu_microseconds_per_record: int  # of Python and SQLite, whatever else the machine does
    records_per_second: int
    parsed_per_second: int  # rows, and nothing done with them
    alone_per_second: int  # records, a transaction for each
    start_megabytes: int
    peak_megabytes: int
    whole_peak_megabytes: int  # with reading the last month at once, twice, and reconciling it
    database_megabytes: int
    wrong_seconds: int  # between the ledger and the plain sum
    unexplained_seconds: int  # of the last month, by reconciling
    moved_again_seconds: int  # by reading the last month once more

    @property
    def times_alone(self) -> float:
        return self.records_per_second / self.alone_per_second

    @property
    def part_of_parsing(self) -> float:
        return self.records_per_second / self.parsed_per_second


def measure(records: int) -> Result:
    """Take in records in the database of $ALLMENDE_DATABASE_URL, else in a new SQLite file."""
    with tempfile.TemporaryDirectory(prefix="allmende-bench-") as home:
        os.environ["ALLMENDE_HOME"] = home
        from allmende import wiring  # noqa: PLC0415 - the settings read the environment just set

        wiring.start()
        from django.core.management import call_command  # noqa: PLC0415
        from django.db import connection  # noqa: PLC0415

        from bench.usage_cases.ingestion import ingest  # noqa: PLC0415

        call_command("migrate", verbosity=0)
        found = ingest(records)
        return Result(
            database=connection.vendor,
            records=records,
            database_megabytes=count_bytes(home) // 2**20,
            **found,
        )


def count_bytes(home: str) -> int:
    """Return how large the database is."""
    from django.db import connection  # noqa: PLC0415

    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_database_size(current_database())")
            return cursor.fetchone()[0]
    return sum(each.stat().st_size for each in Path(home).rglob("*") if each.is_file())


def measure_apart(records: int) -> Result:
    """Measure one size in a process of its own, so that its peak of memory is its own."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.usage", AS_CHILD, str(records)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return Result(**json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Print a table for people and one line of JSON for programs."""
    if AS_CHILD in sys.argv:
        print(json.dumps(asdict(measure(int(sys.argv[-1])))))
        return
    results = [measure_apart(int(size)) for size in sys.argv[1:] or SIZES]
    table = Table(
        *(
            "database",
            "records",
            "days",
            "records/s",
            "CPU µs each",
            "÷ one by one",
            "÷ parsing alone",
        ),
        *("peak MiB", "at start", "on disk", "wrong s"),
        box=None,
    )
    for each in results:
        table.add_row(
            each.database,
            f"{each.records:,}",
            str(each.days),
            f"{each.records_per_second:,}",
            str(each.cpu_microseconds_per_record),
            f"{each.times_alone:.1f}",
            f"{each.part_of_parsing:.2f}",
            str(each.peak_megabytes),
            str(each.start_megabytes),
            str(each.database_megabytes),
            str(each.wrong_seconds + each.unexplained_seconds + each.moved_again_seconds),
        )
    Console().print("Metering: what sacct says becomes ledger, once", style="bold")
    Console().print(table)
    print(json.dumps([asdict(each) for each in results]))


if __name__ == "__main__":
    main()
