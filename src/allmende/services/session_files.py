"""What people saved in a session: listed and handed out while it runs and afterwards."""

from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import NotFound
from allmende.domain.training.sessions import NOTEBOOKS
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import jobs
from allmende.services.sessions import is_session
from allmende.services.workshop import Workshop

MOST_FILES = 200


def list_files(reader: Person, job_id: str, *, workshop: Workshop) -> dict[str, int]:
    """Return the files of a session of the reader's project, with their sizes in bytes.

    At most `MOST_FILES`, in the order of their names; hidden ones are left out. Any other job has
    none: what it leaves is a model.
    """
    check_permission(reader, Permission.SEE_JOB)
    job = jobs.get_own_job(reader, job_id)
    if not is_session(job, workshop):
        return {}
    found = workshop.backend_of(job.partition_id).list_output(job_id)
    names = [name.removeprefix(NOTEBOOKS) for name in sorted(found) if _is_shown(name)]
    return {name: found[NOTEBOOKS + name] for name in names[:MOST_FILES]}


def read_file(reader: Person, job_id: str, name: str, *, workshop: Workshop) -> bytes:
    """Return a file of a session of the reader's project; `NotFound` where there is none."""
    check_permission(reader, Permission.SEE_JOB)
    job = jobs.get_own_job(reader, job_id)
    if not is_session(job, workshop) or not _is_shown(NOTEBOOKS + name):
        raise NotFound(kind="file", id=name)
    return workshop.backend_of(job.partition_id).read_output(job_id, NOTEBOOKS + name)


def _is_shown(name: str) -> bool:
    """Say whether a file is one of the person's own; Jupyter keeps drafts in hidden folders."""
    is_hidden = any(part.startswith(".") for part in name.split("/"))
    return name.startswith(NOTEBOOKS) and not is_hidden
