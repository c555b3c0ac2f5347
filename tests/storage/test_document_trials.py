"""Killed at any place while a document is added, a row never lacks its file."""

import json
import os
import subprocess
import sys

import pytest

from tests.trials import PROJECT

PLACES = ("judging", "before the file", "after the file", "after the row")


@pytest.fixture
def run_trial(tmp_path):
    environment = {**os.environ, "ALLMENDE_HOME": str(tmp_path), "PYTHONPATH": "src"}
    environment.pop("ALLMENDE_DATABASE_URL", None)

    def run(*words):
        command = [sys.executable, "-m", "tests.storage.document_trials", *words]
        return subprocess.run(
            command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
        )

    return run


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_killed_on_the_way_leaves_at_most_a_stray_which_the_chore_removes(run_trial, place):
    killed = run_trial("add", place)
    assert killed.returncode == -9, killed.stderr
    assert json.loads(run_trial("count", "0").stdout) == {"rows": 0, "files": 1, "lost": 0}
    assert json.loads(run_trial("count", "2").stdout) == {"rows": 0, "files": 0, "lost": 0}


@pytest.mark.slow
def test_what_was_added_stays(run_trial):
    done = run_trial("add", "nowhere")
    assert done.returncode == 0, done.stderr
    assert json.loads(run_trial("count", "2").stdout) == {"rows": 1, "files": 1, "lost": 0}
