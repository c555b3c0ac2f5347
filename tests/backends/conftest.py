"""A fresh local backend for each test; modules of other backends bring their own."""

from collections.abc import Callable
from pathlib import Path

import coverage
import pytest

from allmende.backends.local import backend as local

# The runner is a program of its own, isolated from everything that is installed.
MEASURED = """
import sys
sys.path.append({packages!r})
import coverage
measuring = coverage.Coverage(
    data_file={data_file!r}, data_suffix=True, branch=True, config_file=False, source=[{source!r}]
)
measuring.start()
sys.path.insert(0, sys.argv[1])
from allmende.backends.nodes.runner import main
main(sys.argv[2])
measuring.stop()
measuring.save()
"""


@pytest.fixture
def backend(tmp_path) -> local.LocalBackend:
    return local.LocalBackend(tmp_path / "work", minimum_free_bytes=0)


@pytest.fixture
def fail_node(backend: local.LocalBackend) -> Callable[[str], object]:
    return backend.fail_node


@pytest.fixture(autouse=True)
def measured_runner(request, monkeypatch) -> None:
    """Count the lines that runners pass through, while coverage is measured anyway."""
    measuring = coverage.Coverage.current()
    if measuring and not request.node.get_closest_marker("slow"):
        code = MEASURED.format(
            packages=str(Path(coverage.__file__).parents[1]),
            data_file=str(Path(measuring.config.data_file).absolute()),
            source=str(local.SOURCE / "allmende/backends/nodes"),
        )
        monkeypatch.setattr(local, "BOOTSTRAP", code)
