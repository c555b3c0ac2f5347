"""What a partition gives one job at most, and the refusal of whatever asks for more."""

from collections.abc import Iterator

from allmende.domain.access.projects import Project
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition
from allmende.domain.training import fields
from allmende.domain.training.amounts import UNBOUNDED
from allmende.domain.training.job_files import NodeTooLarge, find_unservable
from allmende.domain.training.job_specs import JobSpec


class TooManyNodes(Refusal):
    """The job asks for {nodes} nodes; {partition} gives {group} at most {most}. Ask for fewer."""

    status = 422


class LimitTooLong(Refusal):
    """The job asks for {asked} s; {partition} allows {most} s at a time. Set a shorter
    max_duration; or, if your code saves checkpoints, set checkpoint.every, and it goes on in
    further attempts."""

    status = 422


class TooMuchMemory(Refusal):
    """The job asks for {asked} MB a node; a node of {partition} has {most} MB. Ask for less."""

    status = 422


class ConstraintNeedsSlurm(Refusal):
    """The nodes of {partition} have no features to choose by: it is not on Slurm. Leave
    resources.constraint out, or choose another partition."""

    status = 422


def check_resources(spec: JobSpec, project: Project, partition: Partition) -> None:
    """Refuse a job file that asks for more than the partition gives."""
    for excess in find_excesses(spec, project, partition):
        raise excess


def find_excesses(spec: JobSpec, project: Project, partition: Partition) -> Iterator[Refusal]:
    """Return every refusal of what a job file asks for beyond what the partition gives."""
    yield from find_unservable(
        spec, cores_per_node=partition.cores_per_node, accelerators_per_node=partition.gpus_per_node
    )
    if spec.constraint and not partition.is_on_slurm:
        yield ConstraintNeedsSlurm(partition=partition.name)
    group = partition.get_group(project.group_id)
    widest = min(partition.max_nodes_per_job, group.widest_job_nodes)
    # Inside a reservation its nodes are the limit: the guarantees of others are kept outside.
    if spec.num_nodes > widest and not spec.reservation:
        yield TooManyNodes(
            nodes=spec.num_nodes, partition=partition.name, most=widest, group=group.name
        )
    if spec.max_duration_seconds > partition.max_time_limit_seconds and not spec.goes_on:
        yield LimitTooLong(
            asked=spec.max_duration_seconds,
            partition=partition.name,
            most=partition.max_time_limit_seconds,
        )
    node_bytes = int(partition.memory_gigabytes_per_node * 1e9)
    if spec.memory_bytes and spec.memory_bytes > node_bytes:
        yield TooMuchMemory(
            asked=spec.memory_bytes // 1_000_000,
            partition=partition.name,
            most=node_bytes // 1_000_000,
        )
    if (spec.memory_bytes_most or UNBOUNDED) < node_bytes:
        yield NodeTooLarge(
            most=fields.render_memory(spec.memory_bytes_most or 0),
            what=Sentence("of memory"),
            there=f"{partition.memory_gigabytes_per_node:g} GB",
            least=fields.render_memory(spec.memory_bytes or 0),
        )
