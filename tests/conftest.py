"""Tests run in a home of their own, on tables made straight from the models."""

import os
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.slurm_lab import slurm_lab
from tests.trials import IS_LONG

__all__ = ["slurm_lab"]

PROJECT = Path(__file__).resolve().parents[1]

# Set before Django reads its settings, so that no test ever touches a real `var/`.
os.environ["ALLMENDE_HOME"] = os.environ.get("ALLMENDE_TEST_HOME") or tempfile.mkdtemp(
    prefix="allmende-test-"
)

# `make test` prepares the environments of the blueprints here, once for all tests.
os.environ.setdefault("ALLMENDE_ENVIRONMENTS", str(PROJECT / "var/environments"))


# No deadlines: how busy the machine is says nothing about the code. Each run looks at the same
# examples and can be repeated exactly; on demand each property is tried more often, on others.
hypothesis.settings.register_profile(
    "house",
    deadline=None,
    max_examples=200 if IS_LONG else 50,
    derandomize=not IS_LONG,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("house")


def pytest_configure() -> None:
    """Hash passwords quickly: how well Django hashes them is not ours to test."""
    from django.conf import settings

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Measure no coverage in slow tests: it would double their time, and others reach all.

    What takes a minute comes first, lest at the end everybody waits for it.
    """
    items.sort(key=lambda item: item.get_closest_marker("first") is None)
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker("no_cover")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder with real traces and data, or skip where it is absent."""
    folder = Path(os.environ.get("ALLMENDE_SHARED", PROJECT.parent / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip(f"real data is absent: {folder}")
    return folder


@pytest.fixture(scope="session")
def django_db_use_migrations() -> bool:
    """Make tables from the models; `tests/storage/test_migrations.py` holds that they agree."""
    return False


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, Any]:
    """In CI everything that can run is installed, so a skipped test is a failed one."""
    report = yield
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped: {report.longrepr}"
    return report
