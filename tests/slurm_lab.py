"""A real Slurm for one test session: three nodes, started when the first test asks for it."""

from collections.abc import Iterator

import pytest
from tools.slurm_lab import Lab, find_missing


@pytest.fixture(scope="session")
def slurm_lab() -> Iterator[Lab]:
    """Start a lab, yield it, and stop it; it ends with this process, however that ends."""
    missing = find_missing()
    if missing:
        pytest.skip(missing)
    lab = Lab.make(nodes=3, tied=True).start()
    try:
        yield lab
    finally:
        lab.stop(and_forget=True)
