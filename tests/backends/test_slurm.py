"""The Slurm backend keeps the contract, on a real Slurm."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.contract import BackendContract
from tests.backends.slurm_site import ACCOUNT, STRANGER, USER, a_backend, a_cluster, a_folder


@pytest.fixture(scope="module")
def cluster(slurm_lab):
    slurm_lab.add_account(ACCOUNT, USER, STRANGER)
    with a_folder() as folder:
        yield a_cluster(slurm_lab, folder)


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder that jobs can enter, whoever they run as."""
    with a_folder() as folder:
        yield folder


@pytest.fixture
def backend(cluster):
    return a_backend(cluster)


class TestSlurmBackend(BackendContract):
    """The Slurm backend keeps the contract of all backends."""
