"""The medicine blueprint runs for real, in the environment that the platform builds for it."""

import os
from pathlib import Path

import pytest

from allmende.wiring.environments import EnvironmentNotBuilt, environment_python

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def medicine_python() -> Path:
    """Return the interpreter of the blueprint, kept between test runs; skip where it cannot be."""
    before = os.environ.get("ALLMENDE_ENVIRONMENTS")
    os.environ["ALLMENDE_ENVIRONMENTS"] = before or str(PROJECT / "var" / "environments")
    try:
        return environment_python("medicine")
    except EnvironmentNotBuilt as refusal:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(refusal))
    finally:
        if before is None:
            del os.environ["ALLMENDE_ENVIRONMENTS"]
