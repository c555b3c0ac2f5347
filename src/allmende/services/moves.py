"""Late binding: a job that waits goes to another partition while that is clearly better.

It moves until something of it has begun, or a cluster has it. Its time is held on exactly one
partition at any instant, for both sides of a move are one transaction.
"""

from dataclasses import replace
from datetime import timedelta

from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.brokering import Choice, Verdict, find_move
from allmende.domain.scheduling.jobs import Job, JobEvent
from allmende.domain.training.job_files import parse_kept_job_file
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import allocations, audit, better_hours, brokering, jobs, leases
from allmende.services.brokering import Question
from allmende.services.deeds import Deed, one_transaction
from allmende.services.workshop import Workshop
from allmende.storage import choices as store
from allmende.storage import forecasts as forecast_store
from allmende.storage import jobs as job_store
from allmende.storage import projects as project_store
from allmende.storage.choices import KeptChoice

# A look ahead takes up to a second; so often and so many, that nobody waits for it.
JUDGED_EVERY = timedelta(minutes=1)
IN_A_PASS = 5


def move_waiting(deed: Deed, *, workshop: Workshop, holder: str = "") -> list[Job]:
    """Judge some waiting jobs anew, the longest ago first; return those that have moved.

    `holder` is the daemon that must still lead; empty where nobody else can.
    """
    check_permission(deed.actor, Permission.RUN_CYCLE)
    moved = []
    for job_id in store.list_open(judged_before=deed.now - JUDGED_EVERY, limit=IN_A_PASS):
        job = job_store.get_job(job_id)
        if not job.may_move:
            _close(deed, job_id)
            continue
        try:
            choice = _find_move(deed, job, workshop)
            found = choice and _move(deed, job, choice, workshop=workshop, holder=holder)
        except Refusal:  # such as a budget that somebody else has just used: it stays
            found = None
        if found:
            moved.append(found)
        else:
            _note_judged(deed, job_id)
    return moved


def _find_move(deed: Deed, job: Job, workshop: Workshop) -> Choice | None:
    question = Question(
        spec=parse_kept_job_file(job.spec),
        project=project_store.get_project(job.project_id),
        person_id=job.person_id,
        now=deed.now,
        workshop=workshop,
        waiting=job,
    )
    needs = brokering.say_needs(question)
    offers = brokering.list_offers(question, needs, brokering.list_places(question), foresees=True)
    return find_move(needs, offers, current_id=job.partition_id)


@one_transaction
def _move(deed: Deed, seen: Job, choice: Choice, *, workshop: Workshop, holder: str) -> Job | None:
    """Give a job's time back where it waits and hold it where it goes; None: it just began."""
    if holder:
        leases.keep_lead(holder)
    job = job_store.lock_job(seen.id)  # a plan may be starting it, or its owner cancelling it
    if not job.may_move or job.partition_id != seen.partition_id:
        return None
    taken = choice.chosen
    assert taken is not None, "a move has somewhere to go"
    number = store.count_choices(job.id) + 1
    if job.hold_id:
        reason = Sentence("job {job} moves to {place}", {"job": job.id, "place": taken.name})
        allocations.void_hold(deed, hold_id=job.hold_id, reason=reason)
    moved = _hold_there(deed, job, taken, number=number, workshop=workshop)
    store.add_choice(
        KeptChoice(job_id=job.id, number=number, made_at=deed.now, choice=choice), is_open=True
    )
    forecast_store.forget(job.id)  # it was one for the other partition
    here = workshop.factory.get_partition(job.partition_id).name
    sentence = Sentence(
        "It moved from {here} to {there}. {why}",
        {"here": here, "there": taken.name, "why": taken.sentence},
    )
    job_store.add_job_event(JobEvent(job_id=job.id, at=deed.now, sentence=sentence))
    audit.record(deed, action="job.moved", subject=job.id, to=taken.partition_id)
    return moved


def _hold_there(deed: Deed, job: Job, taken: Verdict, *, number: int, workshop: Workshop) -> Job:
    """Return the job as it waits on its new partition, by the rules of that one."""
    partition = workshop.factory.get_partition(taken.partition_id)
    spec = parse_kept_job_file(job.spec)
    chosen, latest = better_hours.choose(spec, partition, now=job.submitted_at)
    there = replace(
        job,
        partition_id=partition.id,
        access_share=taken.access_share,
        request=jobs.build_request(spec, partition),
        chosen_start_at=chosen,
        latest_start_at=latest,
        wait=Sentence("The next plan decides about it."),
        hold_id="",
        held_seconds=0,
    )
    return jobs.hold_next_attempt(deed, there, partition=partition, move=number)


@one_transaction
def _close(_deed: Deed, job_id: str) -> None:
    store.close([job_id])


@one_transaction
def _note_judged(deed: Deed, job_id: str) -> None:
    store.note_judged([job_id], deed.now)
