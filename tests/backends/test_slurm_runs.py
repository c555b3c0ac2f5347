"""Runs of which accounting lost the start: how Slurm leaves them, and on a real one."""

from datetime import UTC, datetime, timedelta

import pytest
from tools.slurm_lab import Lab

from allmende.backends.slurm.accounting import SACCT_FIELDS
from allmende.backends.slurm.runs import list_runs
from allmende.domain.scheduling.backends import EndReason, Observation
from tests.backends.contract import a_launch, observe, wait_for_end, wait_for_log
from tests.backends.slurm_site import ACCOUNT, USER, Submitter, a_backend, a_cluster, a_folder

# 22.05: a job that was requeued a second after its start, and waits again; another that was
# cancelled while it waited.
LOST = """\
12|lab|games|proj|booster|normal|REQUEUED|0:0|1795761523|None|1795761524\
|cpu=3,gres/gpu=12,node=3|node[01-03]|a||0
12|lab|games|proj|booster|normal|PENDING|0:0|1795761528|Unknown|Unknown||None assigned|a||0
13|lab|games|proj|booster|normal|CANCELLED by 0|0:0|1795761530|None|1795761531||None assigned|a||0
"""
STEPS = """\
12|1795761523|None|00:00.032|
12.batch|1795761523|1795761523|00:00.002|
12.0|1795761524|1795761524|00:00.029|3264512
12|1795761528|Unknown|00:00:00|
"""
# Its steps take three seconds to die: until then the job is the backfill scheduler's, too.
STUBBORN = "trap '' TERM; echo begun; while :; do sleep 1; done"


class Accounting:
    """Says what it was told to, and notes of which jobs it was asked for steps."""

    def __init__(self, runs: str, steps: str) -> None:
        self.runs, self.steps = runs, steps
        self.asked: list[str] = []

    def __call__(self, *options: str) -> str:
        asked = dict(option.partition("=")[::2] for option in options)
        if "--noheader" in asked:
            self.asked.append(asked["--jobs"])
            return self.steps
        table = "|".join(SACCT_FIELDS) + "\n" + self.runs
        return table.replace("|", asked["--delimiter"])


@pytest.mark.parametrize(
    ("steps", "seconds"), [(STEPS, 1), (STEPS.replace("1795761523|00:00.002", "Unknown|00:00"), 0)]
)
def test_a_run_whose_start_was_lost_began_with_its_first_step(steps, seconds):
    accounting = Accounting(LOST, steps)
    first, waiting, cancelled = list_runs(accounting)
    assert accounting.asked == ["12"]
    assert first.started_at == datetime.fromtimestamp(1795761524 - seconds, UTC)
    assert first.allocated_seconds(counts_gpus=True) == 12 * seconds
    assert (waiting.started_at, cancelled.started_at) == (None, None)


def test_without_steps_it_has_no_start_and_without_loss_nobody_asks_for_steps():
    (first, *_) = list_runs(Accounting(LOST, ""))
    assert (first.started_at, first.elapsed_seconds) == (None, 0)
    whole = Accounting(LOST.replace("|None|1795761524", "|1795761523|1795761524"), STEPS)
    (first, *_) = list_runs(whole)
    assert first.started_at == datetime.fromtimestamp(1795761523, UTC)
    assert whole.asked == []


def test_a_real_run_is_charged_from_its_start_although_accounting_lost_it(slurm_lab):
    """It is requeued before slurmdbd was told of it: of ten such starts Slurm loses about six."""
    slurm_lab.add_account(ACCOUNT, USER)
    with a_folder() as folder:
        backend = a_backend(a_cluster(slurm_lab, folder))
        for _ in range(4):
            live, seen, starts = requeue_at_once(slurm_lab, backend)
            assert seen.reason is EndReason.PREEMPTED
            assert abs(seen.started_at - live.started_at) <= timedelta(seconds=1)
            elapsed = int((seen.ended_at - seen.started_at).total_seconds())
            assert seen.allocated_seconds == 12 * elapsed
            if starts[0] == "None":
                break


def requeue_at_once(lab: Lab, backend: Submitter) -> tuple[Observation, Observation, list[str]]:
    """Return a run as it was seen live and at its end, and what accounting has as starts."""
    everything = {"nodes": ("a", "b", "c"), "gpus_per_node": 4}
    launch = a_launch(STUBBORN, requeue=True, **everything)
    backend.start(launch)
    wait_for_log(backend, launch.key, b"begun")
    live = observe(backend, launch.key)
    waiting = a_launch("true", **everything)  # so that backfill has something to do
    backend.start(waiting)
    number = lab.run("squeue", "-h", "-o", "%A", "-n", launch.key).strip()
    lab.run("scontrol", "requeue", number)
    seen = wait_for_end(backend, launch.key)
    lab.run("scancel", number)
    wait_for_end(backend, waiting.key)
    return live, seen, lab.run("sacct", "-n", "-P", "-X", "-D", "-o", "start", "-j", number).split()
