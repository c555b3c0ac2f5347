"""A job file before it is submitted: when it would start, what would be sooner, what it holds."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from allmende.domain.access.projects import Project
from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition
from allmende.domain.basics.units import TimeUnit
from allmende.domain.scheduling.backends import StartEstimate
from allmende.domain.scheduling.brokering import Choice, check_found
from allmende.domain.scheduling.explain import say_duration, say_nodes
from allmende.domain.scheduling.shares import Path
from allmende.domain.training.data_sets import pin_data
from allmende.domain.training.job_specs import JobSpec
from allmende.domain.training.sweeps import expand_sweep
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import (
    better_hours,
    brokering,
    budgets,
    job_limits,
    jobs,
    model_marks,
    models,
    node_counts,
    project_secrets,
    projects,
    quotas,
)
from allmende.services.brokering import Question
from allmende.services.forecasts import JobForecast, forecast_asked, tell_choice, tell_estimate
from allmende.services.node_counts import Settled
from allmende.services.quotas import PriorityOutlook
from allmende.services.snapshots import pending_of
from allmende.services.workshop import Workshop
from allmende.storage import projects as project_store


class NobodyCanSay(Refusal):
    """When this job would start cannot be said: it asks for more nodes than are in service now. Ask
    for fewer, or submit it and let it wait until they are back."""


class ClusterDecides(Refusal):
    """{partition} is a cluster that places its jobs itself, and when this one would start is not
    known: {reason} Submit it; its page then says what the cluster expects."""

    status = 422


class NoRangeInsideReservation(Refusal):
    """Inside a reservation a job starts as soon as the reservation is open and its nodes are free:
    there is no range to tell. Leave reservation out to ask about the common queue."""

    status = 422


START_IS_UNKNOWN = (NobodyCanSay, ClusterDecides, NoRangeInsideReservation)


@dataclass(frozen=True, kw_only=True)
class Option:
    """What one may ask for, and when it would start."""

    nodes: int
    max_duration_seconds: int
    forecast: JobForecast
    partition: str  # its name
    needs_award: bool = False  # the project has no time there


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What submitting a job file would mean; a sweep is several jobs, and the first is forecast."""

    options: tuple[Option, ...]  # none where nobody can say when it would start
    start_note: Sentence | None  # why not
    spec: JobSpec  # with a number of nodes out of its range
    nodes_note: Sentence | None  # why that number
    partition: Partition  # where it would run
    jobs: int
    held_seconds: int  # of all its jobs, until each has ended
    available_seconds: int  # of the project, before
    unit: TimeUnit  # of both
    priority: PriorityOutlook  # with these jobs
    choice: Choice | None  # where it would run; None where the project has time in one place
    marks: tuple[Sentence, ...]  # of the AI Act that its model would pass

    @property
    def left_seconds(self) -> int:
        """Return what the project would have left to hold; below zero, it would be refused."""
        return self.available_seconds - self.held_seconds


def preview_job(
    reader: Person, spec: JobSpec, *, project_id: str, now: datetime, workshop: Workshop
) -> Preview:
    """Return when a job file would start, what would be sooner, and what it takes of the budget.

    Nothing is submitted. What a submission would refuse of the file is refused.
    """
    settled = _ask(reader, spec, project_id=project_id, now=now, workshop=workshop)
    question, spec = settled.question, settled.question.spec
    choice = brokering.choose_partition(question, foresees=True)
    partition, access_share = _find_place(question, choice)
    options: list[Option] = []
    start_note = None
    try:
        options = _list_options(question, partition, choice)
    except START_IS_UNKNOWN as refusal:
        start_note = refusal.sentence
    budget = budgets.get_budget(
        reader, project_id, partition_id=partition.id, access_share=access_share
    )
    count = len(expand_sweep(spec))
    seconds = partition.limit_attempt(spec.max_duration_seconds) + partition.grace_seconds
    held_seconds = count * spec.num_nodes * seconds * partition.charge_factor
    return Preview(
        options=tuple(options),
        start_note=start_note,
        spec=spec,
        nodes_note=settled.why,
        partition=partition,
        jobs=count,
        held_seconds=held_seconds,
        available_seconds=budget.available_seconds,
        unit=partition.unit,
        priority=quotas.foresee(partition, question.project, now=now, and_seconds=held_seconds),
        choice=choice,
        marks=model_marks.foresee_marks(expand_sweep(spec), project_id, now=now, workshop=workshop),
    )


def forecast_submission(
    reader: Person, spec: JobSpec, *, project_id: str, now: datetime, workshop: Workshop
) -> list[Option]:
    """Return when a job file would start if it were submitted now, and what would start sooner.

    Nothing is submitted. The first option is the file as it is; the others ask for less, or stand
    for another partition, on which the project would need an award.
    """
    question = _ask(reader, spec, project_id=project_id, now=now, workshop=workshop).question
    choice = brokering.choose_partition(question)
    partition, _ = _find_place(question, choice)
    return _list_options(question, partition, choice)


def choose_partition(
    reader: Person, spec: JobSpec, *, project_id: str, now: datetime, workshop: Workshop
) -> Choice | None:
    """Return where a job file would run if it were submitted now, and why not elsewhere.

    None where the project has time on one partition only. Nothing is submitted.
    """
    question = _ask(reader, spec, project_id=project_id, now=now, workshop=workshop).question
    return brokering.choose_partition(question, foresees=True)


def _ask(
    reader: Person, spec: JobSpec, *, project_id: str, now: datetime, workshop: Workshop
) -> Settled:
    check_permission(reader, Permission.SUBMIT_JOB)
    project = projects.check_own(reader, project_store.get_project(project_id))
    projects.check_can_run(project, now=now)
    models.check_parents(reader, spec.parents)
    return node_counts.settle(
        Question(spec=spec, project=project, person_id=reader.id, now=now, workshop=workshop)
    )


def _find_place(question: Question, choice: Choice | None) -> tuple[Partition, str]:
    """Return the partition that the job would go to, and under which access share."""
    if choice is None:
        return question.home, question.project.access_share
    taken = check_found(choice)
    return question.workshop.factory.get_partition(taken.partition_id), taken.access_share


def _list_options(question: Question, partition: Partition, choice: Choice | None) -> list[Option]:
    spec, project, now = question.spec, question.project, question.now
    jobs.check_partition(project, question.workshop, partition.id)
    quotas.check_may_submit(project, partition, now=now)
    _check(spec, project, partition, question.workshop)
    if spec.reservation:
        raise NoRangeInsideReservation
    chosen, _ = better_hours.choose(spec, partition, now=now)
    if chosen and chosen > now:
        return [_say(spec, partition, tell_choice("asked", chosen, partition, now))]
    if not partition.is_embedded:
        estimate = _estimate(question, partition, choice)
        return [_say(spec, partition, tell_estimate(estimate, partition, now))]
    path = (project.group_id, project.id, question.person_id)
    options = _forecast(partition, path, _choices(spec), now=now)
    if not options or options[0].nodes < spec.num_nodes:
        raise NobodyCanSay()
    for other in _list_others(question):
        options += _forecast(other, path, _choices(spec)[:1], now=now, needs_award=True)
    first, *others = options
    return [first, *(each for each in others if _is_sooner(each.forecast, first.forecast))]


def _estimate(question: Question, partition: Partition, choice: Choice | None) -> StartEstimate:
    """Return when a cluster would start the job; it is asked once, by the broker or here."""
    taken = choice.chosen if choice else None
    if taken and taken.start_note:
        found = StartEstimate(at=taken.starts_at, sentence=taken.start_note)
    else:
        found = brokering.estimate_start(question, partition)
    if found.at is None:
        raise ClusterDecides(partition=partition.name, reason=found.sentence)
    return found


def _say(spec: JobSpec, partition: Partition, forecast: JobForecast) -> Option:
    return Option(
        nodes=spec.num_nodes,
        max_duration_seconds=spec.max_duration_seconds,
        forecast=forecast,
        partition=partition.name,
    )


def _check(spec: JobSpec, project: Project, partition: Partition, workshop: Workshop) -> None:
    job_limits.check_resources(spec, project, partition)
    project_secrets.check_named(spec, project.id)
    jobs.check_content(expand_sweep(pin_data(spec, workshop.data_sets)), partition, workshop)


def _list_others(question: Question) -> list[Partition]:
    """Return where the project has no time, and that would take the job."""
    has_time = {each.partition_id for each in brokering.list_places(question)}
    found = []
    for partition in question.workshop.factory.partitions:
        is_new = partition.id not in {question.project.partition_id, *has_time}
        if partition.is_embedded and is_new and not question.spec.partition:
            with contextlib.suppress(Refusal):
                _check(question.spec, question.project, partition, question.workshop)
                found.append(partition)
    return found


def _forecast(
    partition: Partition,
    path: Path,
    choices: Sequence[tuple[int, int]],
    *,
    now: datetime,
    needs_award: bool = False,
) -> list[Option]:
    """Return when each of these nodes and limits would start on a partition."""
    asked = [
        pending_of(
            f"asked {nodes} {seconds}",  # stands for a job that is not submitted
            path=path,
            nodes=nodes,
            limit_seconds=partition.limit_attempt(seconds) + partition.grace_seconds,
            now=now,
        )
        for nodes, seconds in choices
    ]
    return [
        Option(
            nodes=nodes,
            max_duration_seconds=seconds,
            forecast=told,
            partition=partition.name,
            needs_award=needs_award,
        )
        for (nodes, seconds), told in zip(
            choices, forecast_asked(partition, asked, now=now), strict=True
        )
        if told is not None
    ]


def _choices(spec: JobSpec) -> list[tuple[int, int]]:
    """Return the file's nodes and limit, then half the limit, half the nodes, and both."""
    nodes, seconds = spec.num_nodes, spec.max_duration_seconds
    fewer, shorter = max(1, nodes // 2), max(1, seconds // 2)
    choices = ((nodes, seconds), (nodes, shorter), (fewer, seconds), (fewer, shorter))
    return list(dict.fromkeys(choices))


def _is_sooner(one: JobForecast, other: JobForecast) -> bool:
    """Say whether the middle of a range lies clearly before that of another."""
    if one.median_at is None or other.median_at is None:
        return one.median_at is not None
    gained = other.median_at - one.median_at
    return gained >= max(timedelta(minutes=1), 0.1 * (other.median_at - other.made_at))


def say_option(option: Option) -> Sentence:
    """Say what would start sooner."""
    if option.needs_award:
        where = {"partition": option.partition, "median": option.forecast.median_at}
        return Sentence(
            "On {partition}: probably by {median}. The project would need an award there.", where
        )
    facts = {
        "nodes": say_nodes(option.nodes),
        "limit": say_duration(option.max_duration_seconds),
        "median": option.forecast.median_at,
    }
    return Sentence("With {nodes} and a limit of {limit}: probably by {median}.", facts)
