"""Who comes in to a session: with a ticket of the portal, then with a cookie for some hours.

What a browser shows is asked about again and again, so that whoever is sent away is cut off.
"""

from datetime import datetime

from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import NotFound
from allmende.domain.scheduling.jobs import LIFECYCLE, Job, JobState
from allmende.domain.training.sessions import (
    PASS_LIFE,
    TICKET_LIFE,
    NoSession,
    NotYourSession,
    PassRefused,
    SessionIsOver,
    SessionNotReady,
    SessionPass,
)
from allmende.domain.trust.permissions import Permission, can_do, check_permission
from allmende.domain.trust.tokens import digest_of
from allmende.services import audit, jobs, session_doors
from allmende.services.deeds import Deed, one_transaction
from allmende.services.sessions import is_session
from allmende.services.workshop import Workshop
from allmende.storage import people as people_store
from allmende.storage import session_passes as store


def can_open(reader: Person, job: Job, workshop: Workshop) -> bool:
    """Say whether a job is a session of the reader's own that runs."""
    is_own = job.person_id == reader.id and can_do(reader, Permission.SUBMIT_JOB)
    return is_own and job.state is JobState.RUNNING and is_session(job, workshop)


@one_transaction
def make_ticket(deed: Deed, job_id: str, *, ticket: str, workshop: Workshop) -> None:
    """Let whoever brings the ticket to the gate within a minute open the session, once."""
    check_permission(deed.actor, Permission.SUBMIT_JOB)
    job = jobs.get_own_job(deed.actor, job_id)
    _check_listens(deed.actor, job, workshop)
    store.remove_expired(now=deed.now)
    _keep(deed, ticket, job_id, is_ticket=True)


def _keep(deed: Deed, secret: str, job_id: str, *, is_ticket: bool) -> None:
    """Let this ticket or cookie of the actor count for as long as its kind does."""
    store.save_pass(
        SessionPass(
            digest=digest_of(secret),
            job_id=job_id,
            person_id=deed.actor.id,
            is_ticket=is_ticket,
            expires_at=deed.now + (TICKET_LIFE if is_ticket else PASS_LIFE),
        )
    )


def find_holder(secret: str, job_id: str, *, is_ticket: bool, now: datetime) -> Person:
    """Return whose ticket or cookie this is; refuse one that is none, is old, or is for another."""
    found = store.find_pass(digest_of(secret))
    if found is None or (found.job_id, found.is_ticket) != (job_id, is_ticket):
        raise PassRefused
    if now >= found.expires_at:
        raise PassRefused
    return people_store.get_person(found.person_id)


@one_transaction
def enter(deed: Deed, job_id: str, *, ticket: str, cookie: str, workshop: Workshop) -> None:
    """Take the actor's ticket, and let the cookie in instead for some hours."""
    _check_listens(deed.actor, _get_job(deed.actor, job_id), workshop)
    if not store.remove_pass(digest_of(ticket)):
        raise PassRefused
    _keep(deed, cookie, job_id, is_ticket=False)
    audit.record(deed, action="session.entered", subject=job_id)


def find_attempt(cookie: str, job_id: str, *, now: datetime, workshop: Workshop) -> str:
    """Return the key of the attempt to go on to; refuse whoever may not open this session at this
    moment."""
    person = find_holder(cookie, job_id, is_ticket=False, now=now)
    job = _get_job(person, job_id)
    _check_open(person, job, workshop)
    return f"{job.id}.{job.attempts}"


@one_transaction
def close_passes(deed: Deed) -> None:
    """Show the actor out of every session: they signed out, or their password changed."""
    store.remove_passes_of(deed.actor.id)


def _get_job(person: Person, job_id: str) -> Job:
    """Return the job, as long as the person may submit such jobs and belongs to its project."""
    if not can_do(person, Permission.SUBMIT_JOB):
        raise PassRefused
    try:
        return jobs.get_own_job(person, job_id)
    except NotFound as gone:
        raise PassRefused from gone


def _check_open(person: Person, job: Job, workshop: Workshop) -> None:
    """Refuse what is no session of the person's own that runs."""
    if not is_session(job, workshop):
        raise NoSession(job=job.id)
    if job.person_id != person.id:
        raise NotYourSession(job=job.id)
    if LIFECYCLE.is_final(job.state):
        raise SessionIsOver(job=job.id)
    if job.state is not JobState.RUNNING:
        raise SessionNotReady(job=job.id)


def _check_listens(person: Person, job: Job, workshop: Workshop) -> None:
    _check_open(person, job, workshop)
    session_doors.find_port(job.id, job.attempts, job.partition_id, workshop=workshop)
