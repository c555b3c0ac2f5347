"""The resource calculator: from a blueprint or own figures to hours, days, energy and price."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from allmende.domain.access.aid import ReferencePrice, read_price
from allmende.domain.access.application_forms import check_size
from allmende.domain.access.applications import Application
from allmende.domain.access.calls import AccessRules, Call
from allmende.domain.access.modes import FormKind
from allmende.domain.access.working_days import day_of
from allmende.domain.basics.compute_marks import Mark, list_marks
from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Factory, Partition
from allmende.domain.basics.units import SECONDS_PER_HOUR, TimeUnit
from allmende.domain.training.blueprints import Blueprint, estimate_flop, find_blueprint
from allmende.domain.training.sizes import (
    FiguresMissing,
    TrainingSize,
    count_hours,
    count_training_flop,
    round_hours,
)
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import applications
from allmende.services.deeds import Deed
from allmende.storage import calls as call_store

# What published trainings on Hopper GPUs reached over their whole run, restarts and all; the
# planner computes it from config/published_runs.toml, and a test compares.
UTILISATION_PERCENT = Decimal(30)


@dataclass(frozen=True, kw_only=True)
class SizeQuestion:
    """What somebody wants to train, on what; empty or None is "not said"."""

    blueprint_id: str = ""
    partition_id: str = ""  # empty: a machine of their own, by its figures
    parameters: int | None = None
    tokens: int | None = None
    runs: int = 1
    devices: int = 1
    utilisation_percent: Decimal = UTILISATION_PERCENT
    peak_teraflops: Decimal | None = None  # of one device; None: as the machine says
    watts: Decimal | None = None  # of one device under load; None: as the machine says


@dataclass(frozen=True, kw_only=True)
class SizeEstimate:
    """The answer of the calculator."""

    size: TrainingSize
    unit: TimeUnit
    machine: str
    price: ReferencePrice
    marks: tuple[Mark, ...]

    @property
    def cost_cents(self) -> int:
        """Return what so much time is worth at the list price."""
        return self.price.worth_cents(self.size.device_seconds)


def estimate_size(
    reader: Person,
    question: SizeQuestion,
    *,
    factory: Factory,
    blueprints: Mapping[str, Blueprint],
    rules: AccessRules,
    now: datetime,
) -> SizeEstimate:
    """Work out how much it takes; `FiguresMissing` says what nobody said yet."""
    check_permission(reader, Permission.SEE_FACTORY)
    partition = factory.get_partition(question.partition_id) if question.partition_id else None
    unit = partition.unit if partition else TimeUnit.GPU_SECONDS
    size = _estimate(question, partition, blueprints)
    on = day_of(now)
    return SizeEstimate(
        size=size,
        unit=unit,
        machine=partition.name if partition else "",
        price=read_price(rules.book, on=on, partition_id=question.partition_id, unit=unit),
        marks=list_marks(size.flop, rules.book, on=on) if size.flop else (),
    )


def _estimate(
    question: SizeQuestion, partition: Partition | None, blueprints: Mapping[str, Blueprint]
) -> TrainingSize:
    flop = _count_flop(question, blueprints)
    peak = question.peak_teraflops or (partition and partition.peak_teraflops_per_device) or None
    limit = partition.max_time_limit_seconds if partition else 0
    if peak:
        hours = count_hours(
            flop,
            devices=question.devices,
            peak_teraflops=Decimal(str(peak)),
            utilisation_percent=question.utilisation_percent,
        )
    elif question.blueprint_id and limit:
        hours = round_hours(Decimal(limit) / SECONDS_PER_HOUR)
    else:
        raise FiguresMissing(what=Sentence("the speed of one device"))
    return TrainingSize(
        flop=flop,
        runs=question.runs,
        devices=question.devices,
        hours_each=hours,
        is_upper_bound=not peak,
        watts_per_device=question.watts or _watts_of(partition),
        pue=Decimal(str(partition.pue)) if partition else Decimal(1),
    )


def _count_flop(question: SizeQuestion, blueprints: Mapping[str, Blueprint]) -> int:
    if question.blueprint_id:
        return estimate_flop(find_blueprint(blueprints, question.blueprint_id), {})
    if question.parameters is None or question.tokens is None:
        raise FiguresMissing(what=Sentence("the number of parameters and of tokens"))
    return count_training_flop(question.parameters, question.tokens)


def _watts_of(partition: Partition | None) -> Decimal | None:
    if partition is None:
        return None
    watts = partition.watts_per_device or partition.worst_watts_per_node
    return Decimal(str(watts)) if watts else None


def prefill(application: Application, call: Call) -> SizeQuestion:
    """Return what an application says already."""
    form = application.form
    return SizeQuestion(
        blueprint_id=form.blueprint_id,
        partition_id=call.partition_id,
        parameters=form.model_parameters,
        tokens=form.training_tokens,
    )


def find_obstacle(application: Application, call: Call, estimate: SizeEstimate) -> Sentence | None:
    """Return why the call would not give that much, or None."""
    seconds = estimate.size.device_seconds
    try:
        check_size(replace(application.form, requested_seconds=seconds, unit=estimate.unit), call)
    except Refusal as refusal:
        return refusal.sentence
    return None


def take_over(
    deed: Deed,
    application_id: str,
    question: SizeQuestion,
    *,
    factory: Factory,
    blueprints: Mapping[str, Blueprint],
    rules: AccessRules,
) -> Application:
    """Write the figures of the calculator into a draft; a plan of runs that is there stays."""
    estimate = estimate_size(
        deed.actor, question, factory=factory, blueprints=blueprints, rules=rules, now=deed.now
    )
    application = applications.get_application(deed.actor, application_id)
    call = call_store.get_call(application.call_id)
    size = estimate.size
    changes: dict[str, object] = {
        "requested_hours": str(size.device_hours),
        "unit": estimate.unit,
        "blueprint_id": question.blueprint_id,
        "training_flop": size.flop,
    }
    if not question.blueprint_id:
        changes |= {"model_parameters": question.parameters, "training_tokens": question.tokens}
    if rules.get_mode_of(call).form is FormKind.FULL and not application.form.planned_runs:
        changes["planned_runs"] = [
            {
                "name": question.blueprint_id or "Training",
                "runs": size.runs,
                "devices": size.devices,
                "hours": str(size.hours_each),
            }
        ]
    return applications.edit_application(deed, application_id, changes=changes)
