"""Brokering: the partitions on which a project has time, as offers to a job, and the choice."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from allmende.domain.access.projects import Project
from allmende.domain.accounting.allocations import Budget, NoTimeOnPartition
from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition
from allmende.domain.scheduling.backends import StartEstimate
from allmende.domain.scheduling.brokering import Choice, choose
from allmende.domain.scheduling.jobs import Job
from allmende.domain.scheduling.obstacles import Needs, Offer, find_obstacle
from allmende.domain.training.blueprints import find_blueprint
from allmende.domain.training.data_sets import list_missing, pin_data
from allmende.domain.training.fields import did_you_mean
from allmende.domain.training.job_specs import JobSpec
from allmende.domain.training.sweeps import expand_sweep
from allmende.domain.trust.residency import CLASS_WORDS, allowed_countries, parse_data_class
from allmende.services import (
    better_hours,
    budgets,
    cluster_accounts,
    forecasts,
    job_limits,
    jobs,
    launches,
    quotas,
    snapshots,
)
from allmende.services.workshop import Workshop
from allmende.storage import choices as store
from allmende.storage import dependencies as dependency_store
from allmende.storage import trained_models as model_store
from allmende.storage.choices import KeptChoice


class NoSuchPartition(Refusal):
    """There is no partition {partition}. {hint}"""

    status = 422


class NobodySpecialised(Refusal):
    """No partition here is made for {specialisation}. {hint}"""

    status = 422


@dataclass(frozen=True, kw_only=True)
class Question:
    """A job that looks for a partition: to be submitted, or one that waits already."""

    spec: JobSpec
    project: Project
    person_id: str
    now: datetime
    workshop: Workshop
    waiting: Job | None = None

    @property
    def home(self) -> Partition:
        """Return the partition of the project's own award."""
        return self.workshop.factory.get_partition(self.project.partition_id)

    @property
    def is_particular(self) -> bool:
        """Say whether it needs what a partition alone does not settle."""
        spec = self.spec
        return bool(spec.partition or spec.specialisation or spec.accelerator or spec.deadline)


def choose_partition(question: Question, *, foresees: bool = False) -> Choice | None:
    """Return where a job file should run; None where there is nothing to choose.

    Looking ahead takes a while, so it is only done where the start decides, or if it is wanted.
    """
    if question.spec.reservation:
        return None  # it has its own partition
    _check_words(question)
    pin_data(question.spec, question.workshop.data_sets)
    places = list_places(question)
    if not places and question.spec.partition:
        raise NoTimeOnPartition(
            project=question.project.id,
            partition=question.spec.partition,
            access_share=Sentence("any"),
        )
    is_plain = [each.partition_id for each in places] in ([], [question.project.partition_id])
    if is_plain and not question.is_particular:
        return None
    needs = say_needs(question)
    return choose(needs, list_offers(question, needs, places, foresees=foresees))


def list_places(question: Question) -> list[Budget]:
    """Return the budget of the project on each partition on which the job may look for room.

    With time under two access shares of one partition, that of the project's award comes first.
    """
    known = {partition.id for partition in question.workshop.factory.partitions}
    found: dict[str, Budget] = {}
    for budget in budgets.find_budgets(question.project.id):
        is_meant = question.spec.partition in ("", budget.partition_id)
        is_own = budget.access_share == question.project.access_share
        is_first = is_own or budget.partition_id not in found
        if is_meant and is_first and budget.partition_id in known:
            found[budget.partition_id] = budget
    return list(found.values())


def say_needs(question: Question) -> Needs:
    """Return what a job file asks for, whichever partition it is."""
    spec, factory = question.spec, question.workshop.factory
    asked_at = question.waiting.submitted_at if question.waiting else question.now
    data_class = parse_data_class(spec.data_class)
    return Needs(
        asked_at=question.now,
        limit_seconds=spec.max_duration_seconds,
        goes_on=spec.goes_on,
        nodes=spec.num_nodes,
        jobs=1 if question.waiting else len(expand_sweep(spec)),
        cores_per_node=spec.cpus,
        cores_most=spec.cpus_most,
        memory_bytes_per_node=spec.memory_bytes or 0,
        memory_bytes_most=spec.memory_bytes_most,
        accelerators_per_node=spec.accelerators,
        accelerators_most=spec.accelerators_most,
        accelerator=spec.accelerator,
        specialisation=spec.specialisation,
        data=CLASS_WORDS[data_class],
        countries=allowed_countries(data_class, factory.countries),
        ends_by=better_hours.find_deadline(spec, question.home, now=asked_at),
        may_wait=bool(spec.flexible_until),
    )


def list_offers(
    question: Question, needs: Needs, places: Sequence[Budget], *, foresees: bool
) -> list[Offer]:
    """Return what each place offers; the start is foreseen where it counts."""
    to_move = _count_bytes_to_move(question, [each.partition_id for each in places])
    offers = [_offer(question, each, to_move[each.partition_id]) for each in places]
    fitting = [offer for offer in offers if find_obstacle(needs, offer) is None]
    if not fitting or not (foresees or len(fitting) > 1 or needs.ends_by):
        return offers
    decisions = forecasts.WHOLE // len(fitting)
    return [_foresee(question, offer, decisions) if offer in fitting else offer for offer in offers]


def _check_words(question: Question) -> None:
    spec, partitions = question.spec, question.workshop.factory.partitions
    ids = [partition.id for partition in partitions]
    if spec.partition and spec.partition not in ids:
        hint = did_you_mean(spec.partition, ids)
        raise NoSuchPartition(partition=spec.partition, hint=hint)
    words = {word for partition in partitions for word in partition.specialisations}
    if spec.specialisation and spec.specialisation not in words:
        hint = did_you_mean(spec.specialisation, sorted(words))
        raise NobodySpecialised(specialisation=spec.specialisation, hint=hint)


def _offer(question: Question, budget: Budget, bytes_to_move: int) -> Offer:
    partition = question.workshop.factory.get_partition(budget.partition_id)
    job, available = question.waiting, budget.available_seconds
    if job is not None and job.partition_id == partition.id:
        available += job.held_seconds  # what it holds there is its own
    return Offer(
        partition_id=partition.id,
        name=partition.name,
        country=partition.country,
        access_share=budget.access_share,
        unit=partition.unit,
        nodes_most=find_widest(partition, question.project),
        limit_seconds_most=partition.max_time_limit_seconds,
        cores_per_node=partition.cores_per_node,
        memory_bytes_per_node=int(partition.memory_gigabytes_per_node * 1e9),
        accelerators_per_node=partition.gpus_per_node,
        hardware=partition.hardware,
        specialisations=partition.specialisations,
        charge_factor=partition.charge_factor,
        grace_seconds=partition.grace_seconds,
        available_seconds=available,
        bytes_to_move=bytes_to_move,
        data_missing=list_missing(
            question.spec.data, question.workshop.data_sets, site_id=partition.site_id
        ),
        bar=_find_bar(question, partition),
    )


def find_widest(partition: Partition, project: Project) -> int:
    """Return the most nodes that a partition gives one job of a project."""
    widths = [g.widest_job_nodes for g in partition.groups if g.id == project.group_id]
    return min([partition.max_nodes_per_job, *widths])


def _find_bar(question: Question, partition: Partition) -> Sentence | None:
    """Return what else refuses the job on a partition, in the words of who refuses it."""
    project, workshop = question.project, question.workshop
    if all(group.id != project.group_id for group in partition.groups):
        return Sentence("The group of the project has no share of this partition.")
    try:
        jobs.check_partition(project, workshop, partition.id)
        site = workshop.factory.get_site(partition.site_id)
        cluster_accounts.get_user_name(site, question.person_id)
        launches.check_site(question.spec, partition, workshop)
        quotas.check_may_submit(project, partition, now=question.now)
        job_limits.check_resources(question.spec, project, partition)
        if question.spec.blueprint and partition.is_on_slurm:
            blueprint = find_blueprint(workshop.blueprints, question.spec.blueprint)
            launches.check_environment(blueprint, partition, workshop)
    except Refusal as refusal:
        return refusal.sentence
    return None


def _foresee(question: Question, offer: Offer, decisions: int) -> Offer:
    partition = question.workshop.factory.get_partition(offer.partition_id)
    starts_at, note = _foresee_start(question, partition, decisions)
    offer = replace(offer, start_note=note)
    if starts_at is None:
        return offer
    seconds = question.spec.max_duration_seconds
    green = better_hours.count_green_percent(partition, starts_at, duration_seconds=seconds)
    return replace(offer, starts_at=starts_at, green_percent=green)


def estimate_start(question: Question, partition: Partition) -> StartEstimate:
    """Ask the cluster of a partition when it would start the job; nothing is submitted."""
    spec, project = question.spec, question.project
    site = question.workshop.factory.get_site(partition.site_id)
    launch = launches.sketch_launch(
        jobs.build_request(spec, partition),
        partition,
        path=(project.group_id, project.id, question.person_id),
        user_name=cluster_accounts.get_user_name(site, question.person_id),
        constraint=spec.constraint,
        is_late=quotas.is_late(partition, project.id, now=question.now),
    )
    return question.workshop.predict_start(partition, launch)


def _foresee_start(
    question: Question, partition: Partition, decisions: int
) -> tuple[datetime | None, Sentence | None]:
    """Return when the job would probably start on a partition, and what a cluster says of that.

    None where nobody can say.
    """
    spec, project, now, job = question.spec, question.project, question.now, question.waiting
    limit = partition.limit_attempt(spec.max_duration_seconds)
    submitted_at = job.submitted_at if job else now
    chosen, _ = better_hours.choose(spec, partition, now=submitted_at)
    if chosen is not None and chosen > now:
        return chosen, None
    if not partition.is_embedded:
        estimate = estimate_start(question, partition)
        return estimate.at, estimate.sentence
    if job is not None and job.partition_id == partition.id:
        return forecasts.foresee_start(partition, job.id, now=now, decisions=decisions), None
    asked = snapshots.pending_of(
        "asked",
        path=(project.group_id, project.id, question.person_id),
        nodes=spec.num_nodes,
        limit_seconds=limit + partition.grace_seconds,
        now=now,
    )
    return (
        forecasts.foresee_start(partition, "asked", now=now, decisions=decisions, asked=[asked]),
        None,
    )


def _count_bytes_to_move(question: Question, partition_ids: Sequence[str]) -> dict[str, int]:
    """Return by partition how large the models are that its earlier jobs left at other sites."""
    spec, factory = question.spec, question.workshop.factory
    job, names = question.waiting, {*spec.after, *spec.after_ok}
    if job is not None:
        earlier = {*job.after, *job.after_ok}
    elif names:
        named = dependency_store.find_named_jobs(question.project.id, names)
        earlier = {job_id for found in named.values() for job_id in found}
    else:
        earlier = set()
    sizes = model_store.sum_bytes_by_job(earlier) if earlier else {}
    sites = {partition.id: partition.site_id for partition in factory.partitions}
    lie_at = {key: sites.get(at, "") for key, at in dependency_store.list_partitions(sizes).items()}
    return {
        each: sum(size for key, size in sizes.items() if lie_at[key] != sites[each])
        for each in partition_ids
    }


def list_choices(reader: Person, job_id: str) -> list[KeptChoice]:
    """Return why a job is where it is: what was chosen for it, the first choice first.

    There is none where its project had time on one partition only.
    """
    jobs.get_job(reader, job_id)  # refuses whoever may not see it
    return store.list_choices(job_id)
