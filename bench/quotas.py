"""What quotas add to a heartbeat: the ledger is summed month by month for all projects that wait.

Only where a partition has a quota style; without one nothing is asked. The settlements lie evenly
over a year, as those of busy projects do.
"""

import json
import os
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console
from rich.table import Table

PROJECTS = (1, 10, 50)
SETTLEMENTS = 2000  # of each project
ROUNDS = 5
BEGINS = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Result:
    """How long the sums take, the best of a few rounds."""

    projects: int
    settlements: int
    seconds: float


def measure() -> list[Result]:
    """Ask for more and more projects in the database of $ALLMENDE_DATABASE_URL, else in SQLite."""
    with tempfile.TemporaryDirectory(prefix="allmende-bench-") as home:
        os.environ["ALLMENDE_HOME"] = home
        from allmende import wiring  # noqa: PLC0415 - the settings read the environment just set

        wiring.start()
        accounts = prepare()
        return [ask(accounts[:count]) for count in PROJECTS]


def prepare() -> list[Any]:
    """Make the tables, and projects that have used time all through the year."""
    from django.core.management import call_command  # noqa: PLC0415

    from allmende.domain.accounting.allocations import AccessShare  # noqa: PLC0415
    from allmende.domain.basics.units import TimeUnit  # noqa: PLC0415
    from allmende.storage import ledger  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    share = AccessShare(partition_id="werkbank", name="union", unit=TimeUnit.NODE_SECONDS)
    accounts = [share.accounts_of(f"prj-{number}") for number in range(max(PROJECTS))]
    ledger.open_accounts([each for owned in accounts for each in owned.list_all()])
    for owned in accounts:
        ledger.LedgerTransferRow.objects.bulk_create(
            [a_settlement(owned, number) for number in range(SETTLEMENTS)]
        )
    return accounts


def a_settlement(accounts: Any, number: int) -> Any:
    """Return a row as a job that ended leaves it."""
    from allmende.storage.ledger import LedgerTransferRow  # noqa: PLC0415

    hold_id = f"{accounts.project_id}.{number}"
    return LedgerTransferRow(
        id=f"post:{hold_id}",
        kind="post",
        debit_account_id=accounts.held.id,
        credit_account_id=accounts.consumed.id,
        amount_seconds=3600,
        at=BEGINS + timedelta(days=365) * number / SETTLEMENTS,
        reason="{}",
        deed="bench",
        hold_id=hold_id,
        corrects_id="",
    )


def ask(accounts: list[Any]) -> Result:
    """Sum what these projects used in each month, and list what they were given."""
    from allmende.storage import charges  # noqa: PLC0415

    months = [datetime(2026, month, 1, tzinfo=UTC) for month in range(2, 13)]
    seconds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        charges.list_grants(accounts)
        sums = charges.sum_used(accounts, months)
        seconds.append(time.perf_counter() - started)
    assert all(sum(each) == 3600 * SETTLEMENTS for each in sums.values())
    return Result(len(accounts), SETTLEMENTS * len(accounts), min(seconds))


def main() -> None:
    """Print a table for people and one line of JSON for programs."""
    results = measure()
    table = Table("projects that wait", "settlements", "ms", box=None)
    for each in results:
        row = (each.projects, each.settlements, f"{1e3 * each.seconds:,.1f}")
        table.add_row(*(f"{value:,}" if isinstance(value, int) else value for value in row))
    Console().print("Quotas: what they add to a heartbeat", style="bold")
    Console().print(table)
    print(json.dumps([asdict(each) for each in results]))


if __name__ == "__main__":
    main()
