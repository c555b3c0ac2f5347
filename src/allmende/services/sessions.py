"""Sessions are jobs that people open while they run: what the launch of one takes besides."""

from allmende.domain.basics.sites import Partition, Site
from allmende.domain.scheduling.jobs import Job
from allmende.domain.training.blueprints import Blueprint
from allmende.domain.training.sessions import THIS_MACHINE, NoSessionsThere, SeveralSessions
from allmende.domain.trust.certificates import Identity, derive_identity
from allmende.services.workshop import Workshop

EVERYWHERE = ""  # a node of a cluster may have several addresses


def is_session(job: Job, workshop: Workshop) -> bool:
    """Say whether a job is one that people open."""
    blueprint = workshop.blueprints.get(str(job.spec.get("blueprint", "")).partition("@")[0])
    return blueprint is not None and blueprint.interactive


def check_single(blueprint: Blueprint, jobs: int) -> None:
    """Refuse a sweep of sessions."""
    if blueprint.interactive and jobs > 1:
        raise SeveralSessions(jobs=jobs)


def check_partition(blueprint: Blueprint, partition: Partition, site: Site) -> None:
    """Refuse a session on nodes that the gate does not reach."""
    if blueprint.interactive and site.agent:
        raise NoSessionsThere(partition=partition.name)


def secrets_of(
    job: Job, attempt_key: str, partition: Partition, workshop: Workshop
) -> dict[str, str]:
    """Return the variables of the session of an attempt: what it is shown, what it shows itself,
    and at which addresses it listens."""
    if not is_session(job, workshop):
        return {}
    identity = identity_of(attempt_key, workshop)
    return {
        "ALLMENDE_SESSION_TOKEN": token_of(attempt_key, workshop),
        "ALLMENDE_SESSION_IDENTITY": identity.private_key + identity.certificate,
        "ALLMENDE_SESSION_ADDRESS": EVERYWHERE if partition.is_on_slurm else THIS_MACHINE,
    }


def token_of(attempt_key: str, workshop: Workshop) -> str:
    """Return what the gate shows to the session of an attempt; nobody else knows it."""
    return workshop.seal.derive(f"session/{attempt_key}")


def identity_of(attempt_key: str, workshop: Workshop) -> Identity:
    """Return what the session of an attempt shows to the gate; no other has its key."""
    secret = workshop.seal.derive(f"session-identity/{attempt_key}")
    return derive_identity(bytes.fromhex(secret), name=attempt_key)
