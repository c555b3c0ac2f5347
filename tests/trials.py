"""Trials: programs of their own that race or are killed, each on a database of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[1]
# Of a trial on a busy machine: they take a minute, or two.
LONGEST_SECONDS = 600
# What takes minutes and says little that a quicker test does not say, too: on demand.
IS_LONG = bool(os.environ.get("ALLMENDE_LONG_TRIALS"))
BOTH = ("sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql))
SHARED = BOTH if IS_LONG else BOTH[1:]  # several machines only ever share PostgreSQL


def trial_of(request: pytest.FixtureRequest, folder: Path, module: str) -> Callable[..., Any]:
    """Return a function that runs a trial of a module on the database that the fixture asks for."""
    environment = {**os.environ, "ALLMENDE_HOME": str(folder), "PYTHONPATH": str(PROJECT / "src")}
    environment.pop("ALLMENDE_DATABASE_URL", None)
    if request.param == "postgresql":
        environment["ALLMENDE_DATABASE_URL"] = request.getfixturevalue("empty_postgresql_url")

    def run(trial: str, count: int) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", module, trial, str(count)],
            cwd=PROJECT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=LONGEST_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return json.loads(done.stdout)

    return run
