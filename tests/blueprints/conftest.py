"""Blueprints run for real, in the environments that the platform builds for them."""

from pathlib import Path

import pytest

from tests.blueprints.labs import python_of


@pytest.fixture(scope="session")
def medicine_python() -> Path:
    return python_of("medicine")
