"""Policy on a real Slurm: applied twice, killed half way, changed by hand, and keeping a budget."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tools.slurm_lab import Lab, LabFailed

from allmende.backends.slurm.client import SlurmClient
from allmende.backends.slurm.policies import SlurmPolicies
from allmende.domain.accounting.ledger import NotEnoughTime
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import SlurmCluster
from allmende.domain.scheduling.slurm_policies import ChangeKind, account_key, user_key
from allmende.services import allocations, projects
from tests.services.access import deed, officer
from tests.services.slurm_model import World, with_second_partition
from tests.slurm_lab import a_lab

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Start a cluster that nobody has set up: policy makes accounts that all tests would share."""
    with a_lab(nodes=1) as lab:
        yield lab


@pytest.fixture
def world(lab: Lab, db: None) -> World:
    cluster = SlurmCluster(cluster="lab", conf=str(lab.plan.conf), work_folder="/nowhere")
    world = World(SlurmPolicies(SlurmClient(cluster)))
    world.give_account("games")
    return world


def sacctmgr(lab: Lab, *words: str) -> str:
    return lab.run("sacctmgr", "-i", "-Q", *words)


@pytest.mark.slow
def test_policy_is_applied_once_and_what_others_change_is_seen_and_put_right(
    lab: Lab, world: World
):
    sacctmgr(lab, "add", "account", "physics", "Fairshare=7")
    sacctmgr(lab, "add", "user", "news", "account=physics")
    outside = lab.run("sacctmgr", "-n", "-P", "show", "assoc", "account=physics,root")

    applied = world.apply().changes
    assert len(applied) == 9
    assert world.plan().changes == ()
    assert world.apply().changes == ()
    assert world.plan().shortcomings == ()
    assert world.drift().changes == ()

    project = world.project_id
    by_hand = ("modify", "account", "where", f"name={project}", "set")
    sacctmgr(lab, *by_hand, "GrpTRESMins=node=9999,gres/gpu=5", "MaxJobs=3", "MaxWall=00:01:00")
    sacctmgr(lab, "modify", "qos", "where", "name=industry", "set", "Priority=9", "Flags=NoReserve")
    sacctmgr(lab, "modify", "account", "where", "name=science", "set", "QOS=+normal")
    sacctmgr(lab, "add", "user", "news", f"account={project}")
    sacctmgr(lab, "add", "account", "cuckoo", "parent=sme", "Fairshare=900")
    # The controller's own settings are no drift.
    sacctmgr(lab, "modify", "qos", "where", "name=sme", "set", "Priority=1000", "Preempt=industry")
    drift = {change.key.text: change for change in world.drift().changes}
    assert drift[f"account:{project}"].after == {
        "GrpTRESMins": "gres/gpu=5,node=9999",
        "MaxJobs": "3",
        "MaxWall": "00:01:00",
    }
    assert drift["qos:industry"].after == {"Priority": "9", "Flags": "NoReserve"}
    assert drift["account:science"].after == {"QOS": "normal,science"}
    assert drift[f"user:news@{project}"].kind is ChangeKind.ADD
    assert drift["account:cuckoo"].kind is ChangeKind.ADD
    assert "qos:sme" not in drift

    world.apply()
    assert world.drift().changes == ()
    assert world.plan().changes == ()
    assert world.cluster.read().policy[account_key(project)]["GrpTRESMins"] == "node=240"
    assert world.cluster.read().policy[user_key("news", project, "")]["GrpSubmitJobs"] == "0"
    assert lab.run("sacctmgr", "-n", "-P", "show", "assoc", "account=physics,root") == outside

    world.factory = with_second_partition(
        first_ending=""
    )  # it joins, and the first keeps its names
    world.apply()
    assert world.plan().changes == ()
    assert world.cluster.read().policy[account_key(project)]["QOS"] == "sme,sme-batch"


@pytest.mark.slow
def test_two_locks_keep_a_project_within_its_budget(lab: Lab, world: World):
    # Three of its 240 node-minutes are left.
    allocations.claw_back_project(
        deed(officer()),
        claw_back_id="c-1",
        project_id=world.project_id,
        mode_id="playground",
        seconds=237 * 60,
        reason=Sentence("A test."),
    )
    world.factory = with_second_partition()
    world.apply()

    def submit(minutes: int, user_name: str = "games") -> str:
        asked = (
            "-n1",
            "-A",
            world.project_id,
            "-t",
            str(minutes),
            "-o",
            "/dev/null",
            "--wrap",
            f"until [ -e {lab.plan.folder}/go-$SLURM_JOB_ID ]; do sleep 0.1; done",
        )
        return lab.run("sbatch", "--parsable", *asked, user_name=user_name).strip()

    # What is longer than everything that was given is refused, what is longer than the rest waits.
    with pytest.raises(LabFailed, match="AssocGrpNodeMinutes"):
        submit(5)
    with pytest.raises(LabFailed, match="Invalid account"):
        submit(1, user_name="news")
    first, second = submit(2), submit(2)
    wait_until(lambda: look(lab, first).startswith("RUNNING"))
    assert lab.run("squeue", "-h", "-o", "%q", "-j", first).strip() == "sme-booster"
    wait_until(lambda: look(lab, second) == "PENDING AssocGrpNodeMinutes")
    # It was not for a place that it waited: the node has room for both.
    (lab.plan.folder / f"go-{first}").touch()
    wait_until(lambda: look(lab, second).startswith("RUNNING"))
    assert look(lab, first) == "", "what the first did not use is there for the second"
    (lab.plan.folder / f"go-{second}").touch()

    hold = {"project_id": world.project_id, "reason": Sentence("A job.")}
    with pytest.raises(NotEnoughTime):
        allocations.hold_for_job(deed(world.ada), hold_id="j-1.1", seconds=300, **hold)
    allocations.hold_for_job(deed(world.ada), hold_id="j-1.1", seconds=180, **hold)
    assert world.plan().changes == (), "a hold moves no limit"

    # Nothing may start in a project that is suspended, and nothing more may come.
    projects.suspend_project(deed(world.olga), world.project_id, why="An audit.")
    world.apply()
    with pytest.raises(LabFailed, match="AssocGrpSubmitJobsLimit"):
        submit(1)


def look(lab: Lab, job: str) -> str:
    """Return the state of a job and why it waits; "" once it has left the queue."""
    return lab.run("squeue", "-h", "-t", "PD,R", "-o", "%T %r", "-j", job).strip()


def wait_until(is_so: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < give_up_at
        time.sleep(0.2)


@pytest.mark.slow
def test_operators_who_are_killed_leave_nothing_half_done(lab: Lab, tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "tests.slurm.policy_trials", str(lab.plan.conf), "1"],
        cwd=PROJECT,
        env={**os.environ, "ALLMENDE_HOME": str(tmp_path), "ALLMENDE_DATABASE_URL": ""},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    seen = json.loads(done.stdout)
    assert seen["kills"] > 0
    assert (seen["left"], seen["drift"]) == (0, [])
    assert len(seen["audited"]) == len(set(seen["audited"])) == len(seen["planned"]) == 9
