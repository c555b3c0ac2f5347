"""The Slurm backend keeps the contract, on a real Slurm."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from allmende.backends.slurm.backend import SlurmBackend
from allmende.backends.slurm.client import SlurmClient
from allmende.domain.basics.sites import SlurmCluster
from tests.backends.contract import BackendContract

USER, ACCOUNT = "games", "sme_alpha"


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


@pytest.fixture(scope="session")
def cluster() -> Iterator[SlurmCluster]:
    lab = os.environ.get("ALLMENDE_LAB")
    if not lab:
        pytest.skip("no cluster: set ALLMENDE_LAB to the folder of a running lab")
    folder = Path(tempfile.mkdtemp(prefix="allmende-work-"))
    folder.chmod(0o711)
    yield SlurmCluster(
        cluster="allmende",
        conf=f"{lab}/etc/slurm.conf",
        bin_folder=f"{lab}/bin",
        work_folder=str(folder),
    )
    shutil.rmtree(folder)


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder that jobs can enter, whoever they run as."""
    folder = Path(tempfile.mkdtemp(prefix="allmende-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def backend(cluster) -> Submitter:
    return Submitter(SlurmClient(cluster), cluster, lambda: datetime.now(UTC))


class TestSlurmBackend(BackendContract):
    """The Slurm backend keeps the contract of all backends."""
