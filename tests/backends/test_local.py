"""The local backend keeps the contract, and what only it promises."""

import pytest

from allmende.backends.local.backend import LocalBackend
from tests.backends.contract import BackendContract


@pytest.fixture
def backend(tmp_path) -> LocalBackend:
    return LocalBackend(tmp_path / "work", minimum_free_bytes=0)


class TestContract(BackendContract):
    """The local backend keeps the contract of all backends."""
