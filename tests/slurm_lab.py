"""A real Slurm for one test session: three nodes, started when the first test asks for it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tools.slurm_lab import Lab, find_missing


@contextmanager
def a_lab(**size: int) -> Iterator[Lab]:
    """Start a lab, yield it, and stop it; it ends with this process, however that ends."""
    missing = find_missing()
    if missing:
        pytest.skip(missing)
    lab = Lab.make(tied=True, **size).start()
    try:
        yield lab
    finally:
        lab.stop(and_forget=True)


@pytest.fixture(scope="session")
def slurm_lab() -> Iterator[Lab]:
    """Yield the lab that the tests of a session share."""
    with a_lab(nodes=3) as lab:
        yield lab
