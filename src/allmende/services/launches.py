"""From a job and its attempt to the launch that a backend understands."""

from collections.abc import Sequence
from dataclasses import replace

from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sites import Partition, Site
from allmende.domain.scheduling.backends import Container, Launch
from allmende.domain.scheduling.exchanges import CODE_OF, DATA_OF, FOLDER_OF, PYTHON_OF
from allmende.domain.scheduling.jobs import Attempt, Job, ResourceRequest
from allmende.domain.scheduling.shares import Path
from allmende.domain.training.blueprints import (
    Blueprint,
    check_nodes,
    check_params,
    command_for,
    find_blueprint,
)
from allmende.domain.training.code_archives import CODE_FOLDER, find_hash
from allmende.domain.training.data_sets import (
    DataSet,
    check_needed,
    data_environment,
    find_data_sets,
)
from allmende.domain.training.job_files import parse_kept_job_file
from allmende.domain.training.job_specs import JobSpec
from allmende.services import (
    agents,
    cluster_accounts,
    containers,
    environments,
    project_secrets,
    sessions,
)
from allmende.services.snapshots import path_of
from allmende.services.workshop import Workshop

# On Slurm more than fair share and age weigh together, less than the QOS of a group that is owed.
NICE_IF_LATE = 200_000
# A data set, the folder where it lies, and where the job finds it.
DataPlace = tuple[DataSet, str, str]


class NodesSeeNoBlueprint(Refusal):
    """The nodes of {partition} do not see {path}, which the blueprint {blueprint} needs. Choose
    another partition, or ask the operators to put blueprints and their environments into a folder
    that the nodes share."""

    status = 422


def check_blueprint(specs: list[JobSpec], workshop: Workshop) -> Blueprint:
    """Return the blueprint of some jobs, refusing what it does not take."""
    blueprint = find_blueprint(workshop.blueprints, specs[0].blueprint)
    sessions.check_single(blueprint, len(specs))
    check_nodes(blueprint, specs[0].num_nodes)
    check_needed(specs[0], blueprint, workshop.data_sets)
    for spec in specs:
        check_params(blueprint, spec.params)
    return blueprint


def check_environment(blueprint: Blueprint, partition: Partition, workshop: Workshop) -> None:
    """Refuse a blueprint whose environment is not built, or not seen by the nodes of a cluster."""
    site = workshop.factory.get_site(partition.site_id)
    if site.agent:
        return  # only the agent can tell
    python = workshop.environment_python(blueprint.id)
    if partition.is_on_slurm and site.slurm:
        for path in (python, workshop.blueprint_folder(blueprint.id)):
            if not site.slurm.sees(path):
                raise NodesSeeNoBlueprint(
                    partition=partition.name, path=path, blueprint=blueprint.id
                )


def check_site(spec: JobSpec, partition: Partition, workshop: Workshop) -> None:
    """Refuse a partition whose site cannot do all that a job file says of its place."""
    site = workshop.factory.get_site(partition.site_id)
    agents.check_takes(spec, site)
    project_secrets.check_site(spec, site)
    containers.check_image(spec, partition, workshop)
    blueprint = workshop.blueprints.get(spec.blueprint.partition("@")[0])
    if blueprint is not None:
        sessions.check_partition(blueprint, partition, site)


def build_launch(
    job: Job, attempt: Attempt, *, workshop: Workshop, is_late: bool = False
) -> Launch:
    """Return everything that the backend needs to run this attempt.

    `is_late`: its project has used its quota, and it goes after the others of its group.
    """
    spec = parse_kept_job_file(job.spec)
    partition = workshop.factory.get_partition(job.partition_id)
    site = workshop.factory.get_site(partition.site_id)
    user_name = cluster_accounts.get_user_name(site, job.person_id)
    code = find_hash(spec.workdir)
    secrets = project_secrets.open_secrets(spec, job.project_id, seal=workshop.seal)
    secrets |= sessions.secrets_of(job, attempt.key, partition, workshop)
    agents.check_takes(spec, site)
    containers.check_image(spec, partition, workshop)
    places = _place_data(spec, workshop, site)
    return replace(
        sketch_launch(
            job.request,
            partition,
            path=path_of(job),
            user_name=user_name,
            constraint=spec.constraint,
            is_late=is_late,
        ),
        key=attempt.key,
        job_id=job.id,
        attempt=attempt.number,
        nodes=attempt.nodes,
        command=_command(spec, workshop, is_elsewhere=site.agent),
        environment=spec.environment() | _tell_data(spec, places),
        workdir=CODE_FOLDER if code else spec.workdir,
        code=_code(job.project_id, code, workshop, is_elsewhere=site.agent) if code else "",
        secrets=secrets,
        # Requeued by the cluster itself it would start without them: it is submitted anew instead.
        requeue=job.request.preemptible and not secrets,
        reservation=job.reservation_id,
        setup=spec.setup,
        environment_id=environments.identify(spec, job.project_id, workshop=workshop),
        container=_container(spec, places, site),
    )


def sketch_launch(
    request: ResourceRequest,
    partition: Partition,
    *,
    path: Path,
    user_name: str,
    constraint: str = "",
    is_late: bool = False,
) -> Launch:
    """Return what a backend is asked for, without anything to run.

    `path` names the group, the project and the person.
    """
    group_id, project_id, _ = path
    return Launch(
        key="",
        job_id="",
        attempt=0,
        nodes=(),
        command=(),
        environment={},
        workdir="",
        time_limit_seconds=request.time_limit_seconds,
        grace_seconds=request.grace_seconds,
        memory_bytes_per_node=request.memory_bytes_per_node,
        num_nodes=request.nodes,
        gpus_per_node=partition.gpus_per_node,
        cores_per_node=partition.cores_per_node,
        user_name=user_name,
        account=project_id,
        qos=partition.qos_of(group_id),
        partition=partition.name_on_slurm,
        constraint=constraint,
        nice=choose_nice(is_late=is_late),
        requeue=request.preemptible,
    )


def choose_nice(*, is_late: bool) -> int:
    """Return by how much the priority of a job is lowered on a cluster."""
    return NICE_IF_LATE if is_late else 0


def _tell_data(spec: JobSpec, places: Sequence[DataPlace]) -> dict[str, str]:
    """Return the variables that say where the job finds its data sets.

    A blueprint that is given none reads the folder that came along, in which it starts.
    """
    if spec.blueprint and find_hash(spec.workdir) and not places:
        return {"ALLMENDE_DATA": "."}
    found = {each.id: place for each, _, place in places}
    return data_environment([each for each, _, _ in places], lambda each: found[each.id])


def _container(spec: JobSpec, places: Sequence[DataPlace], site: Site) -> Container | None:
    """Return in what a job runs, with its data sets; None for one that names no image."""
    if not spec.image:
        return None
    return Container(
        image=spec.image,
        mounts={place: folder for _, folder, place in places},
        tool=site.containers.value,
        network=site.container_network.value,
    )


def _place_data(spec: JobSpec, workshop: Workshop, site: Site) -> list[DataPlace]:
    """Return each data set of a job, the folder where it lies at a site, and where the job sees it.

    The two differ in a container alone.
    """
    found = []
    data_sets = find_data_sets(spec.data, workshop.data_sets)
    for mount, each in zip(spec.data, data_sets, strict=True):
        # Only the agent knows where things are on its machine.
        folder = f"{DATA_OF}{each.id}@{each.version}" if site.agent else each.folders[site.id]
        found.append((each, folder, mount.mount if spec.image and mount.mount else folder))
    return found


def _code(project_id: str, sha256: str, workshop: Workshop, *, is_elsewhere: bool) -> str:
    """Return where the archive lies; an agent gets it from us first, and knows it by its hash."""
    return f"{CODE_OF}{sha256}" if is_elsewhere else str(workshop.find_code(project_id, sha256))


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
