"""The client's own key of a submission: twice with one key is once."""

import re

from allmende.domain.basics.refusals import Refusal
from allmende.domain.scheduling.jobs import Job
from allmende.domain.training.job_specs import JobSpec
from allmende.domain.training.sweeps import expand_sweep
from allmende.storage import jobs as job_store

LONGEST_KEY = 80
# No "#": the further jobs of a sweep have the key of the first with a number after it.
CLIENT_KEY = re.compile(rf"[A-Za-z0-9._: -]{{1,{LONGEST_KEY}}}")


class DifferentJob(Refusal):
    """The key {client_key} already names job {job}, with another content. Use a new key."""


class KeyIsUnusable(Refusal):
    """This key for the submission cannot be used. Take up to {most} letters, digits and . _ : -"""

    status = 422


def check_key(client_key: str) -> None:
    """Refuse a key that could not be kept."""
    if not CLIENT_KEY.fullmatch(client_key):
        raise KeyIsUnusable(most=LONGEST_KEY)


def find_submitted(spec: JobSpec, project_id: str, client_key: str) -> list[Job]:
    """Return what was submitted under a key before; refuse it if that was something else."""
    first = job_store.find_job_by_client_key(project_id, client_key)
    if first is None:
        return []
    known = job_store.list_sweep(first.sweep_id) or [first]
    together = spec.max_parallel if len(known) > 1 else 0
    if first.max_parallel != together or [job.spec for job in known] != [
        single.to_json() for single in expand_sweep(spec)
    ]:
        raise DifferentJob(client_key=client_key, job=first.id)
    return known
