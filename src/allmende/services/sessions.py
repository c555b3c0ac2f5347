"""Sessions are jobs that people open while they run: what the launch of one takes besides."""

from allmende.domain.basics.sites import Partition, Site
from allmende.domain.scheduling.jobs import Attempt, Job
from allmende.domain.training.blueprints import Blueprint
from allmende.domain.training.sessions import NoSessionsThere
from allmende.services.workshop import Workshop

VARIABLE = "ALLMENDE_SESSION_TOKEN"


def is_session(job: Job, workshop: Workshop) -> bool:
    """Say whether a job is one that people open."""
    blueprint = workshop.blueprints.get(str(job.spec.get("blueprint", "")).partition("@")[0])
    return blueprint is not None and blueprint.interactive


def check_partition(blueprint: Blueprint, partition: Partition, site: Site) -> None:
    """Refuse a session on nodes that the gate does not reach."""
    if blueprint.interactive and (site.agent or partition.is_on_slurm):
        raise NoSessionsThere(partition=partition.name)


def secrets_of(job: Job, attempt: Attempt, workshop: Workshop) -> dict[str, str]:
    """Return the variable with what the gate will show to the session of an attempt."""
    return {VARIABLE: token_of(attempt, workshop)} if is_session(job, workshop) else {}


def token_of(attempt: Attempt, workshop: Workshop) -> str:
    """Return what the gate shows to the session of an attempt; nobody else knows it."""
    return workshop.seal.derive(f"session/{attempt.key}")
