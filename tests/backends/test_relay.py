"""A relay keeps the contract of all backends, with an agent and a local backend behind it."""

from collections.abc import Callable

import pytest

from allmende.backends.local import LocalBackend
from tests.agent.lines import Line, PumpedRelay
from tests.backends.contract import BackendContract

pytestmark = pytest.mark.django_db


@pytest.fixture
def backend(tmp_path) -> PumpedRelay:
    local = LocalBackend(tmp_path / "work", minimum_free_bytes=0)
    return PumpedRelay(Line(local, tmp_path / "agent"))


@pytest.fixture
def fail_node(backend: PumpedRelay) -> Callable[[str], object]:
    return backend.line.backend.fail_node


class TestContract(BackendContract):
    """Everything holds: the agent calls in whenever somebody looks."""

    def limit_output(self, backend, limit_bytes):
        backend.line.backend.output_limit_bytes = limit_bytes
