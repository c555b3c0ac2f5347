"""Every submission takes effect once, whoever dies meanwhile and however late answers come.

ALLMENDE_SUBMISSIONS says how many are tried, 1,000 for the figure in the reference page.
"""

import os
import random
import secrets
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from tools.slurm_lab import Lab

from allmende.backends.slurm.client import ANSWER_SECONDS, ClusterUnreachable, SlurmClient
from allmende.domain.scheduling.backends import AttemptState, EndReason, Launch
from tests.backends.attempts import in_another_process
from tests.backends.contract import a_launch, wait_until
from tests.backends.slurm_site import ACCOUNT, USER, Submitter, a_backend, a_cluster, a_folder

SUBMISSIONS = int(os.environ.get("ALLMENDE_SUBMISSIONS", "16"))
ONCE = 'echo "$SLURM_JOB_ID" >> "$ALLMENDE_OUT/runs"'
# What may become of a call of sbatch: it works; it works, and its answer never comes; it does
# nothing; it works after everybody gave up on it.
SBATCH = """#!/bin/bash
case $((RANDOM % 4)) in
0) exec {real} "$@" ;;
1) {real} "$@" > /dev/null; exec sleep 20 ;;
2) exec sleep 20 ;;
3) script=$(cat); (sleep 1; {real} "$@" <<< "$script") > /dev/null 2>&1 & exec sleep 20 ;;
esac
"""


class Impatient(Submitter):
    """A backend that soon gives up on sbatch, but not on those who are asked what came of it.

    These take as long as the machine is busy: given up on each time, they would never answer.
    """

    def _run(self, command, *options, **how):
        self.answer_seconds = 0.5 if command == "sbatch" else ANSWER_SECONDS
        return super()._run(command, *options, **how)


@pytest.fixture
def backend(slurm_lab: Lab) -> Iterator[Submitter]:
    slurm_lab.add_account(ACCOUNT, USER)
    with a_folder() as folder:
        yield a_backend(a_cluster(slurm_lab, folder))


def some_launches() -> list[Launch]:
    return [a_launch(ONCE, job_id=f"j-{secrets.token_hex(6)}") for _ in range(SUBMISSIONS)]


def check_each_ran_once(backend: Submitter, launches: list[Launch]) -> None:
    """Wait for all of them, and for whatever was submitted twice to be over, and look."""
    keys = [launch.key for launch in launches]
    wait_until(lambda: _all_ended(backend, keys), seconds=300 + SUBMISSIONS)
    wait_until(lambda: not _list_open(backend), seconds=300)
    assert {seen.reason for seen in backend.observe(keys)} == {EndReason.COMPLETED}
    runs = {
        launch.key: backend.read_output(launch.job_id, "runs").decode().split()
        for launch in launches
    }
    assert {key: len(jobs) for key, jobs in runs.items()} == dict.fromkeys(keys, 1)
    charged = {seen.key: seen.record_key.split(":")[1] for seen in backend.observe(keys)}
    assert charged == {key: jobs[0] for key, jobs in runs.items()}


def _all_ended(backend: Submitter, keys: list[str]) -> bool:
    time.sleep(0.3)
    return all(seen.state is AttemptState.ENDED for seen in backend.observe(keys))


def _list_open(backend: Submitter) -> str:
    time.sleep(0.3)
    return backend.client.run("squeue", "-h", f"--user={USER}", "--states=PENDING,RUNNING")


def test_a_client_that_is_killed_at_any_moment_submits_once(backend):
    launches = some_launches()
    dice = random.Random(7)
    killed = 0
    for launch in launches:
        while True:
            client = in_another_process(lambda launch=launch: backend.start(launch))
            time.sleep(dice.uniform(0.0, 0.12))
            os.kill(client, signal.SIGKILL)
            if os.waitstatus_to_exitcode(os.waitpid(client, 0)[1]) == 0:
                break
            killed += 1
            if dice.random() < 0.3:
                backend.start(launch)
                break
    assert killed
    check_each_ran_once(backend, launches)


def test_an_answer_that_comes_too_late_or_never_submits_once(backend, slurm_lab):
    launches = some_launches()
    with a_folder() as folder:
        for command in (slurm_lab.plan.folder / "bin").iterdir():
            (folder / command.name).symlink_to(command)
        (folder / "sbatch").unlink()
        (folder / "sbatch").write_text(SBATCH.format(real=slurm_lab.plan.folder / "bin/sbatch"))
        (folder / "sbatch").chmod(0o755)
        work = backend.work_folder
        cluster = a_cluster(slurm_lab, work, bin_folder=str(folder))
        unsure = Impatient(SlurmClient(cluster), cluster, lambda: datetime.now(UTC))
        unanswered = 0
        for launch in launches:
            while True:
                try:
                    unsure.start(launch)
                    break
                except ClusterUnreachable:
                    unanswered += 1
        time.sleep(2)  # until the last late one is in
        check_each_ran_once(backend, launches)
    assert unanswered
