"""The client of Slurm's commands, on commands that answer as Slurm's do when they fail."""

import os
import tempfile
from pathlib import Path

import pytest

from allmende.backends.slurm.client import ClusterUnreachable, CommandRefused, SlurmClient
from allmende.domain.basics.sites import RunAs, SlurmCluster


@pytest.fixture
def client_of(tmp_path):
    def make(script: str, **facts: object) -> SlurmClient:
        (tmp_path / "sbatch").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "sbatch").chmod(0o755)
        cluster = SlurmCluster(
            cluster="lab", bin_folder=str(tmp_path), work_folder=str(tmp_path), **facts
        )
        return SlurmClient(cluster)

    return make


def test_what_the_command_prints_is_returned(client_of):
    assert client_of('cat; printf "%s" "$1"').run("sbatch", "--wrap", stdin="script ") == (
        "script --wrap"
    )


def test_nothing_of_our_environment_is_passed_on(client_of, monkeypatch):
    monkeypatch.setenv("ALLMENDE_SECRET", "s3cret")
    said = client_of("env", conf="/etc/slurm/slurm.conf").run("sbatch")
    assert "s3cret" not in said
    assert "SLURM_CONF=/etc/slurm/slurm.conf" in said
    assert "SLURM_TIME_FORMAT=%s" in said


@pytest.mark.parametrize(
    "words",
    [
        "slurm_load_jobs error: Unable to contact slurm controller (connect failure)",
        "sacct: error: slurm_persist_conn_open: Connection refused",
        "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation",
    ],
)
def test_a_cluster_that_does_not_answer_is_asked_again(client_of, words):
    with pytest.raises(ClusterUnreachable, match="does not answer"):
        client_of(f'echo "{words}" >&2; exit 1').run("sbatch")


def test_no_answer_in_time_is_out_of_reach(client_of):
    with pytest.raises(ClusterUnreachable, match="no answer within"):
        client_of("exec sleep 5").run("sbatch", timeout_seconds=0.1)


def test_a_command_that_is_not_there_is_out_of_reach(client_of):
    with pytest.raises(ClusterUnreachable, match="No such file"):
        client_of("true").run("squeue")


def test_a_refusal_is_passed_on_in_slurms_own_words(client_of):
    with pytest.raises(CommandRefused, match="Invalid account"):
        client_of('echo "sbatch: error: Invalid account or partition" >&2; exit 1').run("sbatch")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may run commands as others")
def test_a_command_runs_as_the_person_whose_job_it_is(client_of, tmp_path):
    temporary = Path(tempfile.gettempdir())  # everybody's, and open to everybody
    for folder in (tmp_path, *tmp_path.parents):
        if temporary in folder.parents:
            folder.chmod(0o755)
    assert client_of("id -un").run("sbatch", user_name="games").strip() == "games"


def test_where_all_share_one_account_nobody_else_is_asked_for(client_of):
    client = client_of("echo ran", run_as=RunAs.NOBODY)
    assert client.run("sbatch", user_name="nobody-of-that-name").strip() == "ran"
