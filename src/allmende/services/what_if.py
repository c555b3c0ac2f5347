"""What if: the question, what is wrong with it, and what its answer needs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import InvalidInput, Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Factory, Partition
from allmende.domain.scheduling.shares import (
    MICRONODES,
    GuaranteesDoNotFit,
    GuaranteesExceedParent,
    Share,
    ShareTree,
    check_admission,
)
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.storage import jobs as job_store
from allmende.twin import invented
from allmende.twin.invented import Demand, Recipe
from allmende.twin.preemptions import Preemption

SME = "sme"
INVENTED, RECORDED = "invented", "recorded"
DAY_SECONDS, HOUR_SECONDS = 24 * 3600, 3600
FEWEST_JOBS, MOST_JOBS = 20, 50_000
MOST_INVENTED = 200_000
NODES_OF_A_WIDEST_JOB = 8  # the part of the machine that no job of a described machine exceeds
MINUTE = "%Y-%m-%dT%H:%MZ"


class NodesUnknown(Refusal):
    """There is no machine {machine} whose nodes are known. Choose one of {machines}."""

    status = 422


class Group(NamedTuple):
    """A group as the configuration has it, or as it is assumed where none is configured."""

    id: str
    name: str
    guarantee_percent: float
    weight: int
    widest_job_nodes: int  # 0: as wide as an eighth of the machine


ASSUMED = (
    Group(SME, "SMEs and start-ups", 20, 25, 0),
    Group("science", "Universities and public research", 25, 45, 0),
    Group("industry", "Industry, commercial use", 0, 30, 0),
)


class Range(NamedTuple):
    """The least and the most of a number, both allowed."""

    least: int
    most: int


RANGES = {
    "today": Range(0, 80),
    "guarantee": Range(0, 80),
    "others_weight": Range(1, 1000),
    "response_seconds": Range(0, DAY_SECONDS),
    "demand": Range(1, 99),
    "load": Range(10, 150),
    "days": Range(1, 60),
    "power": Range(20, 100),
    "failing_nodes": Range(0, 1_000_000),
    "failing_hours": Range(0, 720),
    "seed": Range(0, 999_999),
}


@dataclass(frozen=True, kw_only=True)
class WhatIf:
    """A question. All of it stands in its address, so the address always gives the same figures.

    Per cents are of the machine's nodes, `demand` of all work asked for; `others_weight` is that of
    all other groups together. After `response_seconds` others are stopped for who is owed nodes; 0
    is never. `until` bounds what was recorded, to the minute.
    """

    machine: str
    today: int
    guarantee: int
    others_weight: int
    response_seconds: int = 0
    workload: str = INVENTED
    demand: int = 30
    load: int = 95
    days: int = 28
    power: int = 100
    failing_nodes: int = 0
    failing_hours: int = 0
    seed: int = 1
    until: str = ""

    def to_query(self) -> dict[str, str]:
        """Return the parameters of the address, in one order and complete."""
        return {name: str(value) for name, value in asdict(self).items() if value != ""}


PARAMETERS = tuple(field.name for field in fields(WhatIf))


class Finding(NamedTuple):
    """What is wrong with a field."""

    field: str
    sentence: Sentence


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A question that may be asked, with all that its answer needs; no database any more."""

    question: WhatIf
    partition: Partition
    rows: tuple[dict[str, Any], ...]  # what was recorded


def list_machines(factory: Factory) -> list[Partition]:
    """Return the partitions that can be asked about: those whose number of nodes is known."""
    return [partition for partition in factory.partitions if partition.nodes]


def find_machine(factory: Factory, machine: str) -> Partition:
    """Return a machine by its id; without one the largest, which everybody asks about."""
    machines = list_machines(factory)
    if not machine and machines:
        return max(machines, key=lambda each: each.nodes or 0)
    for each in machines:
        if each.id == machine:
            return each
    raise NodesUnknown(machine=machine, machines=", ".join(each.id for each in machines))


def first_question(partition: Partition) -> WhatIf:
    """Return where to begin: five points more than what SMEs have today."""
    groups = list_groups(partition)
    today = round(groups[0].guarantee_percent)
    return WhatIf(
        machine=partition.id,
        today=today,
        guarantee=min(today + 5, RANGES["guarantee"].most),
        others_weight=sum(group.weight for group in groups[1:]) or 1,
        response_seconds=min(partition.response_target_seconds, RANGES["response_seconds"].most),
        days=28 if (partition.nodes or 0) > 100 else 7,
    )


def complete(parts: Mapping[str, Any], *, factory: Factory, now: datetime) -> WhatIf:
    """Return a whole question: what is not said is as where one begins."""
    first = first_question(find_machine(factory, parts.get("machine", "")))
    question = replace(first, **parts)
    is_recorded = question.workload == RECORDED
    return replace(question, until=fix_until(question.until, now) if is_recorded else "")


def check(question: WhatIf, partition: Partition) -> list[Finding]:
    """Return what is wrong with a question, at its fields."""
    found = [
        Finding(name, Sentence("Enter a whole number from {least} to {most}.", each._asdict()))
        for name, each in RANGES.items()
        if not each.least <= getattr(question, name) <= each.most
    ]
    nodes = partition.nodes or 0
    if not found and question.failing_nodes > nodes:
        facts = {"machine": partition.name, "nodes": nodes}
        problem = Sentence("{machine} has {nodes} nodes; no more can fail.", facts)
        found.append(Finding("failing_nodes", problem))
    if question.workload not in (INVENTED, RECORDED):
        found.append(Finding("workload", Sentence("Choose one of the two.")))
    elif question.workload == RECORDED and not partition.is_embedded:
        problem = Sentence(
            "No job of {machine} is driven from here, so none is recorded. Take an invented "
            "workload.",
            {"machine": partition.name},
        )
        found.append(Finding("workload", problem))
    elif question.workload == RECORDED and not _is_minute(question.until):
        problem = Sentence("Write the instant as in {example}.", {"example": "2026-03-01T12:00Z"})
        found.append(Finding("until", problem))
    if not found:
        found = _check_guarantees(question, partition) + _check_size(question, partition)
    return found


def _check_guarantees(question: WhatIf, partition: Partition) -> list[Finding]:
    cases = (
        ("today", shares_today(question, partition), partition.nodes or 0),
        ("guarantee", shares_then(question, partition), capped_nodes(question, partition)),
    )
    found = []
    for field, shares, nodes in cases:
        try:
            check_admission(ShareTree(shares=shares), capacity_nodes=nodes)
        except (GuaranteesDoNotFit, GuaranteesExceedParent) as refusal:
            found.append(Finding(field, refusal.sentence))
    return found


def _check_size(question: WhatIf, partition: Partition) -> list[Finding]:
    jobs = invented.estimate_jobs(*recipe(question, partition))
    if question.workload != INVENTED or jobs <= MOST_INVENTED:
        return []
    facts = {"jobs": jobs, "most": question.days * MOST_INVENTED // jobs}
    problem = Sentence("So many days would be about {jobs} jobs. Take at most {most}.", facts)
    return [Finding("days", problem)]


def prepare(reader: Person, question: WhatIf, *, factory: Factory, now: datetime) -> Prepared:
    """Check a question, and read what was recorded; `InvalidInput` names the field and what is
    wrong with it.
    """
    check_permission(reader, Permission.SEE_WHAT_IF)
    partition = find_machine(factory, question.machine)
    rows: list[dict[str, Any]] = []
    found = check(question, partition)
    if not found and question.workload == RECORDED:
        rows = _read_recorded(question, partition, now)
        if len(rows) < FEWEST_JOBS:
            facts = {"jobs": len(rows), "fewest": FEWEST_JOBS}
            problem = Sentence(
                "Only {jobs} jobs ran and ended in these days; {fewest} are needed. Take more "
                "days, or an invented workload.",
                facts,
            )
            found.append(Finding("days", problem))
    if found:
        raise InvalidInput(field=found[0].field, problem=found[0].sentence)
    return Prepared(question=question, partition=partition, rows=tuple(rows))


def fix_until(question_until: str, now: datetime) -> str:
    """Return the minute up to which records count: the one asked for, never one that is to come."""
    latest = now.strftime(MINUTE)
    if not question_until or (_is_minute(question_until) and question_until > latest):
        return latest
    return question_until


def _is_minute(text: str) -> bool:
    try:
        return datetime.strptime(text, MINUTE).strftime(MINUTE) == text  # noqa: DTZ007 - its form
    except ValueError:
        return False


def read_until(text: str, now: datetime) -> datetime:
    """Return the instant of such a minute; what cannot be read, or is to come, is now."""
    try:
        return min(now, datetime.strptime(text, MINUTE).replace(tzinfo=now.tzinfo))
    except ValueError:
        return now


def _read_recorded(question: WhatIf, partition: Partition, now: datetime) -> list[dict[str, Any]]:
    until = read_until(question.until, now)
    since = until - timedelta(days=question.days)
    ended = job_store.list_ended_jobs(partition.id, since=since, until=until, limit=MOST_JOBS)
    seconds: dict[str, int] = {}
    for each in job_store.list_attempts_between(partition.id, since=since, until=until):
        if each.started_at and each.ended_at:
            ran = max(1, round((each.ended_at - each.started_at).total_seconds()))
            seconds[each.job_id] = seconds.get(each.job_id, 0) + ran
    return [
        {
            "line": number,
            "submit": int(job.arrives_at.timestamp()),
            "run": seconds[job.id],
            "nodes": job.request.nodes,
            "limit": max(job.request.time_limit_seconds, seconds[job.id]),
            "queue": job.group_id,
            "group": job.project_id,
            "user": job.person_id,
        }
        for number, job in enumerate(ended, start=1)
        if job.id in seconds
    ]


def capped_nodes(question: WhatIf, partition: Partition) -> int:
    """Return how many nodes the power allows."""
    return max(1, (partition.nodes or 0) * question.power // 100)


def list_groups(partition: Partition) -> tuple[Group, ...]:
    """Return the groups, the SMEs first."""
    found = [
        Group(each.id, each.name, float(100 * each.guarantee), each.weight, each.widest_job_nodes)
        for each in partition.groups
    ] or list(ASSUMED)
    return tuple(sorted(found, key=lambda group: group.id != SME))


def _widest(group: Group, partition: Partition) -> int:
    return group.widest_job_nodes or max(1, (partition.nodes or 0) // NODES_OF_A_WIDEST_JOB)


def shares_today(question: WhatIf, partition: Partition) -> tuple[Share, ...]:
    """Return the shares as they are, with what the question calls today's guarantee."""
    return _shares(partition, question.today, others_weight=None)


def shares_then(question: WhatIf, partition: Partition) -> tuple[Share, ...]:
    """Return the shares that are asked about."""
    return _shares(partition, question.guarantee, others_weight=question.others_weight)


def preemption(partition: Partition, response_seconds: int) -> Preemption | None:
    """Return how others are stopped after so many seconds; None where they never are."""
    if response_seconds == 0:
        return None
    return Preemption(
        response_target_seconds=response_seconds, grace_seconds=partition.grace_seconds
    )


def _shares(partition: Partition, percent: int, *, others_weight: int | None) -> tuple[Share, ...]:
    first, *others = list_groups(partition)
    configured = sum(group.weight for group in others) or 1
    weights = others_weight or configured
    rows = [(first, percent * MICRONODES // 100, first.weight)]
    for each in others:
        guarantee = round(each.guarantee_percent * MICRONODES / 100)
        rows.append((each, guarantee, max(1, round(each.weight * weights / configured))))
    return tuple(
        Share(
            path=(group.id,),
            guarantee_ppm=guarantee,
            weight=weight,
            widest_job_nodes=_widest(group, partition),
        )
        for group, guarantee, weight in rows
    )


def recipe(question: WhatIf, partition: Partition) -> tuple[Recipe, list[Demand]]:
    """Return what an invented workload is made of."""
    longest = longest_seconds(partition)
    made = Recipe(
        machine_nodes=partition.nodes or 0,
        seconds=question.days * DAY_SECONDS,
        load=question.load / 100,
        median_seconds=max(1, longest // 12),
        longest_seconds=longest,
        seed=question.seed,
    )
    return made, _demands(question, partition)


def _demands(question: WhatIf, partition: Partition) -> list[Demand]:
    first, *others = list_groups(partition)
    weights = sum(group.weight for group in others) or 1
    mine = question.demand / 100 if others else 1.0
    parts = [(first, mine)] + [(each, (1 - mine) * each.weight / weights) for each in others]
    return [
        Demand(name=group.id, part=part, widest_job_nodes=_widest(group, partition))
        for group, part in parts
    ]


def longest_seconds(partition: Partition) -> int:
    """Return the longest limit of a job; a day where the configuration says nothing."""
    return partition.max_time_limit_seconds or DAY_SECONDS
