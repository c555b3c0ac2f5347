"""From a job and its attempt to the launch that a backend understands."""

from allmende.domain.basics.sites import Partition
from allmende.domain.scheduling.backends import Launch
from allmende.domain.scheduling.exchanges import FOLDER_OF, PYTHON_OF
from allmende.domain.scheduling.jobs import Attempt, Job
from allmende.domain.training.blueprints import (
    Blueprint,
    check_nodes,
    check_params,
    command_for,
    find_blueprint,
)
from allmende.domain.training.job_files import JobSpec
from allmende.services import cluster_accounts
from allmende.services.workshop import Workshop


def check_blueprint(specs: list[JobSpec], workshop: Workshop) -> Blueprint:
    """Return the blueprint of some jobs, refusing what it does not take."""
    blueprint = find_blueprint(workshop.blueprints, specs[0].blueprint)
    check_nodes(blueprint, specs[0].num_nodes)
    for spec in specs:
        check_params(blueprint, spec.params)
    return blueprint


def check_environment(blueprint: Blueprint, partition: Partition, workshop: Workshop) -> None:
    """Refuse a blueprint whose environment is not built, where jobs run on this machine."""
    if not workshop.factory.get_site(partition.site_id).agent:  # else only the agent can tell
        workshop.environment_python(blueprint.id)


def build_launch(job: Job, attempt: Attempt, *, workshop: Workshop) -> Launch:
    """Return everything that the backend needs to run this attempt."""
    spec = JobSpec.from_json(job.spec)
    partition = workshop.factory.get_partition(job.partition_id)
    site = workshop.factory.get_site(partition.site_id)
    return Launch(
        key=attempt.key,
        job_id=job.id,
        attempt=attempt.number,
        nodes=attempt.nodes,
        command=_command(spec, workshop, is_elsewhere=site.agent),
        environment=spec.environment(),
        workdir=spec.workdir,
        time_limit_seconds=job.request.time_limit_seconds,
        grace_seconds=job.request.grace_seconds,
        memory_bytes_per_node=job.request.memory_bytes_per_node,
        num_nodes=job.request.nodes,
        gpus_per_node=partition.gpus_per_node,
        cores_per_node=partition.cores_per_node,
        user_name=cluster_accounts.get_user_name(site, job.person_id),
        account=job.project_id,
        qos=partition.qos_of(job.group_id),
        partition=partition.name_on_slurm,
        requeue=job.request.preemptible,
    )


def _command(spec: JobSpec, workshop: Workshop, *, is_elsewhere: bool) -> tuple[str, ...]:
    if not spec.blueprint:
        return spec.shell_command()
    blueprint = find_blueprint(workshop.blueprints, spec.blueprint)
    if is_elsewhere:  # only the agent knows where things are on its machine
        folder, python = f"{FOLDER_OF}{blueprint.id}", f"{PYTHON_OF}{blueprint.id}"
        return command_for(blueprint, spec.params, folder=folder, python=python)
    return command_for(
        blueprint,
        spec.params,
        folder=workshop.blueprint_folder(blueprint.id),
        python=workshop.environment_python(blueprint.id),
    )
