"""Sweeps of which only the best go on: looked at every few seconds, from what the code reports.

Nothing is kept of a judgement but the stop: the next look judges from the same figures. This
process remembers how far it read each file; another one reads them anew, and finds the same.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace

from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.backends import ProgressFile
from allmende.domain.scheduling.jobs import Job, JobEvent, JobState, StopRequest
from allmende.domain.training import halvings
from allmende.domain.training.halvings import Climb, Fall
from allmende.domain.training.job_files import parse_kept_job_file
from allmende.domain.training.sweep_values import Halving
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import audit, leases, mistakes, runs
from allmende.services.deeds import Deed, one_transaction
from allmende.services.mistakes import Mistake
from allmende.services.runs import Bookmark
from allmende.services.workshop import Workshop
from allmende.storage import jobs as job_store
from allmende.storage import queues as queue_store

PIECE_BYTES = 2**20
# What one look takes in of a job; of more, the rest comes with the next looks.
LOOK_BYTES = 16 * PIECE_BYTES
MOST_REMEMBERED = 5000


class Reading:
    """What a job of a sweep measured, and how much of its file was taken in."""

    def __init__(self, rule: Halving) -> None:
        self.climb, self.bookmark = Climb(rule), Bookmark()

    def catch_up(self, file: ProgressFile) -> bool:
        """Take in what was written since the last look; say whether that is all."""
        if not self.bookmark.lies_in(file):  # another file lies there now
            self.climb, self.bookmark = Climb(self.climb.rule), Bookmark()
        end = min(file.size_bytes, self.bookmark.offset + LOOK_BYTES)
        while self.bookmark.offset < end:
            left_bytes = end - self.bookmark.offset
            content = self.bookmark.read(file, limit=min(PIECE_BYTES, left_bytes))
            if not content:
                break
            self.climb.take(content)
        return end == file.size_bytes


_readings: OrderedDict[str, Reading] = OrderedDict()


def stop_fallen(
    deed: Deed, *, workshop: Workshop, holder: str = ""
) -> tuple[list[Job], list[Mistake]]:
    """Ask jobs to stop, after a checkpoint, that fell behind in a sweep with halving.

    `holder` is the daemon that must still lead; empty where nobody else can. A sweep that cannot
    be judged is left out, and stops no other one.
    """
    check_permission(deed.actor, Permission.RUN_CYCLE)
    stopped: list[Job | None] = []
    left_out = []
    for sweep_id in queue_store.list_running_sweeps():
        sweep = job_store.list_sweep(sweep_id)
        try:
            rule = parse_kept_job_file(sweep[0].spec).halving
            falls = _judge(sweep, rule, workshop) if rule else []
        except (Refusal, *mistakes.MISTAKES) as error:
            left_out.append(mistakes.leave_out(deed, sweep[0].id, error))
            continue
        stopped += [_stop(deed, fall, holder=holder) for fall in falls]
    return [job for job in stopped if job is not None], left_out


def _judge(sweep: Sequence[Job], rule: Halving, workshop: Workshop) -> list[Fall]:
    """Return which jobs of a sweep fall by what was reported up to now."""
    readings = {job.id: _recall(job.id, rule) for job in sweep}
    files = runs.open_progress(sweep, workshop.backend_of)
    known = [readings[job.id].catch_up(file) for job, file in zip(sweep, files, strict=True)]
    if not all(known):
        return []  # nobody falls behind those of whom a part is known
    courses = {job_id: each.climb.course for job_id, each in readings.items()}
    running = [job.id for job in sweep if job.state is JobState.RUNNING]
    return halvings.find_falls(rule, courses, running)


def _recall(job_id: str, rule: Halving) -> Reading:
    reading = _readings.pop(job_id, None) or Reading(rule)
    _readings[job_id] = reading
    if len(_readings) > MOST_REMEMBERED:
        _readings.popitem(last=False)
    return reading


@one_transaction
def _stop(deed: Deed, fall: Fall, *, holder: str) -> Job | None:
    if holder:
        leases.keep_lead(holder)
    job = job_store.lock_job(fall.job_id)
    if job.state is not JobState.RUNNING or job.stop_request is not StopRequest.NONE:
        return None
    facts = {
        "step": fall.step,
        "metric": fall.metric,
        "value": float(f"{fall.value:.6g}"),
        "place": fall.place,
        "came": fall.came,
        "kept": fall.kept,
    }
    end = Sentence(
        "It fell behind: at step {step} its {metric} was {value}, which was place {place} of "
        "{came}, and {kept} went on.",
        facts,
    )
    # Why it ends, once it has; a job that gets done before says that instead.
    job = replace(job, stop_request=StopRequest.AT_CHECKPOINT, end=end)
    job_store.save_job(job)
    sentence = Sentence(
        "It stops at a checkpoint: at step {step} its {metric} is {value}, which is place {place} "
        "of {came}, and {kept} go on.",
        facts,
    )
    job_store.add_job_event(JobEvent(job_id=job.id, at=deed.now, sentence=sentence))
    audit.record(deed, action="job.fell_behind", subject=job.id, step=fall.step, place=fall.place)
    return job
