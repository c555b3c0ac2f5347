"""The training planner."""

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from allmende import wiring
from allmende.domain.basics.units import TimeUnit
from allmende.domain.training.counts import GPUS_MAX, PARAMETERS_MAX, read_count
from allmende.domain.training.published_runs import Precision
from allmende.domain.trust.permissions import Permission
from allmende.services import planning
from allmende.services.planning import PlanQuestion
from allmende.web.api.permits import get_actor, takes
from allmende.web.api.shapes import Words
from allmende.web.api.sizes import MarkOut
from allmende.wiring.access_rules import load_access_rules
from allmende.wiring.planning import load_planning

router = Router(tags=["applications"])
Written = Annotated[str, Field(max_length=60, pattern=r"^[^\x00-\x1f\x7f]*$")]


class PlanIn(Schema):
    """What is trained, on what. Numbers as people write them: 70e9, 70B, 15T."""

    params: Written
    tokens: Written
    active_params: Written = ""
    gpu: Written = ""
    machine: Written = ""
    gpus: Written = ""
    precision: Precision = Precision.BF16

    def question(self) -> PlanQuestion:
        """Return the question as the planner takes it."""
        active = self.active_params
        return PlanQuestion(
            parameters=read_count("params", self.params, most=PARAMETERS_MAX),
            tokens=read_count("tokens", self.tokens),
            active_parameters=read_count("active_params", active) if active else None,
            precision=self.precision,
            gpu=self.gpu,
            machine=self.machine,
            gpus=read_count("gpus", self.gpus, most=GPUS_MAX) if self.gpus else None,
        )


class RangeOut(Schema):
    """An estimate; nine in ten published runs lay between low and high."""

    low: float
    expected: float
    high: float


class UtilisationOut(Schema):
    """Share of the peak over a whole run, and the runs that say so."""

    share: float
    spread: float
    families: list[str]
    is_borrowed: bool


class LayoutOut(Schema):
    """How the model is cut: tensor × pipeline × data GPUs."""

    tensor: int
    pipeline: int
    data: int
    expert: int
    recomputes: bool
    memory_gigabytes: float


class CheckpointOut(Schema):
    """How large a checkpoint is, and how often to write one."""

    gigabytes: float
    write_seconds: float
    seconds_between_failures: float
    every_seconds: float
    lost_share: float


class FittingModeOut(Schema):
    """An access mode that gives so much."""

    id: str
    names: dict[str, str]
    audience: dict[str, str]
    hours: float
    unit: TimeUnit
    holds_range: bool


class PlanOut(Schema):
    """The answer of the planner; these keys stay."""

    flop: int
    gpu_hours: RangeOut
    days: RangeOut
    energy_kwh: RangeOut
    cost_eur: RangeOut
    carbon_kg: RangeOut
    power_kw: RangeOut
    gpu: str
    machine: str | None
    gpus: int
    nodes: int
    utilisation: UtilisationOut
    parallelism: LayoutOut
    memory_gb_per_gpu: float
    checkpoint: CheckpointOut
    price_eur_per_gpu_hour: RangeOut
    price_source: str
    ai_act_marks: list[MarkOut]
    access_modes: list[FittingModeOut]
    assumptions: list[Words]


@router.get("/plan-training", response=PlanOut, **takes(Permission.SEE_FACTORY))
def plan_training(request: HttpRequest, asked: Query[PlanIn]) -> dict[str, Any]:
    """Say what a training takes: hours, days, memory, energy, cost, and what the AI Act says."""
    answer = planning.plan(
        get_actor(request),
        asked.question(),
        facts=load_planning(),
        rules=load_access_rules(),
        now=wiring.now(),
    )
    return planning.as_facts(answer)
