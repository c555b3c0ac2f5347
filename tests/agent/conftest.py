"""An agent on a local backend, enrolled at the centre of this process."""

import pytest

from allmende.backends.local import LocalBackend
from tests.agent.lines import Line


@pytest.fixture
def line(db, tmp_path) -> Line:
    local = LocalBackend(tmp_path / "work", minimum_free_bytes=0)
    return Line(local, tmp_path / "agent")
