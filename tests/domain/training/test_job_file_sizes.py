"""What a job file hands to a program fits through the door of the operating system."""

import os
import subprocess

import pytest

from allmende.domain.training.job_files import (
    ENVS_BYTES_MAX,
    SCRIPT_BYTES_MAX,
    InvalidJobFile,
    parse_job_file,
)
from allmende.domain.training.job_specs import JobSpec

TOO_LONG = "run and setup have more than 100000 bytes together. Let run fetch what is longer."
TOO_MANY = "envs have more than 100000 bytes together. Let run fetch what is longer."


def job_of(**changes: object) -> JobSpec:
    return parse_job_file({"name": "a", "run": "true"} | changes)


def test_the_longest_script_and_the_largest_variable_start():
    spec = job_of(
        run="#" * (SCRIPT_BYTES_MAX - 20) + '\necho "${#BIG}"',
        envs={"BIG": "x" * (ENVS_BYTES_MAX - 4)},
    )
    environment = {**os.environ, **spec.environment()}
    ended = subprocess.run(spec.shell_command(), env=environment, capture_output=True, check=True)
    assert ended.stdout == b"99996\n"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"run": "#" * (SCRIPT_BYTES_MAX + 1)}, TOO_LONG),
        ({"run": "ä" * (SCRIPT_BYTES_MAX // 2 + 1)}, TOO_LONG),
        ({"setup": "#" * 60_000, "run": "#" * 60_000}, TOO_LONG),
        ({"envs": {"BIG": "x" * ENVS_BYTES_MAX}}, TOO_MANY),
        ({"envs": {"ONE": "x" * 60_000, "TWO": "x" * 60_000}}, TOO_MANY),
    ],
)
def test_what_would_not_start_is_refused_at_once(changes, sentence):
    with pytest.raises(InvalidJobFile) as refusal:
        job_of(**changes)
    assert [each.sentence.english() for each in refusal.value.findings] == [sentence]
