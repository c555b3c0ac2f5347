"""What goes wrong with one job or project, and must stop no other one."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from allmende.domain.basics import mistakes
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.jobs import JobEvent
from allmende.services.deeds import Deed
from allmende.storage import database
from allmende.storage import jobs as job_store

MISTAKES = (*mistakes.MISTAKES, *database.ROW_TROUBLES)

Thing = TypeVar("Thing")
Done = TypeVar("Done")


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


def do_each(things: Iterable[Thing], do: Callable[[Thing], Done]) -> list[Done]:
    """Do something with each of them, whatever goes wrong with another, and return what came.

    Raises an `ExceptionGroup` of all that went wrong, once each had its turn.
    """
    done, wrong = [], []
    for thing in things:
        try:
            done.append(do(thing))
        except (Refusal, ExceptionGroup, *MISTAKES) as error:
            wrong.append(error)
    if wrong:
        raise ExceptionGroup("Some were left out.", wrong)
    return done
