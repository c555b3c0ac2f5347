"""The same environment is found again, and whatever it depends on makes another one."""

import pytest

from allmende.domain.training.environments import environment_id
from allmende.domain.training.job_files import parse_job_file
from allmende.domain.training.job_specs import JobSpec


def job_of(**changes: object) -> JobSpec:
    own = {"name": "a", "run": "python train.py", "setup": "pip install torch==$TORCH"}
    return parse_job_file(own | {"envs": {"TORCH": "2.13.0", "SEED": 1}} | changes)


def test_jobs_that_differ_in_other_things_share_an_environment():
    other = job_of(name="b", run="true", array="3/4", envs={"TORCH": "2.13.0", "SEED": 2})
    assert environment_id(other) == environment_id(job_of())


@pytest.mark.parametrize(
    "changes",
    [
        {"setup": "pip install torch"},
        {"envs": {"TORCH": "2.14.0", "SEED": 1}},
        {"image": "python:3.12"},
    ],
)
def test_what_setup_depends_on_makes_another_environment(changes):
    assert environment_id(job_of(**changes)) != environment_id(job_of())


def test_a_parameter_of_own_code_that_setup_names_makes_another_environment():
    same, other = (job_of(envs={"SEED": 1}, params={"TORCH": each}) for each in ("2.13.0", 3))
    assert environment_id(same) == environment_id(job_of())
    assert environment_id(other) != environment_id(same)
    assert environment_id(job_of(params={"steps": 5})) == environment_id(job_of())


def test_other_uploaded_files_make_another_environment():
    assert environment_id(job_of(), files_sha256="a" * 64) != environment_id(job_of())


def test_a_job_without_setup_has_no_environment():
    assert environment_id(parse_job_file({"name": "a", "run": "true"})) == ""
