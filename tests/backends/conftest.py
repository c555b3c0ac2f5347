"""A fresh local backend for each test; modules of other backends bring their own."""

import pytest

from allmende.backends.local.backend import LocalBackend


@pytest.fixture
def backend(tmp_path) -> LocalBackend:
    return LocalBackend(tmp_path / "work", minimum_free_bytes=0)
