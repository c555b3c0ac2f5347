"""Slurm clusters: what ran there, whether all of it is charged, and what the policy says there."""

from typing import Annotated, Any

import typer

from allmende import wiring
from allmende.cli.acting import acting_person
from allmende.cli.output import AsJson, show
from allmende.services import usage_views
from allmende.services.usage_views import UsageLine
from allmende.wiring.factory import load_factory

app = typer.Typer()

Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many to show.")]


@app.command("usage")
def list_usage(
    site_id: str,
    findings: Annotated[
        bool, typer.Option("--findings", help="Only what could not be charged.")
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
        only_findings=findings,
        before=before,
        limit=limit,
    )
    if json:
        show(found, json=True)
    else:
        show([_row(line) for line in found.lines], empty="Nothing was read yet.")


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
