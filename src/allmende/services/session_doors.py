"""Where the session of an attempt listens, and how it and the gate know each other."""

from allmende.domain.basics.refusals import NotFound
from allmende.domain.basics.sites import Partition
from allmende.domain.scheduling.jobs import Attempt
from allmende.domain.training.sessions import (
    DOOR_FILE,
    LARGEST_DOOR_BYTES,
    THIS_MACHINE,
    Door,
    SessionNotReady,
    read_port,
)
from allmende.services.sessions import identity_of, token_of
from allmende.services.workshop import Workshop
from allmende.storage import jobs as job_store


def find_door(attempt_key: str, *, workshop: Workshop) -> Door:
    """Return the door of the session of an attempt that runs.

    It stays the same while the attempt lives, and to find it may take a question to a cluster.
    """
    attempt = job_store.get_attempt(attempt_key)
    partition = workshop.factory.get_partition(job_store.get_job(attempt.job_id).partition_id)
    return Door(
        host=_find_host(attempt, partition, workshop),
        port=find_port(attempt.job_id, attempt.number, partition.id, workshop=workshop),
        token=token_of(attempt_key, workshop),
        certificate=identity_of(attempt_key, workshop).certificate,
    )


def find_port(job_id: str, attempt: int, partition_id: str, *, workshop: Workshop) -> int:
    """Return on which port a session says that it listens; refuse while it says nothing."""
    try:
        content = workshop.backend_of(partition_id).read_output(
            job_id, DOOR_FILE, limit=LARGEST_DOOR_BYTES
        )
    except NotFound as unsaid:
        raise SessionNotReady(job=job_id) from unsaid
    port = read_port(content, attempt=attempt)
    if port is None:
        raise SessionNotReady(job=job_id)
    return port


def _find_host(attempt: Attempt, partition: Partition, workshop: Workshop) -> str:
    """Return the address of the node, by those who keep it: a job could name any machine."""
    if not partition.is_on_slurm:
        return THIS_MACHINE
    nodes = workshop.cluster_nodes_of(partition.id).list_nodes()
    found = [node.address for node in nodes if node.name in attempt.nodes[:1] and node.address]
    if not found:
        raise SessionNotReady(job=attempt.job_id)
    return found[0]
