"""What ran on a Slurm cluster, and whether all of it is charged."""

from datetime import datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from allmende import wiring
from allmende.cli.acting import acting_person
from allmende.cli.exits import ExitCode
from allmende.cli.output import AsJson, say, show
from allmende.domain.accounting.reconciliations import Reconciliation
from allmende.domain.accounting.usage import FINDINGS
from allmende.domain.basics.people import DAEMON
from allmende.domain.basics.periods import Period
from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import HERE
from allmende.services import reconciliations, usage_collecting, usage_views
from allmende.services.usage_views import UsageLine
from allmende.wiring.clusters import usage_reader
from allmende.wiring.factory import load_factory

FIRST_YEAR, LAST_YEAR = 2002, 3000  # Slurm is not older
Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many to show.")]


def list_usage(
    site_id: str,
    findings: Annotated[
        bool, typer.Option("--findings", help="Only what could not be charged.")
    ] = False,
    project: Annotated[str, typer.Option(help="Only what this project used.")] = "",
    foreign: Annotated[
        bool, typer.Option("--foreign", help="Only what users gave the cluster with plain sbatch.")
    ] = False,
    before: Annotated[int, typer.Option(help="Begin after the record with this number.")] = 0,
    limit: Limit = 100,
    json: AsJson = False,
) -> None:
    """List what ran on a site's cluster, those records first that came last."""
    found = usage_views.list_site_usage(
        acting_person(),
        site_id,
        factory=load_factory(),
        now=wiring.now(),
        project_id=project,
        states=FINDINGS if findings else (),
        only_foreign=foreign,
        before=before,
        limit=limit,
    )
    if json:
        show(found, json=True)
    else:
        show([_row(line) for line in found.lines], empty=Sentence("Nothing was read yet."))


def collect_usage(
    site_id: str,
    begin: Annotated[
        str, typer.Option("--from", help="Read from this instant on; else as far as needed.")
    ] = "",
    json: AsJson = False,
) -> None:
    """Read what a site's cluster accounted for, and charge it. The daemon does so by itself."""
    site = usage_collecting.get_site(load_factory(), site_id)
    deed = wiring.deed_of(DAEMON)  # whoever may run the daemon here may let it do an errand
    since = _instant(begin) if begin else None
    found = usage_collecting.collect(deed, site, reader=usage_reader(site), since=since)
    if json:
        show(found, json=True)
        return
    say(
        Sentence(
            "{records} records read, {new} of them new, {changed} changed.",
            {"records": found.came.records, "new": found.came.new, "changed": found.came.changed},
        )
    )
    if not found.is_complete:
        say(Sentence("The cluster has not told its accounting everything yet; it is read again."))


def reconcile_usage(
    site_id: str,
    begin: Annotated[
        str, typer.Option("--from", help="What ended from this day or instant on; else 31 days.")
    ] = "",
    end: Annotated[str, typer.Option("--to", help="And before this one; else until now.")] = "",
    json: AsJson = False,
) -> None:
    """Compare a cluster's accounting with the ledger. Exit code 1 if a second is unexplained."""
    site, now = usage_collecting.get_site(load_factory(), site_id), wiring.now()
    ends_at = min(_instant(end), now) if end else now
    starts_at = _instant(begin) if begin else ends_at - timedelta(days=31)
    if starts_at > ends_at:
        raise InvalidInput(field="--from", problem=Sentence("It is after the end."))
    found = reconciliations.reconcile(
        acting_person(),
        site,
        period=Period(starts_at=starts_at, ends_at=ends_at),
        now=now,
        accounting=usage_reader(site),
    )
    if json:
        facts = {"unexplained_seconds": found.unexplained_seconds, "totals": found.totals}
        show({**facts, **vars(found)}, json=True)
    else:
        _show_reconciliation(found)
    if found.unexplained_seconds:
        raise typer.Exit(ExitCode.REFUSED)


def _show_reconciliation(found: Reconciliation) -> None:
    rows = [
        {
            "account": line.account,
            "partition": line.partition,
            "unit": line.unit,
            "runs": line.runs,
            "slurm_seconds": line.slurm_seconds,
            "ledger_seconds": line.ledger_seconds,
            "because": ", ".join(f"{cause} {n}" for cause, n in sorted(line.causes.items()) if n),
            "unexplained": line.unexplained_seconds,
        }
        for line in found.lines
    ]
    show(rows, empty=Sentence("Nothing ran in this time."))
    if gaps := [gap for gap in found.gaps if gap.unexplained_seconds]:
        show(gaps)
    say(
        Sentence(
            "{cluster}: {seconds} s of difference are unexplained.",
            {"cluster": found.cluster, "seconds": found.unexplained_seconds},
        )
    )


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or not FIRST_YEAR <= at.year < LAST_YEAR:
        problem = Sentence("Write a day or an instant such as 2026-11-01 or 2026-11-01T12:00Z.")
        raise InvalidInput(field="instant", problem=problem)
    return at if at.tzinfo else at.replace(tzinfo=ZoneInfo(HERE))


def _row(line: UsageLine) -> dict[str, Any]:
    record = line.usage.record
    return {
        "number": line.usage.number,
        "job": record.job_id,
        "account": record.account,
        "user": record.user_name,
        "state": line.usage.state,
        "in Slurm": record.state,
        "started_at": record.started_at,
        "seconds": line.so_far_seconds,
        "charged_seconds": line.usage.booked_seconds,
        "attempt": line.usage.attempt_key,
    }
