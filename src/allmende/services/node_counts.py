"""On how many nodes a job runs that asked for a range: with which number it starts soonest."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from allmende.domain.accounting.allocations import Budget
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition
from allmende.domain.scheduling.brokering import AS_SOON
from allmende.domain.training.blueprints import find_blueprint
from allmende.domain.training.job_specs import JobSpec
from allmende.domain.training.sweeps import expand_sweep
from allmende.services import better_hours, brokering, forecasts, snapshots
from allmende.services.brokering import Question

MOST_TRIED = 4  # each takes a forecast on every partition


@dataclass(frozen=True, kw_only=True)
class Settled:
    """A question about one number of nodes, and why it is this one; None where it was asked for."""

    question: Question
    why: Sentence | None = None


def settle(question: Question) -> Settled:
    """Return the question with a number of nodes out of its range.

    The number with which the job starts soonest, on any partition where the project has time and
    budget for it; of those that start within the same quarter of an hour, the most.
    """
    spec = question.spec
    least, most = spec.num_nodes, spec.num_nodes_most
    if most is None:
        return Settled(question=question)
    tried = [
        (starts_at, nodes)
        for budget in brokering.list_places(question)
        for starts_at, nodes in _try_place(question, budget)
    ]
    facts = {"least": least, "most": most}
    known = [(starts_at, nodes) for starts_at, nodes in tried if starts_at is not None]
    if not known:
        chosen = min((nodes for _, nodes in tried), default=least)
        why = Sentence(
            "Of {least} to {most} nodes it takes {chosen}, the fewest that fit: when more would be "
            "free cannot be said.",
            {**facts, "chosen": chosen},
        )
        return _take(question, chosen, why)
    soonest = min(starts_at for starts_at, _ in known)
    chosen = max(nodes for starts_at, nodes in known if starts_at < soonest + AS_SOON)
    why = Sentence(
        "Of {least} to {most} nodes it takes {chosen}: the most that fit and start as soon as "
        "fewer would.",
        {**facts, "chosen": chosen},
    )
    return _take(question, chosen, why)


def settle_as(spec: JobSpec, nodes: int) -> JobSpec:
    """Return a job file as it was settled before, if its range has that number."""
    if spec.num_nodes_most is None or not spec.num_nodes <= nodes <= spec.num_nodes_most:
        return spec
    return replace(spec, num_nodes=nodes, num_nodes_most=None)


def spread(least: int, most: int) -> list[int]:
    """Return the numbers that are tried: all of them, or four that lie evenly, with both ends."""
    steps = min(MOST_TRIED - 1, most - least)
    if steps == 0:
        return [least]
    return [least + (most - least) * step // steps for step in range(steps + 1)]


def _take(question: Question, nodes: int, why: Sentence) -> Settled:
    spec = settle_as(question.spec, nodes)
    return Settled(question=replace(question, spec=spec), why=why)


def _try_place(question: Question, budget: Budget) -> Iterator[tuple[datetime | None, int]]:
    """Return when each number that fits a partition and its budget would start there."""
    spec, now = question.spec, question.now
    partition = question.workshop.factory.get_partition(budget.partition_id)
    fitting = _list_fitting(question, partition, budget)
    if not fitting or not partition.takes_jobs:
        return
    chosen, _ = better_hours.choose(spec, partition, now=now)
    if chosen is not None and chosen > now:
        yield from ((chosen, nodes) for nodes in fitting)
    elif partition.is_embedded:
        yield from zip(_foresee(question, partition, fitting), fitting, strict=True)
    else:
        for nodes in fitting:
            asked = replace(question, spec=settle_as(spec, nodes))
            yield brokering.estimate_start(asked, partition).at, nodes


def _list_fitting(question: Question, partition: Partition, budget: Budget) -> list[int]:
    spec = question.spec
    assert spec.num_nodes_most is not None, "only a range is tried"
    widest = min(spec.num_nodes_most, brokering.find_widest(partition, question.project))
    if spec.blueprint:
        blueprint = find_blueprint(question.workshop.blueprints, spec.blueprint)
        widest = min(widest, blueprint.nodes_max)
    seconds = partition.limit_attempt(spec.max_duration_seconds) + partition.grace_seconds
    each_seconds = len(expand_sweep(spec)) * seconds * partition.charge_factor
    widest = min(widest, budget.available_seconds // max(1, each_seconds))
    return spread(spec.num_nodes, widest) if widest >= spec.num_nodes else []


def _foresee(
    question: Question, partition: Partition, fitting: Sequence[int]
) -> list[datetime | None]:
    project, spec = question.project, question.spec
    asked = [
        snapshots.pending_of(
            f"asked {nodes}",
            path=(project.group_id, project.id, question.person_id),
            nodes=nodes,
            limit_seconds=partition.limit_attempt(spec.max_duration_seconds)
            + partition.grace_seconds,
            now=question.now,
        )
        for nodes in fitting
    ]
    told = forecasts.forecast_asked(partition, asked, now=question.now)
    return [each.median_at if each else None for each in told]
