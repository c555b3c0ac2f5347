"""A small story in the database: an award, a job with a dead node, a waiting job, two cycles."""

from dataclasses import replace
from datetime import timedelta

from allmende.domain.access import applications
from allmende.domain.access.awards import AwardDecision, grant
from allmende.domain.basics.people import DAEMON, Person, Role
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import TimeUnit
from allmende.domain.scheduling.jobs import Attempt
from allmende.services import allocations, audit
from allmende.services.deeds import Deed, one_transaction
from allmende.storage import applications as application_store
from allmende.storage import awards as award_store
from allmende.storage import cycles as cycle_store
from allmende.storage import jobs as job_store
from allmende.storage import trained_models as model_store
from tests.domain.access import building
from tests.domain.trust import evidence_world as world

WHY = Sentence("because of {what}", {"what": "a test"})
PLACE = {"partition_id": "werkbank", "access_share": "union"}
OFFICER = Person(id="p-office", name="O", roles=frozenset({Role.PROGRAMME_OFFICER}))
AUDITOR = Person(id="p-auditor", name="A", roles=frozenset({Role.AUDITOR}))


def a_deed(actor: Person = DAEMON, *, minutes: int = 60) -> Deed:
    now = world.NOON + timedelta(minutes=minutes)
    return Deed(actor=actor, now=now, new_id=lambda prefix: f"{prefix}-new")


def play() -> None:
    """Let everything of the story happen, with the events that the deeds leave."""
    apply_and_award()
    for job in (world.A_JOB, world.WAITING):
        submit(a_deed(), job)
    for attempt in (world.DEAD, world.DONE):
        run(attempt)
    model_store.add_model(world.MODEL)
    for cycle in world.cycles_of_the_story():
        cycle_store.add_cycle(**{name: cycle[name] for name in cycle if name != "number"})


def apply_and_award() -> None:
    deed = a_deed(minutes=0)
    frozen = building.frozen()
    submitted = applications.submit(building.draft(), frozen=frozen, now=building.NOON)
    application = applications.award(
        applications.assess(submitted, is_feasible=True),
        why=WHY,
        now=building.NOON + timedelta(hours=1),
    )
    application_store.save_application(application)
    decision = AwardDecision(
        award_id="aw-1",
        project_id="pr-1",
        seconds=1000,
        granted_by="p-office",
        granted_at=building.NOON,
    )
    award = grant(application, decision)
    award_store.create_award(award)
    pool = {**PLACE, "mode_id": "playground", "unit": TimeUnit.NODE_SECONDS}
    allocations.open_pool(deed, **pool, seconds=5000)
    allocations.award_to_project(deed, award_id="aw-1", project_id="pr-1", **pool, seconds=1000)


@one_transaction
def submit(deed: Deed, job) -> None:
    job_store.save_job(job)
    facts = {"project": job.project_id, "data_class": job.data_class}
    audit.record(deed, action="job.submitted", subject=job.id, **facts)


def run(attempt: Attempt) -> None:
    deed = a_deed()
    allocations.hold_for_job(deed, project_id="pr-1", hold_id=attempt.key, seconds=100, reason=WHY)
    settle(deed, attempt)


@one_transaction
def settle(deed: Deed, attempt: Attempt) -> None:
    allocations.settle_job(deed, hold_id=attempt.key, used_seconds=attempt.used_seconds, reason=WHY)
    if attempt.refunded_seconds:
        allocations.refund_attempt(
            deed,
            refund_id=attempt.key,
            hold_id=attempt.key,
            seconds=attempt.refunded_seconds,
            reason=WHY,
        )
    job_store.save_attempt(replace(attempt, settled_at=deed.now), partition_id="werkbank")
    audit.record(
        deed,
        action="attempt.settled",
        subject=attempt.key,
        reason=attempt.reason,
        used_seconds=attempt.used_seconds,
        refunded_seconds=attempt.refunded_seconds,
        energy_joules=attempt.energy_joules,
    )
