"""Steering a real Slurm, and reading the tables by which it is done."""

from dataclasses import replace

import pytest

from allmende.backends.slurm.answers import UnreadableAnswer
from allmende.backends.slurm.client import SlurmClient
from allmende.backends.slurm.steering import (
    SlurmWheel,
    count_nodes,
    list_changes,
    parse_qos,
    parse_queue,
)
from allmende.domain.scheduling.steering import Level, QueuedJob
from tests.backends.contract import wait_until
from tests.backends.slurm_site import USER, a_cluster

OWED, OTHERS = "steer-owed", "steer-others"
ENDING = "-booster"  # of each QOS: the cluster may run other partitions
BEYOND_FAIR_SHARE = 500_000  # in the lab that and age give 101,000 at most, a level a million


def test_the_queue_says_who_runs_and_who_would_start_if_nodes_were_free():
    jobs = parse_queue(
        "RUNNING|2|p-1|sme|None\n"
        "PENDING|1|p-1|sme|Priority\n"
        "PENDING|4|p-2|science|QOSGrpNodeLimit\n"
        "PENDING|1|p-2|science|ReqNodeNotAvail, UnavailableNodes:node03\n"
        "PENDING|1|p-2|science|AssocGrpGRESMinutes\n"
        "PENDING|1|p-2|science|Dependency\n"
    )
    assert jobs[0] == QueuedJob(account="p-1", qos="sme", nodes=2, is_running=True)
    assert [job.is_eligible for job in jobs[1:]] == [True, True, True, False, False]
    assert [job.nodes for job in jobs] == [2, 1, 4, 1, 1, 1]


def test_nodes_on_which_nothing_starts_are_not_in_service():
    told = "3|idle\n2|mixed\n1|allocated\n4|drained\n1|draining\n2|down*\n1|maint\n5|idle~\n"
    assert count_nodes(told) == 3 + 2 + 1 + 5


@pytest.mark.parametrize("line", ["PENDING|1|a|q", "PENDING|many|a|q|None"])
def test_a_row_of_another_shape_is_no_answer(line):
    with pytest.raises(UnreadableAnswer):
        parse_queue(line)


def test_only_what_differs_is_changed():
    found = parse_qos("sme|0||\nhealth|1000|science,spare|node=6,gres/gpu=8\nbare|||\n")
    resting, raised = Level(group_id="sme"), Level(group_id="sme", is_raised=True)
    stopping = replace(raised, may_stop=("science",), most_nodes=6)
    assert list_changes(resting, found["sme"]) == []
    assert list_changes(resting, found["bare"]) == []
    assert list_changes(raised, found["sme"]) == ["Priority=1000"]
    assert list_changes(stopping, found["sme"]) == [
        "Priority=1000", "GrpTRES=node=6", "Preempt=science",
    ]  # fmt: skip
    assert list_changes(stopping, found["health"]) == ["Preempt=science"]
    assert list_changes(resting, found["health"]) == [
        "Priority=0", "GrpTRES=node=-1", "Preempt=",
    ]  # fmt: skip
    assert list_changes(raised, None) == []


@pytest.fixture
def lab(slurm_lab):
    for name in (OWED, OTHERS):
        slurm_lab.run("sacctmgr", "-i", "-Q", "add", "qos", name + ENDING)
        slurm_lab.add_account(f"p-{name}", USER)
        slurm_lab.run(
            *("sacctmgr", "-i", "-Q", "modify", "user", USER, "where", f"account=p-{name}"),
            *("set", f"qos={name}{ENDING}", f"defaultqos={name}{ENDING}"),
        )
    slurm_lab.wait_for_nodes()
    yield slurm_lab
    slurm_lab.run("scancel", f"--user={USER}")
    slurm_lab.wait_for_nodes()


def submit(lab, qos: str, jobs: int) -> None:
    wrap = "sleep 3000"
    options = (f"--array=1-{jobs}", "--exclusive", f"--account=p-{qos}", f"--qos={qos}{ENDING}")
    places = ("--output=/dev/null", "--chdir=/tmp", "--time=60")
    lab.run("sbatch", *options, *places, f"--wrap={wrap}", user_name=USER)


def priorities(lab) -> dict[str, int]:
    told = lab.run("squeue", "--noheader", "--states=PENDING", "--format=%q|%Q", f"--user={USER}")
    rows = (line.split("|") for line in told.splitlines())
    return {qos.removesuffix(ENDING): int(number) for qos, number in rows}


def running(wheel, qos: str) -> int:
    return sum(job.nodes for job in wheel.look().jobs if job.qos == qos and job.is_running)


def test_an_owed_group_goes_first_at_once_and_no_longer_when_it_is_lowered(lab, tmp_path):
    wheel = SlurmWheel(SlurmClient(a_cluster(lab, tmp_path)), "booster", ENDING)
    raised, resting = Level(group_id=OWED, is_raised=True), Level(group_id=OWED)
    submit(lab, OTHERS, jobs=5)
    wait_until(lambda: running(wheel, OTHERS) == 3)
    submit(lab, OWED, jobs=2)
    look = wheel.look()
    assert look.nodes_in_service == 3
    wait_until(lambda: sum(job.is_eligible for job in wheel.look().jobs if job.qos == OWED) == 2)
    assert wheel.set_levels([raised]) == (OWED,)
    assert wheel.set_levels([raised]) == ()
    wait_until(lambda: priorities(lab)[OWED] > BEYOND_FAIR_SHARE)
    assert wheel.set_levels([resting]) == (OWED,)
    wait_until(lambda: priorities(lab)[OWED] < BEYOND_FAIR_SHARE)
    stopping = replace(raised, may_stop=(OTHERS,), most_nodes=1)
    assert wheel.set_levels([stopping]) == (OWED,)
    wait_until(lambda: running(wheel, OWED) == 1)
    assert wheel.set_levels([resting]) == (OWED,)
    assert wheel.set_levels([resting]) == ()
    assert wheel.set_levels([Level(group_id="steer-nobody", is_raised=True)]) == ()
