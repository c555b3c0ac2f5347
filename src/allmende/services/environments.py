"""Environments: what the `setup` of a job file makes, known by all that it depends on."""

from collections.abc import Callable
from functools import partial

from allmende.domain.access.calls import AccessRules
from allmende.domain.access.projects import Project
from allmende.domain.access.reports import is_data_due
from allmende.domain.basics.sites import Partition
from allmende.domain.training.code_archives import find_hash
from allmende.domain.training.environments import environment_id
from allmende.domain.training.job_specs import JobSpec
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import audit, cluster_accounts, mistakes
from allmende.services.deeds import Deed, one_transaction
from allmende.services.workshop import Workshop
from allmende.storage import projects as project_store
from allmende.storage import queues as queue_store

# Hashes those files of a folder on which some lines of `setup` depend.
HashFiles = Callable[[str], str]


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


def remove_overdue(deed: Deed, *, workshop: Workshop, rules: AccessRules) -> int:
    """Remove those of projects whose data may be deleted; return how many are gone.

    Such a project begins no job. What one of its jobs still uses, wherever, stays until it ended.
    Each place and each project has its turn, as in `mistakes.do_each`.
    """
    check_permission(deed.actor, Permission.RUN_CYCLE)
    places = [each for each in workshop.factory.partitions if each.takes_jobs]
    remove = partial(_remove_overdue, deed, workshop=workshop, rules=rules)
    return sum(mistakes.do_each(places, remove))


def _remove_overdue(
    deed: Deed, partition: Partition, *, workshop: Workshop, rules: AccessRules
) -> int:
    backend = workshop.backend_of(partition.id)

    def remove(project: Project) -> int:
        is_due = is_data_due(project, book=rules.book, now=deed.now)
        if not is_due or queue_store.has_alive(project.id):
            return 0
        removed = backend.remove_environments(project.id)  # first: what is told has been done
        if removed:
            _tell_removed(deed, project.id, partition.site_id, removed=removed)
        return removed

    # The folder of a project that the database does not know, as after a restore, stays.
    found = project_store.list_projects_by_id(backend.list_environments())
    return sum(mistakes.do_each(found, remove))


@one_transaction
def _tell_removed(deed: Deed, project_id: str, site_id: str, *, removed: int) -> None:
    audit.record(
        deed,
        action="environments.removed",
        subject=project_id,
        site=site_id,
        environments=removed,
    )
