"""What goes wrong with one job, and must stop no other one."""

from dataclasses import dataclass

from allmende.domain.basics import mistakes
from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.jobs import JobEvent
from allmende.services.deeds import Deed
from allmende.storage import database
from allmende.storage import jobs as job_store

MISTAKES = (*mistakes.MISTAKES, *database.ROW_TROUBLES)


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A job that one step of a heartbeat had to leave out, and why."""

    job_id: str
    error: Exception


def leave_out(deed: Deed, job_id: str, error: Exception) -> Mistake:
    """Tell the owner once that the job was left out; the next heartbeat tries again."""
    sentence = Sentence(
        "The job was left out, for something unforeseen is in its way ({problem}). The heartbeat "
        "tries again; the operators find more in the daemon's log.",
        {"problem": type(error).__name__},
    )
    if all(event.sentence != sentence for event in job_store.list_job_events(job_id)):
        job_store.add_job_event(JobEvent(job_id=job_id, at=deed.now, sentence=sentence))
    return Mistake(job_id=job_id, error=error)
