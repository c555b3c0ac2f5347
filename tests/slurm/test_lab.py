"""The lab itself: what every other test with a real Slurm builds on."""

import time
from pathlib import Path

import pytest
from tools.slurm_lab import Lab, LabFailed


def wait_for(lab: Lab, job: str, word: str) -> str:
    """Wait until sacct says a word of a job, and return the line."""
    give_up_at = time.monotonic() + 120
    fields = "user,account,state,nnodes,alloctres"
    while word not in (line := lab.run("sacct", "-n", "-X", "-P", "-j", job, "-o", fields)):
        assert time.monotonic() < give_up_at, line
        time.sleep(0.2)
    return line.strip()


def submit(lab: Lab, *options: str, script: str = "srun hostname") -> str:
    asked = ("-A", "lab-check", "-t", "9", "-o", "/dev/null", "--wrap", script)
    return lab.run("sbatch", "--parsable", *options, *asked, user_name="games").strip()


@pytest.fixture(autouse=True, scope="module")
def account(slurm_lab: Lab) -> None:
    slurm_lab.add_account("lab-check", "games")


def test_a_job_of_somebody_runs_on_two_nodes_and_is_accounted(slurm_lab: Lab):
    job = submit(slurm_lab, "-N2", "--gres=gpu:4")
    line = wait_for(slurm_lab, job, "COMPLETED")
    assert line.startswith("games|lab-check|COMPLETED|2|")
    assert "gres/gpu=8" in line


def test_a_daemon_can_die_and_come_back(slurm_lab: Lab):
    slurm_lab.kill("slurmdbd")
    with pytest.raises(LabFailed, match="sacct"):
        slurm_lab.run("sacct")
    job = submit(slurm_lab, script="true")
    slurm_lab.revive("slurmdbd")
    wait_for(slurm_lab, job, "COMPLETED")


def test_a_lab_that_runs_is_not_started_over(slurm_lab: Lab):
    with pytest.raises(LabFailed, match="runs already"):
        slurm_lab.start()


def test_where_no_lab_was_started_none_is_found(tmp_path: Path):
    with pytest.raises(LabFailed, match="No lab was started"):
        Lab.find(tmp_path)
