"""Sessions are jobs that people open while they run: what the launch of one takes besides."""

from allmende.domain.basics.sites import Partition, Site
from allmende.domain.scheduling.jobs import Attempt, Job
from allmende.domain.training.blueprints import Blueprint
from allmende.domain.training.sessions import SessionsStayHere
from allmende.services.workshop import Workshop

TOKEN, HOST = "ALLMENDE_SESSION_TOKEN", "ALLMENDE_SESSION_HOST"
# A node of a cluster is reached from outside; on this machine nobody else needs to reach it.
EVERY_ADDRESS, THIS_MACHINE = "0.0.0.0", "127.0.0.1"  # noqa: S104


def is_session(job: Job, workshop: Workshop) -> bool:
    """Say whether a job is one that people open."""
    blueprint = workshop.blueprints.get(str(job.spec.get("blueprint", "")).partition("@")[0])
    return blueprint is not None and blueprint.interactive


def check_site(blueprint: Blueprint, site: Site) -> None:
    """Refuse a session at a site that the gate does not reach."""
    if blueprint.interactive and site.agent:
        raise SessionsStayHere(site=site.name)


def tell_host(job: Job, partition: Partition, workshop: Workshop) -> dict[str, str]:
    """Return the variable that says on which address a session listens."""
    if not is_session(job, workshop):
        return {}
    return {HOST: EVERY_ADDRESS if partition.is_on_slurm else THIS_MACHINE}


def secrets_of(job: Job, attempt: Attempt, workshop: Workshop) -> dict[str, str]:
    """Return the variable with what the gate will show to the session of an attempt."""
    return {TOKEN: token_of(attempt, workshop)} if is_session(job, workshop) else {}


def token_of(attempt: Attempt, workshop: Workshop) -> str:
    """Return what the gate shows to the session of an attempt; nobody else knows it."""
    return workshop.seal.derive(f"session/{attempt.key}")
