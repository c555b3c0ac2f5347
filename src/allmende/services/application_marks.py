"""Which marks of the AI Act an application may pass: told while it is written, and to the award."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from allmende.domain.access.application_forms import ApplicationForm
from allmende.domain.access.applications import Application
from allmende.domain.access.calls import AccessRules, Call
from allmende.domain.access.sections.model import TRAININGS, Workflow
from allmende.domain.access.working_days import day_of
from allmende.domain.basics.compute_marks import MODIFIER, Mark, list_marks
from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import NotFound
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Factory, Partition
from allmende.domain.basics.units import TimeUnit
from allmende.domain.training.blueprints import Blueprint, estimate_flop, find_blueprint
from allmende.domain.training.sizes import HUNDRED_PERCENT, TERA, count_training_flop
from allmende.services import applications
from allmende.storage import calls as call_store

# More than half of a machine's peak no published training has kept up over its whole run
# (docs/reference/published-runs.md); a test compares.
MOST_UTILISATION_PERCENT = 52


@dataclass(frozen=True, kw_only=True)
class MarkNotice:
    """A mark that the training of an application passes, or could pass with the hours it asks."""

    mark: Mark
    flop: int
    is_planned: bool  # by the answers; False: nobody plans it, and the hours would be enough
    sentence: Sentence
    origin: Sentence  # who says so, and since when


def list_notices(
    reader: Person,
    application_id: str,
    *,
    factory: Factory,
    blueprints: Mapping[str, Blueprint],
    rules: AccessRules,
    now: datetime,
) -> tuple[MarkNotice, ...]:
    """Return what the AI Act says to an application that the reader may see."""
    application = applications.get_application(reader, application_id)
    return foresee_marks(application, factory=factory, blueprints=blueprints, rules=rules, now=now)


def foresee_marks(
    application: Application,
    *,
    factory: Factory,
    blueprints: Mapping[str, Blueprint],
    rules: AccessRules,
    now: datetime,
) -> tuple[MarkNotice, ...]:
    """Return the marks that an application passes, the lowest first, by the rules of its day.

    That is the day of its submission, for a draft today. Where the answers do not pass a mark,
    the hours count: what nobody plans may still be trained with them. Who only infers or prepares
    data passes none, and who only trains from scratch trains no model of others further.
    """
    form, frozen = application.form, application.frozen
    call = frozen.call if frozen else call_store.get_call(application.call_id)
    if form.workflows and not TRAININGS & set(form.workflows):
        return ()
    planned = _count_planned(form, blueprints)
    possible = _count_possible(form, call, factory)
    book, on = rules.book, day_of(application.submitted_at or now)
    marks = list_marks(max(planned, possible), book, on=on)
    from_scratch = set(form.workflows) & TRAININGS == {Workflow.TRAINING}
    return tuple(
        _say(mark, planned=planned, possible=possible)
        for mark in marks
        if mark.is_reached and not (from_scratch and mark.rule == MODIFIER)
    )


def _say(mark: Mark, *, planned: int, possible: int) -> MarkNotice:
    is_planned = planned > mark.flop
    flop = planned if is_planned else possible
    say = mark.say_passed if is_planned else mark.say_possible
    return MarkNotice(
        mark=mark,
        flop=flop,
        is_planned=is_planned,
        sentence=say(flop),
        origin=mark.say_source(),
    )


def _count_planned(form: ApplicationForm, blueprints: Mapping[str, Blueprint]) -> int:
    """Return the operations of one training by the answers, 0 where they do not say."""
    if form.training_flop:
        return form.training_flop
    if form.model_parameters and form.training_tokens:
        return count_training_flop(form.model_parameters, form.training_tokens)
    if not form.blueprint_id:
        return 0
    try:
        return estimate_flop(find_blueprint(blueprints, form.blueprint_id), {})
    except NotFound:  # of a blueprint that is gone
        return 0


def _count_possible(form: ApplicationForm, call: Call, factory: Factory) -> int:
    """Return the most operations that the hours asked for could give; 0 for an unknown speed."""
    try:
        partition = factory.get_partition(call.partition_id)
    except NotFound:  # of a machine that is gone
        return 0
    seconds = (form.requested_seconds or 0) * _devices_of(partition, call.unit)
    peak = Decimal(str(partition.peak_teraflops_per_device)) * TERA
    return int(seconds * peak * MOST_UTILISATION_PERCENT / HUNDRED_PERCENT)


def _devices_of(partition: Partition, unit: TimeUnit) -> int:
    """Return how many devices work in one hour of the unit."""
    return 1 if unit is TimeUnit.GPU_SECONDS else max(1, partition.gpus_per_node)
