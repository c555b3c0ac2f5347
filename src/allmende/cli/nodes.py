"""Nodes: what each does, and taking one out of service with a look at what that means."""

from dataclasses import fields
from typing import Annotated, Any

import typer

from allmende import wiring
from allmende.cli.acting import acting_deed, acting_person
from allmende.cli.output import AsJson, say, show
from allmende.domain.basics.sentences import Sentence
from allmende.services import drain_previews, drains
from allmende.services.drain_previews import DrainPreview

app = typer.Typer()


@app.command("list")
def list_nodes(partition: str, json: AsJson = False) -> None:
    """List the nodes of a partition: what each runs and until when, and why one is drained."""
    found = drains.list_nodes(
        acting_person(), partition, now=wiring.now(), workshop=wiring.workshop()
    )
    show(
        found,
        json=json,
        columns=("name", "state", "job_ids", "ends_by", "reason", "drained_at", "drained_by"),
    )


@app.command("drain")
def drain_node(
    partition: str,
    node: str,
    reason: Annotated[str, typer.Option(help="Why; other operators read it.")] = "",
    preview: Annotated[
        bool, typer.Option("--preview", help="Only say what it would mean.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Let a node finish what it runs and give it nothing new. Draining it again changes nothing."""
    workshop = wiring.workshop()
    if preview:
        seen = drain_previews.preview_drain(
            acting_person(), partition, node, now=wiring.now(), workshop=workshop
        )
        _show_preview(seen, json=json)
        return
    drain = drains.drain_node(acting_deed(), partition, node, reason=reason, workshop=workshop)
    if json:
        show(drain, json=True)
    else:
        say(Sentence("Node {node} finishes what it runs and gets nothing new.", {"node": node}))


@app.command("resume")
def resume_node(partition: str, node: str, json: AsJson = False) -> None:
    """Put a node back into service; one that is in service stays so."""
    drains.resume_node(acting_deed(), partition, node, workshop=wiring.workshop())
    if json:
        show({"partition_id": partition, "node": node, "is_drained": False}, json=True)
    else:
        say(Sentence("Node {node} is in service.", {"node": node}))


def _show_preview(seen: DrainPreview, *, json: bool) -> None:
    if json:
        show({**_fields(seen), "later": [_later(each) for each in seen.later]}, json=True)
        return
    for sentence in drain_previews.say_preview(seen):
        say(sentence)
    if seen.running:
        show(seen.running, columns=("job_id", "project_id", "ends_by"))
    if seen.reservations:
        show(seen.reservations, columns=("id", "kind", "nodes", "starts_at", "ends_at", "reason"))
    if seen.later:
        columns = ("job_id", "project_id", "before_at", "after_at", "later_seconds")
        show([_later(each) for each in seen.later], columns=columns)


def _later(each: drain_previews.LaterStart) -> dict[str, Any]:
    return {**_fields(each), "later_seconds": each.later_seconds}


def _fields(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}
