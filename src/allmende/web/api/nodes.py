"""Nodes: what each does, and taking one out of service."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from allmende import wiring
from allmende.domain.trust.permissions import Permission
from allmende.services import drain_previews, drains
from allmende.web.api.permits import begin_deed, get_actor, takes
from allmende.web.api.reservations import ReservationOut
from allmende.web.api.shapes import Line, PathId

router = Router(tags=["nodes"])


class NodeOut(Schema):
    """A node: idle, busy, draining, drained or down; its jobs, and until when they may take."""

    name: str
    state: str
    job_ids: list[str]
    ends_by: datetime | None
    reason: str
    drained_at: datetime | None
    drained_by: str


class JobThereOut(Schema):
    """A job on the node, which goes on to its end."""

    job_id: str
    project_id: str
    ends_by: datetime


class LaterStartOut(Schema):
    """A waiting job that would start later; an instant is null beyond 90 days."""

    job_id: str
    project_id: str
    before_at: datetime | None
    after_at: datetime | None
    later_seconds: int | None


class DrainPreviewOut(Schema):
    """What draining a node would mean; `later_jobs` is null where the cluster alone decides."""

    partition_id: str
    node: str
    nodes_left: int
    running: list[JobThereOut]
    free_from: datetime
    reservations: list[ReservationOut]
    waiting_jobs: int
    later_jobs: int | None
    later: list[LaterStartOut]


class DrainIn(Schema):
    """Why a node goes out of service; other operators read it."""

    reason: Line


class DrainOut(Schema):
    """A node that gets nothing new, from an instant on."""

    partition_id: str
    node: str
    reason: str
    drained_at: datetime
    drained_by: str


@router.get("/{partition_id}", response=list[NodeOut], **takes(Permission.MANAGE_NODES))
def list_nodes(request: HttpRequest, partition_id: PathId) -> Any:
    """List the nodes of a partition, what each runs, and why one is drained."""
    return drains.list_nodes(
        get_actor(request), partition_id, now=wiring.now(), workshop=wiring.workshop()
    )


@router.get(
    "/{partition_id}/{node}/preview", response=DrainPreviewOut, **takes(Permission.MANAGE_NODES)
)
def preview_drain(request: HttpRequest, partition_id: PathId, node: PathId) -> Any:
    """Say what draining a node would mean for jobs and reservations; nothing is changed."""
    return drain_previews.preview_drain(
        get_actor(request), partition_id, node, now=wiring.now(), workshop=wiring.workshop()
    )


@router.post("/{partition_id}/{node}/drain", response=DrainOut, **takes(Permission.MANAGE_NODES))
def drain_node(request: HttpRequest, partition_id: PathId, node: PathId, body: DrainIn) -> Any:
    """Let a node finish what it runs and give it nothing new. Again, it changes nothing."""
    return drains.drain_node(
        begin_deed(request), partition_id, node, reason=body.reason, workshop=wiring.workshop()
    )


@router.post(
    "/{partition_id}/{node}/resume", response={204: None}, **takes(Permission.MANAGE_NODES)
)
def resume_node(request: HttpRequest, partition_id: PathId, node: PathId) -> None:
    """Put a node back into service; one that is in service stays so."""
    drains.resume_node(begin_deed(request), partition_id, node, workshop=wiring.workshop())
