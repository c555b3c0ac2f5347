"""The turbofan blueprint trains on real engine data, dies, goes on, and leaves the same model."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from allmende.backends.jobs.ports import find_free_port
from allmende.domain.training.blueprints import count_samples, estimate_flop
from allmende.domain.training.models import parse_training_facts
from allmende.wiring.blueprints import blueprint_code_sha256, blueprint_folder, load_blueprints
from tests.blueprints.labs import LONGEST_SECONDS, TORCHRUN, Lab

PARAMS = {"steps": 60, "batch_size": 32, "folds": 2, "width": 8, "window": 30}


@pytest.fixture(scope="session")
def engines(shared_data) -> Path:
    folder = shared_data / "industrial"
    if not (folder / "nasa_cmapss_fd001.tar.xz").exists():
        pytest.skip(f"the C-MAPSS data are absent: {folder}")
    return folder


@pytest.fixture
def lab(tmp_path, engines) -> Lab:
    return Lab("turbofan", tmp_path, engines, **PARAMS)


@pytest.fixture(scope="session")
def straight(tmp_path_factory, engines) -> Lab:
    """Return a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("turbofan")
    lab = Lab("turbofan", folder, engines, **PARAMS)
    lab.finish()
    return lab


def test_a_run_leaves_its_model_its_figures_and_its_facts(straight):
    left = sorted(path.name for path in (straight.folder / "out").iterdir())
    names = ["drift.csv", "facts.json", "metrics.json", "model.safetensors", "predictions.csv"]
    assert left == names


def test_the_official_test_stands_beside_baselines_and_published_figures(straight):
    metrics = straight.read("metrics.json")
    assert metrics["test_records"] == 100
    model, constant = metrics["model"], metrics["constant"]
    assert model["rmse_cycles"]["high"] < constant["rmse_cycles"]["low"]
    assert all(row["low"] <= row["value"] <= row["high"] for row in model.values())
    capped = metrics["capped_truth"]["model"]["rmse_cycles"]["value"]
    assert capped < model["rmse_cycles"]["value"]
    assert 15 < metrics["baseline"]["rmse_cycles"]["value"] < 25  # a least-squares fit, no dice
    assert {row["rmse_cycles"] for row in metrics["published"]} >= {16.14, 12.61}
    assert metrics["prediction_interval"]["covered"] > 0.8


def test_drift_is_seen_in_another_fleet_and_not_in_the_same(straight):
    rows = straight.read("metrics.json")["drift"]["rows"]
    assert {row["test_reads"] for row in rows} == {"stable"}
    assert sum(row["other_fleet_reads"] == "large" for row in rows) > 10
    metrics = straight.read("metrics.json")
    assert metrics["other_fleet"]["rmse_cycles"] > metrics["model"]["rmse_cycles"]["high"]


def test_the_facts_agree_with_the_formulas_of_the_blueprint(straight):
    blueprint = load_blueprints()["turbofan"]
    facts = parse_training_facts(straight.read("facts.json"))
    assert facts.findings == ()
    assert facts.flop_useful == facts.flop_executed == estimate_flop(blueprint, PARAMS)
    assert facts.samples == count_samples(blueprint, PARAMS)
    assert facts.code_sha256 == blueprint_code_sha256("turbofan")
    assert facts.data[0].name == blueprint.data[0].name


@pytest.mark.slow
def test_a_run_that_is_stopped_and_killed_leaves_the_same_model_bit_for_bit(straight, lab):
    assert lab.stop(signal.SIGTERM, at_step=10) == 75
    at = lab.newest_step()
    assert lab.stop(signal.SIGKILL, at_step=at + 10) == -signal.SIGKILL
    assert f"goes on at step {lab.newest_step():,}" in lab.finish()
    assert lab.model() == straight.model()


@pytest.mark.slow
def test_two_processes_learn_the_same_together(straight, lab):
    port = str(find_free_port())
    meet = {"ALLMENDE_NODES": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    both = [lab.start(places={**meet, "ALLMENDE_NODE_RANK": rank}) for rank in "01"]
    while lab.newest_step() < 5:
        assert [each.poll() for each in both] == [None, None]
        time.sleep(0.01)
    for each in reversed(both):  # as the platform stops a job: all its processes
        each.send_signal(signal.SIGTERM)
    for each in both:
        each.communicate(timeout=LONGEST_SECONDS)
    assert [each.returncode for each in both] == [75, 75]
    assert lab.state()["end"] == "preempted"
    lab.finish(launcher=TORCHRUN)
    assert lab.state()["steps_redone"] == 0
    together, alone = (each.read("metrics.json") for each in (lab, straight))
    # The same windows, halved: gradients differ by rounding alone.
    for name, row in alone["model"].items():
        assert together["model"][name]["value"] == pytest.approx(row["value"], rel=0.02)


def test_the_readme_tells_every_parameter_as_it_is():
    readme = (blueprint_folder("turbofan") / "README.md").read_text()
    for param in load_blueprints()["turbofan"].params.values():
        low = f"{param.min:f}".rstrip("0").rstrip(".") if param.min < 1 and param.min else param.min
        assert f"| `{param.name}` | {param.default} | {low} to {param.max} |" in readme


def test_without_its_data_it_says_where_they_belong(lab, tmp_path):
    lab.data = tmp_path / "nothing"
    output, _ = (running := lab.start()).communicate(timeout=LONGEST_SECONDS)
    assert running.returncode == 1
    assert output.startswith("The C-MAPSS data are not in ")
    assert "nasa_cmapss_fd001.tar.xz" in output


def test_the_model_can_be_used_as_the_readme_shows(straight, engines):
    readme = (blueprint_folder("turbofan") / "README.md").read_text()
    code = readme.split("```python\n")[1].split("```")[0]
    done = subprocess.run(
        [str(straight.python), "-c", code],
        cwd=straight.folder / "out",
        env={
            **os.environ,
            "PYTHONPATH": str(blueprint_folder("turbofan")),
            "ALLMENDE_DATA": str(engines),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    first = (straight.folder / "out" / "predictions.csv").read_text().splitlines()[1]
    assert json.loads(done.stdout) == pytest.approx(float(first.split(",")[2]), abs=0.06)
