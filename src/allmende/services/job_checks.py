"""A job file before it is submitted: every mistake in it, or what it would take and mean."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from allmende.domain.access.projects import Project
from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition
from allmende.domain.basics.units import hours_from_seconds
from allmende.domain.footprint.energy import Energy, bound_energy
from allmende.domain.training import data_sets as domain_data
from allmende.domain.training import job_files, secrets
from allmende.domain.training.blueprints import (
    InvalidParams,
    NoSuchBlueprint,
    TooManyNodesForBlueprint,
    check_nodes,
    check_params,
    find_blueprint,
)
from allmende.domain.training.code_archives import (
    CodeNotBrought,
    CodeUnknown,
    find_hash,
)
from allmende.domain.training.data_sets import DataSet, check_needed, find_data_sets, pin_data
from allmende.domain.training.fields import Finding
from allmende.domain.training.job_files import InvalidJobFile
from allmende.domain.training.job_specs import JobSpec
from allmende.domain.training.sessions import NoSessionsThere, SeveralSessions
from allmende.domain.training.sweeps import SweepTooLarge, expand_sweep
from allmende.domain.trust.agents import AgentIsTooOld
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.domain.trust.residency import DataWouldLeave, check_residency, parse_data_class
from allmende.services import (
    agents,
    brokering,
    cluster_accounts,
    code_archives,
    containers,
    data_sets,
    dependencies,
    environments,
    job_limits,
    jobs,
    launches,
    models,
    previews,
    project_secrets,
    projects,
    quotas,
    sessions,
)
from allmende.services.brokering import Question
from allmende.services.environments import HashFiles
from allmende.services.job_files import read_job_file
from allmende.services.previews import Preview
from allmende.services.workshop import Workshop
from allmende.storage import awards as award_store
from allmende.storage import projects as project_store

# Which key of a job file a refusal is about; "" is the file as a whole.
KEYS: Mapping[type[Refusal], str] = {
    NoSuchBlueprint: "blueprint",
    NoSessionsThere: "blueprint",
    SeveralSessions: "sweep",
    TooManyNodesForBlueprint: "num_nodes",
    job_files.TooManyCores: "resources.cpus",
    job_files.TooManyAccelerators: "resources.accelerators",
    job_files.NodeTooLarge: "resources",
    CodeNotBrought: "workdir",
    CodeUnknown: "workdir",
    job_limits.ConstraintNeedsSlurm: "resources.constraint",
    job_limits.TooManyNodes: "num_nodes",
    job_limits.LimitTooLong: "max_duration",
    job_limits.TooMuchMemory: "resources.memory",
    SweepTooLarge: "sweep",
    domain_data.BlueprintNeedsData: "data",
    domain_data.NotInCatalogue: "data",
    domain_data.NoSuchDataSet: "data",
    domain_data.OtherVersion: "data",
    domain_data.DataAreReadOnly: "data",
    domain_data.DataNotAtSite: "data",
    domain_data.DataClassTooWeak: "data_class",
    DataWouldLeave: "data_class",
    containers.NoContainersThere: "image",
    containers.NoContainerTool: "image",
    secrets.NoSuchSecret: "secrets",
    secrets.SecretsStayHere: "secrets",
    dependencies.NothingToWaitFor: "after",
    dependencies.TooManyDependencies: "after",
    dependencies.WouldNeverStart: "after_ok",
    brokering.NoSuchPartition: "partition",
    brokering.NobodySpecialised: "resources.specialisation",
}
Rule = Callable[[], object]


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The most that a job file takes, if all its jobs run to their limits."""

    charged_seconds: int  # in the unit of the partition
    energy: Energy | None  # None: nobody said how much a node draws
    price_cents_per_hour: int | None  # None: nobody said; 0: the time is free

    @property
    def cents(self) -> int | None:
        """Return what that costs in money."""
        if self.price_cents_per_hour is None:
            return None
        return round(self.price_cents_per_hour * hours_from_seconds(self.charged_seconds))


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What submitting a job file without mistakes would mean."""

    spec: JobSpec
    preview: Preview
    cost: Cost
    data: tuple[DataSet, ...]
    has_environment: bool | None  # what `setup` makes is there; None: nobody here can tell


@dataclass(frozen=True, kw_only=True)
class JobCheck:
    """What came of a check: mistakes, or an outlook."""

    problems: tuple[Finding, ...]
    outlook: Outlook | None

    def with_mistake(self, key: str, refusal: Refusal) -> "JobCheck":
        """Return it with one more mistake, found where the job file lies."""
        return JobCheck(problems=(*self.problems, Finding(key, refusal.sentence)), outlook=None)


def check_job(
    reader: Person,
    value: object,
    *,
    project_id: str,
    now: datetime,
    workshop: Workshop,
    brings_code: bool = False,
    hash_files: HashFiles | None = None,
) -> JobCheck:
    """Return every mistake of a job file as it was read, or what it would take and mean.

    `brings_code`: whoever asks would bring its folder along, into which `hash_files` looks. Nothing
    is submitted. Refused is only what no other file would mend: that the reader may not submit to
    the project, or that the project takes no jobs.
    """
    check_permission(reader, Permission.SUBMIT_JOB)
    project = projects.check_own(reader, project_store.get_project(project_id))
    projects.check_can_run(project, now=now)
    try:
        spec = read_job_file(value, project_id=project_id, workshop=workshop)
    except InvalidJobFile as refusal:
        return JobCheck(problems=refusal.findings, outlook=None)
    question = Question(spec=spec, project=project, person_id=reader.id, now=now, workshop=workshop)
    return _check(reader, question, brings_code=brings_code, hash_files=hash_files)


def _check(
    reader: Person, question: Question, *, brings_code: bool, hash_files: HashFiles | None
) -> JobCheck:
    spec, workshop, found = question.spec, question.workshop, None
    refused: list[Finding] = []
    try:
        found = previews.preview_job(
            reader, spec, project_id=question.project.id, now=question.now, workshop=workshop
        )
    except Refusal as refusal:
        refused = _note(refusal)
    partition = found.partition if found else _find_only_place(question)
    findings = _run(_list_rules(reader, question, brings_code=brings_code))
    if partition is not None:
        findings += _run(_list_rules_of(partition, question))
    if found and found.left_seconds < 0:
        findings.append(_say_too_dear(found))
    problems = tuple(_once([*findings, *refused]))
    if problems or found is None:
        return JobCheck(problems=problems, outlook=None)
    outlook = Outlook(
        spec=found.spec,
        preview=found,
        cost=_count_cost(found, question.project),
        data=find_data_sets(spec.data, workshop.data_sets),
        has_environment=environments.find_built(
            spec,
            found.partition,
            project_id=question.project.id,
            person_id=question.person_id,
            workshop=workshop,
            hash_files=hash_files,
        ),
    )
    return JobCheck(problems=(), outlook=outlook)


def _find_only_place(question: Question) -> Partition | None:
    """Return where it would run if nothing were wrong; None where that is a choice."""
    places = brokering.list_places(question)
    is_elsewhere = question.spec.partition not in ("", question.home.id)
    return None if len(places) > 1 or is_elsewhere else question.home


def _list_rules(reader: Person, question: Question, *, brings_code: bool) -> Iterator[Rule]:
    """Return what holds wherever it runs."""
    spec, workshop = question.spec, question.workshop
    yield lambda: models.check_parents(reader, spec.parents)
    if find_hash(spec.workdir) or not brings_code:
        yield lambda: code_archives.check_known(spec, question.project.id)
    yield lambda: pin_data(spec, workshop.data_sets)
    yield lambda: project_secrets.check_named(spec, question.project.id)
    yield lambda: dependencies.find_dependencies(
        spec, project_id=question.project.id, client_key=""
    )
    yield lambda: expand_sweep(spec)
    if spec.blueprint:
        known = workshop.blueprints
        yield lambda: check_nodes(find_blueprint(known, spec.blueprint), spec.num_nodes)
        yield lambda: _check_params(question)
        yield lambda: _check_single(question)
        yield lambda: check_needed(spec, find_blueprint(known, spec.blueprint), workshop.data_sets)


def _check_params(question: Question) -> None:
    blueprint = find_blueprint(question.workshop.blueprints, question.spec.blueprint)
    for single in expand_sweep(question.spec):
        check_params(blueprint, single.params)


def _check_single(question: Question) -> None:
    blueprint = find_blueprint(question.workshop.blueprints, question.spec.blueprint)
    sessions.check_single(blueprint, len(expand_sweep(question.spec)))


def _list_rules_of(partition: Partition, question: Question) -> Iterator[Rule]:
    """Return what holds on a partition."""
    spec, project, workshop, now = (
        question.spec, question.project, question.workshop, question.now,
    )  # fmt: skip
    site = workshop.factory.get_site(partition.site_id)
    yield lambda: jobs.check_partition(project, workshop, partition.id)
    yield lambda: cluster_accounts.get_user_name(site, question.person_id)
    yield lambda: quotas.check_may_submit(project, partition, now=now)
    for excess in job_limits.find_excesses(spec, project, partition):
        yield partial(_refuse, excess)
    if spec.reservation:
        yield lambda: jobs.check_reservation(spec, project, partition, now=now)
    yield lambda: data_sets.check_data(pin_data(spec, workshop.data_sets), partition, workshop)
    yield lambda: project_secrets.check_site(spec, site)
    yield lambda: agents.check_takes(spec, site)
    yield lambda: containers.check_image(spec, partition, workshop)
    yield lambda: check_residency(
        parse_data_class(spec.data_class),
        partition.country,
        factory_countries=workshop.factory.countries,
    )
    if spec.blueprint:
        yield lambda: sessions.check_partition(
            find_blueprint(workshop.blueprints, spec.blueprint), partition, site
        )
        yield lambda: launches.check_environment(
            find_blueprint(workshop.blueprints, spec.blueprint), partition, workshop
        )


def _refuse(refusal: Refusal) -> None:
    raise refusal


def _run(rules: Iterator[Rule]) -> list[Finding]:
    findings: list[Finding] = []
    for rule in rules:
        try:
            rule()
        except Refusal as refusal:
            findings += _note(refusal)
    return findings


def _note(refusal: Refusal) -> list[Finding]:
    if isinstance(refusal, InvalidParams):
        return list(refusal.findings)
    if isinstance(refusal, AgentIsTooOld):
        return [Finding(str(refusal.facts["key"]), refusal.sentence)]
    return [Finding(KEYS.get(type(refusal), ""), refusal.sentence)]


def _once(findings: list[Finding]) -> Iterator[Finding]:
    seen = set()
    for finding in findings:
        told = (finding.key, finding.sentence.english())
        if told not in seen:
            seen.add(told)
            yield finding


def _say_too_dear(found: Preview) -> Finding:
    facts = {
        "asked": _hours(found.held_seconds),
        "left": _hours(found.available_seconds),
        "unit": Sentence(found.unit.hours_name),
    }
    return Finding(
        "max_duration",
        Sentence(
            "It would hold {asked} {unit}; {left} are left to the project here. Ask for a shorter "
            "limit, fewer nodes or fewer jobs.",
            facts,
        ),
    )


def _hours(seconds: int) -> float:
    return round(float(hours_from_seconds(seconds)), 3)


def _count_cost(found: Preview, project: Project) -> Cost:
    spec, partition = found.spec, found.partition
    limit_seconds = partition.limit_attempt(spec.max_duration_seconds)
    attempts = -(-spec.max_duration_seconds // limit_seconds)
    seconds = spec.max_duration_seconds + attempts * partition.grace_seconds
    nodes = found.jobs * spec.num_nodes
    return Cost(
        charged_seconds=nodes * seconds * partition.charge_factor,
        energy=bound_energy(
            nodes=nodes,
            wall_seconds=seconds,
            watts_most_per_node=partition.worst_watts_per_node,
            pue=partition.pue,
        ),
        price_cents_per_hour=_find_price(project, partition),
    )


def _find_price(project: Project, partition: Partition) -> int | None:
    """Return what an hour was awarded at; time on other partitions came without a price."""
    award = award_store.find_award_of_application(project.application_id)
    if award is None or award.partition_id != partition.id:
        return None
    return award.price_cents_per_hour
