"""The Slurm backend keeps the contract, on a real Slurm."""

from collections.abc import Callable, Iterator
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


@pytest.fixture
def fail_node(backend, slurm_lab) -> Iterator[Callable[[str], None]]:
    """Let the first node of an attempt die; at the end of the test it takes jobs again."""
    failed = []

    def fail(key: str) -> None:
        (seen,) = backend.observe([key])
        failed.append(seen.nodes[0])
        slurm_lab.crash(seen.nodes[0])

    yield fail
    for name in failed:
        slurm_lab.revive(name)


class TestSlurmBackend(BackendContract):
    """The Slurm backend keeps the contract of all backends."""
