"""Runs of which accounting lost the start: how Slurm leaves them, and on a real one."""

import itertools
from datetime import UTC, datetime

import pytest
from tools.slurm_lab import Lab

from allmende.backends.slurm.accounting import SACCT_FIELDS
from allmende.backends.slurm.answers import UnreadableAnswer
from allmende.backends.slurm.runs import list_runs
from allmende.domain.scheduling.backends import EndReason, Observation
from tests.backends.contract import a_launch, observe, wait_for_end, wait_for_log
from tests.backends.slurm_site import (
    ACCOUNT,
    USER,
    Submitter,
    a_backend,
    a_cluster,
    a_folder,
    number_of,
)

# 22.05: a job that was requeued soon after its start, and waits again for the partition in which it
# ran or another; a second one that was cancelled while it waited.
LOST = """\
12|lab|games|proj|booster,devel|normal|REQUEUED|0:0|1795761523|None|1795761536\
|cpu=3,gres/gpu=12,node=3|node[01-03]|a||0
12|lab|games|proj|booster|normal|PENDING|0:0|1795761540|Unknown|Unknown||None assigned|a||0
13|lab|games|proj|booster|normal|CANCELLED by 0|0:0|1795761530|None|1795761531||None assigned|a||0
"""
STEPS = """\
12|1795761523|None|00:00:03
12.batch|{batch}|{batch}|00:00:03
12.0|1795761524|{first}|00:00:03
12|1795761540|Unknown|00:00:00
"""
# Its steps take three seconds to die: until then the requeued job keeps the record of this run.
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
    ("steps", "began", "seconds"),
    [
        (STEPS.format(batch=1795761523, first=1795761526), 1795761523, 10),
        (STEPS.format(batch="Unknown", first=1795761526), 1795761526, 7),
        (STEPS.format(batch="Unknown", first=1795761599), 1795761536, 0),
        ("", 1795761536, 0),
    ],
)
def test_a_run_whose_start_was_lost_began_with_its_first_step(steps, began, seconds):
    accounting = Accounting(LOST, steps)
    first, waiting, cancelled = list_runs(accounting)
    assert accounting.asked == ["12"]
    assert first.started_at == datetime.fromtimestamp(began, UTC)
    assert first.allocated_seconds(counts_gpus=True) == 12 * seconds
    assert first.partition == "booster"
    assert (waiting.started_at, cancelled.started_at) == (None, None)


def test_nobody_asks_for_steps_where_no_start_was_lost():
    whole = Accounting(LOST.replace("|None|1795761536", "|1795761523|1795761536"), STEPS)
    (first, *_) = list_runs(whole)
    assert first.started_at == datetime.fromtimestamp(1795761523, UTC)
    assert whole.asked == []


@pytest.mark.parametrize(
    "steps", ["12.0|1|1|00:00:00", "12|1|1|soon", "12|1", "12|1|1|0\n12.0|1|x|"]
)
def test_steps_that_make_no_sense_are_refused(steps):
    with pytest.raises(UnreadableAnswer):
        list_runs(Accounting(LOST, steps))


def test_a_real_run_is_charged_from_its_start_although_accounting_loses_it(slurm_lab):
    slurm_lab.add_account(ACCOUNT, USER)
    with a_folder() as folder:
        backend = a_backend(a_cluster(slurm_lab, folder))
        live, seen = requeue_and_change(slurm_lab, backend)
    assert seen.reason is EndReason.PREEMPTED
    assert seen.started_at == live.started_at
    elapsed = int((seen.ended_at - seen.started_at).total_seconds())
    assert seen.allocated_seconds == 12 * elapsed


def requeue_and_change(lab: Lab, backend: Submitter) -> tuple[Observation, Observation]:
    """Return a run as it was seen live, and at its end."""
    everything = {"nodes": ("a", "b", "c"), "gpus_per_node": 4}
    launch = a_launch(STUBBORN, requeue=True, **everything)
    backend.start(launch)
    wait_for_log(backend, launch.key, b"begun")
    live = observe(backend, launch.key)
    waiting = a_launch("true", **everything)  # so that backfill has something to do
    backend.start(waiting)
    number = number_of(backend, launch.key)
    lab.run("scontrol", "requeue", number)
    for nice in itertools.count(1):
        if "COMPLETING" not in lab.run("squeue", "-h", "-o", "%T", "-j", number):
            break
        lab.run("scontrol", "update", f"jobid={number}", f"nice={nice}")
    seen = wait_for_end(backend, launch.key)
    lab.run("scancel", number)
    wait_for_end(backend, waiting.key)
    return live, seen
