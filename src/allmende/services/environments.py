"""Environments: what the `setup` of a job file makes, known by all that it depends on."""

from collections.abc import Callable
from functools import partial

from allmende.domain.basics.sites import Partition
from allmende.domain.training.code_archives import find_hash
from allmende.domain.training.environments import environment_id
from allmende.domain.training.job_specs import JobSpec
from allmende.services import cluster_accounts
from allmende.services.workshop import Workshop

HashFiles = Callable[[str], str]  # of those files of a folder on which these lines of `setup` depend


def identify(
    spec: JobSpec, project_id: str, *, workshop: Workshop, hash_files: HashFiles | None = None
) -> str:
    """Return the id of the environment that a job needs; "" without `setup`.

    `hash_files`: of a folder that is still to be brought.
    """
    if code := find_hash(spec.workdir):
        hash_files = partial(workshop.hash_setup_files, project_id, code)
    if not (spec.setup and hash_files):
        return environment_id(spec)
    # The image may be a file that came along, too: another one of that name is another image.
    return environment_id(spec, files_sha256=hash_files(f"{spec.setup}\n{spec.image}"))


def find_built(
    spec: JobSpec,
    partition: Partition,
    *,
    project_id: str,
    person_id: str,
    workshop: Workshop,
    hash_files: HashFiles | None = None,
) -> bool | None:
    """Say whether the environment of a job file lies on a partition, for a person of a project.

    None where nobody here can tell, and where the job file needs none.
    """
    is_folder_known = find_hash(spec.workdir) or not spec.workdir or hash_files
    if not spec.setup or not is_folder_known:
        return None
    site = workshop.factory.get_site(partition.site_id)
    return workshop.backend_of(partition.id).has_environment(
        identify(spec, project_id, workshop=workshop, hash_files=hash_files),
        account=project_id,
        user_name=cluster_accounts.get_user_name(site, person_id),
    )
