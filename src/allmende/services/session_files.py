"""What people saved in a session: listed and handed out while it runs and afterwards."""

from typing import IO

from allmende.domain.basics.characters import find_unseen
from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import NotFound, Refusal
from allmende.domain.training.sessions import NOTEBOOKS
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import jobs, models
from allmende.services.sessions import is_session
from allmende.services.workshop import Workshop

MOST_FILES = 200
MEGABYTE = 1_000_000
MOST_FILE_MEGABYTES = 250


class SavedFileTooLarge(Refusal):
    """{name} has more than {most} MB, the most that is handed out. Save it in several files."""

    status = 413


def list_files(reader: Person, job_id: str, *, workshop: Workshop) -> dict[str, int]:
    """Return the files of a session of the reader's project, with their sizes in bytes.

    At most `MOST_FILES`, in the order of their names; hidden ones are left out, and those whose
    names are no text. Any other job has none: what it leaves is a model.
    """
    check_permission(reader, Permission.SEE_JOB)
    job = jobs.get_own_job(reader, job_id)
    if not is_session(job, workshop):
        return {}
    found = workshop.backend_of(job.partition_id).list_output(job_id)
    names = [name.removeprefix(NOTEBOOKS) for name in sorted(found) if _is_shown(name)]
    return {name: found[NOTEBOOKS + name] for name in names[:MOST_FILES]}


def copy_file(
    reader: Person, job_id: str, name: str, *, into: IO[bytes], workshop: Workshop
) -> None:
    """Write a file of a session of the reader's project, piece by piece; `NotFound` for none.

    A session may go on writing, so that nobody knows the end before: whoever refuses a file that
    turns out too large throws away what was written.
    """
    check_permission(reader, Permission.SEE_JOB)
    job = jobs.get_own_job(reader, job_id)
    if not is_session(job, workshop) or not _is_shown(NOTEBOOKS + name):
        raise NotFound(kind="file", id=name)
    left_bytes = MOST_FILE_MEGABYTES * MEGABYTE
    backend = workshop.backend_of(job.partition_id)
    for piece in models.read_pieces(backend, job_id, NOTEBOOKS + name):
        left_bytes -= len(piece)
        if left_bytes < 0:
            raise SavedFileTooLarge(name=name, most=MOST_FILE_MEGABYTES)
        into.write(piece)


def _is_shown(name: str) -> bool:
    """Say whether a file is one of the person's own; Jupyter keeps drafts in hidden folders.

    A name with what nobody sees, as a line break, fits into no address.
    """
    is_hidden = any(part.startswith(".") for part in name.split("/"))
    is_text = find_unseen(name, is_line=True) is None
    return name.startswith(NOTEBOOKS) and is_text and not is_hidden
