"""The planner against trainings that others ran: the bounds that its documentation states."""

import shutil
from statistics import median

import pytest

from allmende.domain.training.published_runs import leave_families_out, validate
from allmende.wiring import home
from allmende.wiring.configuration import ConfigurationMistake
from allmende.wiring.planning import load_planning


@pytest.fixture
def change(tmp_path):
    """Return what reads the shipped files with one text replaced."""
    folder = tmp_path / "config"
    shutil.copytree(home.PROJECT / "config", folder)

    def read(name, old, new):
        path = folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        return load_planning(folder)

    return read


def errors_of(witnesses):
    calibration = load_planning().calibration
    return {
        each.run.name: abs(calibration.predict_hours(each) / each.run.gpu_hours - 1)
        for each in witnesses
    }


def test_runs_are_met_by_a_planner_that_never_saw_their_family():
    errors = [abs(error) for error in validate(load_planning().witnesses).values()]
    assert len(errors) >= 20
    assert median(errors) <= 0.15
    assert max(errors) <= 0.35


def test_more_than_ten_published_runs_are_met_within_a_quarter():
    counted = [each for each in load_planning().witnesses if not each.run.left_out]
    assert sum(error <= 0.25 for error in errors_of(counted).values()) >= 20


def test_nine_in_ten_runs_lie_in_the_range_when_their_family_is_unknown():
    spread = load_planning().calibration.spread
    errors = leave_families_out(load_planning().witnesses).values()
    inside = [1 / spread <= 1 + error <= spread for error in errors]
    assert 0.9 <= sum(inside) / len(inside) < 1
    assert 1.1 < spread < 1.6


def test_every_figure_has_its_source():
    facts = load_planning()
    rows = [*facts.gpus.values(), *facts.machines.values(), *(w.run for w in facts.witnesses)]
    assert all(each.source and each.checked_on for each in rows)
    assert all(gpu.price_source for gpu in facts.gpus.values() if gpu.dollars_per_hour)
    assert all(getattr(facts.assumptions, name).source for name in vars(facts.assumptions))


def test_machines_of_the_factory_are_those_of_its_file():
    jupiter = load_planning().machines["jupiter"]
    assert (jupiter.name, jupiter.gpus) == ("JUPITER Booster", 23_752)
    assert load_planning().machines["zib-a100"].gpus is None


@pytest.mark.parametrize(
    ("name", "old", "new", "problem"),
    [
        ("planning.toml", "[[gpus]]", "[[gpu]]", "holds \\[assumptions\\]"),
        ("planning.toml", "peak_teraflops = 312", "peak_teraflops = 0", "not between"),
        ("planning.toml", "peak_teraflops = 312", "peek_teraflops = 312", "did you mean"),
        ("planning.toml", 'id = "h100"', 'id = "a100"', "names two GPUs"),
        ("planning.toml", "[1.99, 2.95, 5.00]", "[2.95, 1.99, 5.00]", "in order"),
        ("planning.toml", 'like = "hopper"', 'like = "vulcan"', 'no run of "vulcan"'),
        ("planning.toml", 'generation = "cdna2"', 'generation = "cdna"', "no run of"),
        ("planning.toml", 'partition_id = "hunter"', 'partition_id = "gone"', "no partition gone"),
        ("planning.toml", 'gpu = "mi300a"', 'gpu = "gh200"', "980.6 TFLOP/s"),
        ("planning.toml", 'gpu = "mi300a"', 'gpu = "mi30a"', 'did you mean "mi300a"'),
        ("planning.toml", 'gpu = "mi300a"', 'gpu = "zzz"', "known: a100"),
        ("planning.toml", 'gpu = "gh200"\n', 'gpu = "gh200"\nnodes = 3\n', "take it out here"),
        ("planning.toml", 'id = "lumi"', 'id = "jupiter"', "names two machines"),
        ("planning.toml", "nodes = 2978", "nodes = 0", "not between"),
        ("planning.toml", "low = 1.08", "low = 0.9", "1 or more"),
        ("planning.toml", "expected = 0.9\n", "expected = 1.1\n", "in order"),
        ("planning.toml", "expected = 60", "expected = 0", "in order"),
        ("published_runs.toml", "[[runs]]", "[runs]", "."),
        ("published_runs.toml", 'gpu = "gh200"', 'gpu = "gh20"', "did you mean"),
        ("published_runs.toml", 'name = "GLM-130B"', 'name = "BLOOM 176B"', "names two runs"),
        ("published_runs.toml", "gpu_hours = 3_456", "gpu_hours = 34", "faster than they can"),
        (
            "published_runs.toml",
            "active_parameters = 37e9",
            "active_parameters = 1e12",
            "more than",
        ),
        ("published_runs.toml", 'precision = "fp8"', 'precision = "fp4"', "bf16"),
    ],
)
def test_a_mistake_is_named_with_its_place(change, name, old, new, problem):
    with pytest.raises(ConfigurationMistake, match=problem) as mistake:
        change(name, old, new)
    assert name in str(mistake.value)


def test_without_assumptions_nothing_is_planned(change, tmp_path):
    path = tmp_path / "config/planning.toml"
    text = path.read_text()
    path.write_text(text[text.index("[[gpus]]") :])
    with pytest.raises(ConfigurationMistake, match="are missing"):
        load_planning(tmp_path / "config")
    path.write_text("gpus = 3\n")
    with pytest.raises(ConfigurationMistake, match="write it as"):
        load_planning(tmp_path / "config")
