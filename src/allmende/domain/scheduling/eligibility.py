"""What a job waits for besides nodes: other jobs, its own choice, a pause, its siblings.

A job that waits for one of these is not eligible: it takes no part in the plan and creates no debt.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.jobs import LIFECYCLE, LONGEST_PAUSE, Job, JobState


def find_broken(job: Job, states: Mapping[str, JobState]) -> Sentence | None:
    """Return why a job never starts: another had to complete, and ended otherwise."""
    for other in job.after_ok:
        state = states[other]
        if LIFECYCLE.is_final(state) and state is not JobState.COMPLETED:
            facts = {"job": other, "state": state.value}
            return Sentence(
                "Job {job} had to complete before, and ended as {state}. So this one never starts.",
                facts,
            )
    return None


def find_dependency(job: Job, states: Mapping[str, JobState]) -> Sentence | None:
    """Return for which jobs a job waits, or that it waits in vain; None when it need not wait."""
    broken = find_broken(job, states)
    if broken:
        return broken
    others = dict.fromkeys((*job.after, *job.after_ok))
    still = [other for other in others if not LIFECYCLE.is_final(states[other])]
    if not still:
        return None
    if len(still) == 1:
        return Sentence("It waits for job {job} to end.", {"job": still[0]})
    return Sentence(
        "It waits for job {job} to end, and for {count} more.",
        {"job": still[0], "count": len(still) - 1},
    )


def find_choice(job: Job, *, now: datetime) -> Sentence | None:
    """Return until when a job waits by its own choice, and for how long it would at most."""
    if job.chosen_start_at is None or job.chosen_start_at <= now:
        return None
    return Sentence(
        "It waits by choice for better hours, until {chosen}; its latest start is {latest}.",
        {"chosen": job.chosen_start_at, "latest": job.latest_start_at},
    )


def find_pause(job: Job, *, now: datetime) -> Sentence | None:
    """Return until when a job pauses because its last attempt failed."""
    if job.retry_at is None or job.retry_at <= now:
        return None
    if job.retry_at - now > LONGEST_PAUSE:  # the clock was set back since
        return None
    return Sentence(
        "Its last attempt failed, so it pauses; it tries again at {retry}.",
        {"retry": job.retry_at},
    )


def find_throttled(alive: Iterable[Job], *, barred: Iterable[str]) -> dict[str, Sentence]:
    """Return by job why it lets its siblings go first: they asked for so many at once, no more.

    `alive` has every job that waits or runs, `barred` who cannot start anyway and so takes no
    place. Places go by index, then by the order of submission.
    """
    bound = [job for job in alive if job.max_parallel]
    taken = Counter(job.sweep_id for job in bound if job.has_open_attempt)
    skipped, found = frozenset(barred), {}
    waiting = [job for job in bound if not job.has_open_attempt and job.id not in skipped]
    for job in sorted(waiting, key=_place):
        if taken[job.sweep_id] < job.max_parallel:
            taken[job.sweep_id] += 1
        else:
            found[job.id] = Sentence(
                "As many jobs of the same submission as it wants at once, {most}, run or go first.",
                {"most": job.max_parallel},
            )
    return found


def _place(job: Job) -> tuple[int, datetime, str]:
    return (job.sweep_index, job.submitted_at, job.id)
