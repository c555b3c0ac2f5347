"""A Slurm cluster for tests: the lab of this session, an account in it, and backends on it."""

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tools.slurm_lab import Lab, LabFailed

from allmende.backends.slurm.backend import SlurmBackend
from allmende.backends.slurm.client import SlurmClient
from allmende.backends.slurm.notes import find_attempt
from allmende.domain.basics.sites import SlurmCluster
from tests.backends.contract import ACCOUNT, wait_until

USER, STRANGER = "games", "news"
OPEN_STATES = ("|PENDING", "|RUNNING")


class Submitter(SlurmBackend):
    """The backend, for launches that say nothing of a cluster."""

    def start(self, launch):
        asked = {
            "nodes": (),
            "num_nodes": len(launch.nodes) or launch.num_nodes,
            "user_name": launch.user_name or USER,
            "account": launch.account or ACCOUNT,
        }
        super().start(replace(launch, **asked))

    def has_environment(self, environment_id, *, account, user_name):
        whose = {"account": account, "user_name": user_name or USER}
        return super().has_environment(environment_id, **whose)


@contextlib.contextmanager
def a_folder() -> Iterator[Path]:
    """Make a folder that jobs can pass through, whoever they run as."""
    folder = Path(tempfile.mkdtemp(prefix="allmende-slurm-"))
    folder.chmod(0o755)
    yield folder
    # Who ends this very moment may still put a file there, and no folder is removed that has one.
    wait_until(lambda: shutil.rmtree(folder, ignore_errors=True) or not folder.exists())


def a_cluster(lab: Lab, work_folder: Path, **changes) -> SlurmCluster:
    facts = {
        "cluster": lab.plan.cluster,
        "conf": str(lab.plan.conf),
        "bin_folder": str(lab.plan.folder / "bin"),
        "work_folder": str(work_folder),
    }
    return SlurmCluster(**facts | changes)


def has_been_told(lab: Lab) -> bool:
    """Say whether accounting has the state of every job as the controller has it.

    What slurmctld has told slurmdbd, that may have to write down yet.
    """
    told = lab.run("sacct", "-n", "-P", "-X", "-a", "-S", "2020-01-01", "-o", "jobidraw,state")
    live = lab.run("squeue", "-h", "-a", "-r", "-t", "PD,R", "-o", "%A|%T")
    return {line for line in told.split("\n") if line.endswith(OPEN_STATES)} == set(live.split())


def hasten(lab: Lab, number: str | int) -> None:
    """Let a job that Slurm requeued start soon, and not in two minutes.

    Not within the second in which its nodes were told to end it: they would take the new start for
    the one that was to end, refuse it, and the job would fail ("already killed").
    """
    with contextlib.suppress(LabFailed):  # it began, or has gone
        ask = ("env", "SLURM_TIME_FORMAT=%s", "squeue", "-h", "-o", "%T|%V", "-j", f"{number}")
        # What comes back to the queue counts as submitted then.
        state, _, submitted_at = lab.run(*ask).partition("|")
        if state == "PENDING" and time.time() - float(submitted_at) > 2:
            lab.run("scontrol", "update", f"jobid={number}", "starttime=now")


def number_of(backend: SlurmBackend, key: str) -> str:
    """Return the number of the job that an attempt is."""
    attempt = find_attempt(backend.work_folder, key)
    assert attempt is not None
    return str(attempt.slurm_id)


def a_backend(cluster: SlurmCluster) -> Submitter:
    return Submitter(SlurmClient(cluster), cluster, lambda: datetime.now(UTC))
