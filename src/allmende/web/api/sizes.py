"""The resource calculator."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field, FiniteFloat

from allmende import wiring
from allmende.domain.access.applications import Application
from allmende.domain.basics.units import TimeUnit
from allmende.domain.trust.permissions import Permission
from allmende.services import application_marks, sizes
from allmende.services.application_marks import MarkNotice
from allmende.services.sizes import SizeEstimate, SizeQuestion
from allmende.web.api.applications import ApplicationOut
from allmende.web.api.permits import begin_deed, get_actor, takes
from allmende.web.api.shapes import ID_PATTERN, PathId, Words
from allmende.wiring.access_rules import load_access_rules
from allmende.wiring.blueprints import load_trainings
from allmende.wiring.factory import load_factory

router = Router(tags=["applications"])
Id = Annotated[str, Field(pattern=r"^$|" + ID_PATTERN)]


class SizeIn(Schema):
    """What is trained, on what. A blueprint brings its operations, a machine its speed."""

    blueprint_id: Id = ""
    partition_id: Id = ""
    parameters: int | None = Field(default=None, ge=1, le=10**15)
    tokens: int | None = Field(default=None, ge=1, le=10**18)
    runs: int = Field(default=1, ge=1, le=10**6)
    devices: int = Field(default=1, ge=1, le=10**6)
    utilisation_percent: FiniteFloat = Field(default=30, gt=0.01, le=100)
    peak_teraflops: FiniteFloat | None = Field(default=None, gt=0.001, le=10**9)
    watts: FiniteFloat | None = Field(default=None, gt=0, le=10**6)

    def question(self) -> SizeQuestion:
        """Return the question as the calculator takes it."""
        exact = {
            name: None if value is None else Decimal(str(value))
            for name in ("utilisation_percent", "peak_teraflops", "watts")
            for value in [getattr(self, name)]
        }
        return SizeQuestion(**{**self.dict(), **exact})


class TrainingSizeOut(Schema):
    """Trainings of one size; `hours_each` by the clock of one, `device_hours` of all together."""

    flop: int | None
    runs: int
    devices: int
    hours_each: Decimal
    device_hours: Decimal
    device_seconds: int
    is_upper_bound: bool
    energy_joules: int | None
    energy_method: Words


class PriceOut(Schema):
    """The list price of an hour, and who says so."""

    cents_per_hour: int
    source: str


class MarkOut(Schema):
    """A mark of the AI Act: the rule, its day and who says so."""

    rule: str
    flop: int
    is_reached: bool
    sentence: Words
    source: str
    valid_from: date


class MarkNoticeOut(Schema):
    """A mark that an application passes: as planned, or only with all the hours it asks for."""

    mark: MarkOut
    flop: int
    is_planned: bool
    sentence: Words
    origin: Words


class SizeOut(Schema):
    """The answer of the calculator."""

    size: TrainingSizeOut
    unit: TimeUnit
    machine: str
    price: PriceOut
    cost_cents: int
    marks: list[MarkOut]


def _known() -> dict[str, Any]:
    return {
        "factory": load_factory(),
        "blueprints": load_trainings(),
        "rules": load_access_rules(),
    }


@router.get("/sizes", response=SizeOut, **takes(Permission.SEE_FACTORY))
def estimate_size(request: HttpRequest, asked: Query[SizeIn]) -> SizeEstimate:
    """Work out hours, energy and worth of a training, with the marks of the AI Act."""
    return sizes.estimate_size(get_actor(request), asked.question(), **_known(), now=wiring.now())


@router.post(
    "/applications/{application_id}/size",
    response=ApplicationOut,
    **takes(Permission.EDIT_APPLICATION),
)
def take_over_size(request: HttpRequest, application_id: PathId, body: SizeIn) -> Application:
    """Write the figures of the calculator into a draft; a plan of runs that is there stays."""
    return sizes.take_over(begin_deed(request), application_id, body.question(), **_known())


@router.get(
    "/applications/{application_id}/marks",
    response=list[MarkNoticeOut],
    **takes(Permission.SEE_APPLICATION),
)
def list_marks(request: HttpRequest, application_id: PathId) -> tuple[MarkNotice, ...]:
    """List the marks of the AI Act that its training passes, or could with the hours asked for."""
    return application_marks.list_notices(
        get_actor(request), application_id, **_known(), now=wiring.now()
    )
