"""Ceilings of the machines' time, and what is left under each."""

from decimal import Decimal

from django.http import HttpRequest
from ninja import Router, Schema

from allmende.domain.access.ceilings import Contingent
from allmende.domain.basics.units import TimeUnit
from allmende.domain.trust.permissions import Permission
from allmende.services import ceilings
from allmende.web.api.permits import get_actor, takes
from allmende.web.api.shapes import Words
from allmende.wiring import now
from allmende.wiring.access_rules import load_access_rules

router = Router(tags=["ceilings"])


class CeilingOut(Schema):
    """How much of a share of a machine a kind of use may have in this year, and what is left."""

    rule: str
    name: Words
    partition_id: str
    access_share: str
    year: int
    unit: TimeUnit
    percent: Decimal
    share_seconds: int
    limit_seconds: int
    given_seconds: int
    left_seconds: int
    mode_ids: list[str]
    source: str


@router.get("", response=list[CeilingOut], **takes(Permission.SEE_FACTORY))
def list_ceilings(request: HttpRequest) -> list[Contingent]:
    """List the ceilings of every machine whose shares are known."""
    return ceilings.list_contingents(get_actor(request), rules=load_access_rules(), now=now())
