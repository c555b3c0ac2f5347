"""Where the machines stand, and how busy they are."""

from dataclasses import fields
from typing import Any

import typer

from allmende.cli.acting import acting_person
from allmende.cli.output import AsJson, show
from allmende.domain.basics.sites import Partition
from allmende.services import sites
from allmende.services.sites import PartitionLoad, SiteView
from allmende.wiring.factory import load_factory

app = typer.Typer()

COLUMNS = ("site", "partition", "id", "status", "nodes", "busy_nodes", "drained_nodes",
           "running_jobs", "pending_jobs", "hardware")  # fmt: skip


@app.command("list")
def list_sites(json: AsJson = False) -> None:
    """List the sites and their partitions, with the load of those that run jobs from here."""
    found = sites.list_sites(acting_person(), factory=load_factory())
    if json:
        show(found, json=True)
    else:
        show([row for view in found for row in _rows(view)], columns=COLUMNS)


@app.command("show")
def show_site(site_id: str, json: AsJson = False) -> None:
    """Show one site."""
    view = sites.get_site(acting_person(), site_id, factory=load_factory())
    if json:
        show(view, json=True)
    else:
        show(view.site, columns=("id", "name", "hosting_entity", "country", "focus"))
        show(_rows(view), columns=COLUMNS[1:])


def _rows(view: SiteView) -> list[dict[str, Any]]:
    loads = {load.partition.id: load for load in view.loads}
    return [
        {"site": view.site.name, "partition": partition.name}
        | _facts(partition)
        | _facts(loads.get(partition.id))
        for partition in view.site.partitions
    ]


def _facts(value: Partition | PartitionLoad | None) -> dict[str, Any]:
    return (
        {}
        if value is None
        else {f.name: getattr(value, f.name) for f in fields(value) if f.name != "partition"}
    )
