"""Own code has parameters, too: it finds them as variables, and a sweep tries their values."""

from math import inf

import pytest

from allmende.domain.training.job_files import ENVS_BYTES_MAX, InvalidJobFile, parse_job_file
from allmende.domain.training.sweeps import expand_sweep

OWN = {"name": "mine", "run": "python train.py"}


def mistakes(**changes: object) -> list[str]:
    with pytest.raises(InvalidJobFile) as refusal:
        parse_job_file(OWN | changes)
    return [finding.sentence.english() for finding in refusal.value.findings]


def test_own_code_finds_its_parameters_as_variables():
    params = {"lr": 0.0001, "layers": 4, "bias": True, "act": "gelu"}
    spec = parse_job_file(OWN | {"params": params, "envs": {"SEED": 1}})
    found = {name: spec.environment()[name] for name in (*params, "SEED")}
    expected = {"lr": "0.0001", "layers": "4", "bias": "true", "act": "gelu", "SEED": "1"}
    assert found == expected
    assert parse_job_file(spec.to_json()) == spec


def test_the_parameters_of_a_blueprint_are_no_variables():
    spec = parse_job_file({"name": "a", "blueprint": "medicine", "params": {"steps": 5}})
    assert "steps" not in spec.environment()


def test_a_sweep_tries_values_on_own_code():
    swept = {"lr": [0.1, 0.01], "width": {"from": 8, "to": 64}}
    jobs = expand_sweep(parse_job_file(OWN | {"sweep": swept, "draws": 2}))
    assert [job.environment()["lr"] for job in jobs] == ["0.1", "0.1", "0.01", "0.01"]
    assert all(8 <= int(job.environment()["width"]) <= 64 for job in jobs)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"params": {"learning-rate": 1}},
            "params.learning-rate: a variable has letters, digits and _ in its name.",
        ),
        (
            {"sweep": {"ALLMENDE_OUT": ["a", "b"]}},
            "sweep.ALLMENDE_OUT: names with ALLMENDE_ belong to the platform. Choose another.",
        ),
        ({"params": {"lr": inf}}, "params.lr: inf is no number."),
        ({"sweep": {"lr": [1, -inf]}}, "sweep.lr: -inf is no number."),
        (
            {"params": {"LR": 1}, "envs": {"LR": 2}},
            "params.LR stands under envs or secrets as well. Keep one of the two.",
        ),
        (
            {"sweep": {"TOKEN": [1, 2]}, "secrets": ["TOKEN"]},
            "sweep.TOKEN stands under envs or secrets as well. Keep one of the two.",
        ),
        (
            {"sweep": {"text": ["x", "x" * ENVS_BYTES_MAX]}},
            "envs have more than 100000 bytes together. Let run fetch what is longer.",
        ),
        (
            {"params": {"text": "x" * ENVS_BYTES_MAX}},
            "envs have more than 100000 bytes together. Let run fetch what is longer.",
        ),
    ],
)
def test_parameters_that_cannot_be_variables_are_refused(changes, expected):
    assert mistakes(**changes) == [expected]
