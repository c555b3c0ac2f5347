"""Blueprints run for real, in the environments that the platform builds for them."""

import os
from pathlib import Path

import pytest

from allmende.wiring.environments import EnvironmentNotBuilt, environment_python

PROJECT = Path(__file__).resolve().parents[2]


def interpreter_of(blueprint: str) -> Path:
    """Return the interpreter of a blueprint, kept between test runs; skip where it cannot be."""
    before = os.environ.get("ALLMENDE_ENVIRONMENTS")
    os.environ["ALLMENDE_ENVIRONMENTS"] = before or str(PROJECT / "var" / "environments")
    try:
        return environment_python(blueprint)
    except EnvironmentNotBuilt as refusal:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(refusal))
    finally:
        if before is None:
            del os.environ["ALLMENDE_ENVIRONMENTS"]


@pytest.fixture(scope="session")
def medicine_python() -> Path:
    return interpreter_of("medicine")


@pytest.fixture(scope="session")
def turbofan_python() -> Path:
    return interpreter_of("turbofan")


@pytest.fixture(scope="session")
def anomalies_python() -> Path:
    return interpreter_of("anomalies")
