"""Mergers of organisations: recorded by the office."""

from datetime import date, datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import Field

from allmende.domain.access.mergers import REASON_MAX, Merger
from allmende.domain.trust.permissions import Permission
from allmende.services import mergers
from allmende.web.api.permits import begin_deed, get_actor, takes
from allmende.web.api.shapes import BodyId

router = Router(tags=["organisations"])


class MergerIn(Schema):
    """Who became part of whom, on which day, and how that is known."""

    organisation_id: BodyId
    into_id: BodyId
    on: date
    reason: Annotated[str, Field(pattern=r"^[^\x00]*$", max_length=4 * REASON_MAX)]


class MergerOut(Schema):
    """A merger; it stays."""

    organisation_id: str
    into_id: str
    on: date
    reason: str
    recorded_at: datetime


@router.get("", response=list[MergerOut], **takes(Permission.SEE_EVERY_ORGANISATION))
def list_mergers(request: HttpRequest) -> list[Merger]:
    """List the mergers of organisations, the latest first."""
    return [view.merger for view in mergers.list_mergers(get_actor(request))]


@router.post("", response={201: MergerOut}, **takes(Permission.MERGE_ORGANISATIONS))
def record_merger(request: HttpRequest, body: MergerIn) -> Status[Merger]:
    """Record that an organisation merged into another; the same once more changes nothing."""
    return Status(201, mergers.record_merger(begin_deed(request), **body.dict()))
