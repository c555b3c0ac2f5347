"""When a cluster would start a job: recorded answers, a stand-in for sbatch, and a real Slurm."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from allmende.backends.slurm.answers import UnreadableAnswer
from allmende.backends.slurm.client import SlurmClient
from allmende.backends.slurm.starts import describe_queued, parse_test_only, predict_start
from allmende.domain.basics.sites import RunAs, SlurmCluster
from tests.backends.contract import a_launch
from tests.backends.slurm_site import ACCOUNT, USER, a_cluster, a_folder

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "said",
    [
        # 22.05, recorded; with SLURM_TIME_FORMAT=%s and without.
        "sbatch: Job 1 to start at 1795694400 using 2 processors on nodes node[01-02] in partition"
        " booster\n",
        "sbatch: Job 2 to start at 2026-11-26T12:00:00 using 2 processors on nodes node[01-02] in"
        " partition booster\n",
        # Older ones say no "nodes"; a plugin of the site speaks first, and preemption is told.
        "sbatch: lua: 4 GPUs\nsbatch: Job 3 to start at 1795694400 using 72 processors on jp1 in"
        " partition gpu\n  Preempts: 17,18\n",
    ],
)
def test_the_instant_is_read_from_every_form_of_the_answer(said):
    assert parse_test_only(said) == NOON


@pytest.mark.parametrize("said", ["", "sbatch: Job 3 to start at soon", "sbatch: Job 3 to start"])
def test_another_answer_is_unreadable(said):
    with pytest.raises(UnreadableAnswer):
        parse_test_only(said)


def test_the_estimate_of_a_waiting_job_is_told_to_the_minute():
    expected = NOON + timedelta(minutes=4, seconds=1)
    said = describe_queued("Resources", expected, now=NOON).english()
    assert "enough nodes are free. Slurm estimates its start for" in said
    assert "12:05" in said
    assert (
        describe_queued("Resources", expected + timedelta(seconds=40), now=NOON).english() == said
    )


@pytest.mark.parametrize("expected", [None, NOON - timedelta(seconds=1)])
def test_a_start_that_is_not_planned_is_not_made_up(expected):
    said = describe_queued("Priority", expected, now=NOON).english()
    assert said.endswith("higher priority. Slurm has not planned yet when it starts.")


def a_stand_in(folder: Path, script: str) -> SlurmClient:
    command = folder / "sbatch"
    command.write_text(f"#!/bin/sh\necho asked >> {folder}/asked\n{script}\n")
    command.chmod(0o755)
    cluster = SlurmCluster(
        cluster="lab", bin_folder=str(folder), work_folder=str(folder), run_as=RunAs.NOBODY
    )
    return SlurmClient(cluster)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'allocation failure: Invalid qos specification' >&2; exit 1", "Invalid qos"),
        ("echo 'Unable to contact slurm controller (connect failure)' >&2; exit 1", "not answer"),
        ("echo 'sbatch: perhaps' >&2", "perhaps"),
    ],
)
def test_a_start_that_is_not_known_has_its_reason_after_one_question(tmp_path, script, words):
    found = predict_start(a_stand_in(tmp_path, script), a_launch())
    assert found.at is None
    assert words in found.sentence.english()
    assert (tmp_path / "asked").read_text().split() == ["asked"]


def test_a_real_slurm_says_when_it_would_start_a_job_and_keeps_nothing(slurm_lab):
    slurm_lab.add_account(ACCOUNT, USER)
    with a_folder() as folder:
        client = SlurmClient(a_cluster(slurm_lab, folder))
        asked = {"user_name": USER, "account": ACCOUNT, "nodes": ()}
        found = predict_start(client, a_launch(**asked, num_nodes=2))
        assert found.at is not None, found.sentence.english()
        assert abs(found.at - datetime.now(UTC)) < timedelta(minutes=30)
        assert "estimate" in found.sentence.english()
        too_wide = predict_start(client, a_launch(**asked, num_nodes=99))
        assert too_wide.at is None
        assert "not available" in too_wide.sentence.english()
        assert client.run("squeue", "--noheader", "--name=sbatch") == ""
