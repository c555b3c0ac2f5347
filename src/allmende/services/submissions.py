"""Submitting: a partition is chosen for the job, and it joins the queue there."""

from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.brokering import Choice, check_found
from allmende.domain.scheduling.jobs import Job
from allmende.domain.training.job_files import parse_kept_job_file
from allmende.domain.training.job_specs import JobSpec
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import brokering, client_keys, jobs, node_counts, projects
from allmende.services.brokering import Question
from allmende.services.deeds import Deed, one_transaction
from allmende.services.workshop import Workshop
from allmende.storage import choices as store
from allmende.storage import jobs as job_store
from allmende.storage import projects as project_store
from allmende.storage.choices import KeptChoice


def submit_job(
    deed: Deed, spec: JobSpec, *, project_id: str, client_key: str, workshop: Workshop
) -> list[Job]:
    """Choose where a job file runs, hold its hours there, and put it in the queue.

    A sweep becomes several jobs on one partition. The client makes the key: submitting twice with
    one key is submitting once, and choosing once.
    """
    check_permission(deed.actor, Permission.SUBMIT_JOB)
    client_keys.check_key(client_key)
    project = projects.check_own(deed.actor, project_store.get_project(project_id))
    choice, why = None, None
    known = job_store.find_job_by_client_key(project_id, client_key)
    if known is not None:
        spec = node_counts.settle_as(spec, known.request.nodes)
    else:
        projects.check_can_run(project, now=deed.now)
        # Before the transaction, for looking ahead takes a while; what is hard and fast about the
        # partition that is taken is checked again within.
        question = Question(
            spec=spec,
            project=project,
            person_id=deed.actor.id,
            now=deed.now,
            workshop=workshop,
        )
        settled = node_counts.settle(question)
        spec, why = settled.question.spec, settled.why
        choice = brokering.choose_partition(settled.question)
    names = {"project_id": project_id, "client_key": client_key}
    if choice is None:
        return jobs.submit_job(deed, spec, **names, note=why, workshop=workshop)
    return _submit(deed, spec, choice=choice, **names, note=why, workshop=workshop)


@one_transaction
def _submit(
    deed: Deed,
    spec: JobSpec,
    *,
    choice: Choice,
    project_id: str,
    client_key: str,
    note: Sentence | None,
    workshop: Workshop,
) -> list[Job]:
    taken = check_found(choice)
    submitted = jobs.submit_job(
        deed,
        spec,
        project_id=project_id,
        client_key=client_key,
        note=note,
        workshop=workshop,
        partition_id=taken.partition_id,
        access_share=taken.access_share,
    )
    for job in submitted:
        if store.count_choices(job.id) == 0:  # else somebody used the key a moment before
            kept = KeptChoice(job_id=job.id, number=1, made_at=deed.now, choice=choice)
            store.add_choice(kept, is_open=_may_move(job, choice))
    return submitted


def _may_move(job: Job, choice: Choice) -> bool:
    # Jobs that count each other stay together.
    return len(choice.verdicts) > 1 and not job.max_parallel


def run_job_again(deed: Deed, job_id: str, *, client_key: str, workshop: Workshop) -> Job:
    """Submit the same job file once more, as a job of its own."""
    check_permission(deed.actor, Permission.RUN_JOB_AGAIN)
    old = jobs.get_own_job(deed.actor, job_id)
    again = submit_job(
        deed,
        parse_kept_job_file(old.spec),
        project_id=old.project_id,
        client_key=client_key,
        workshop=workshop,
    )
    return again[0]
