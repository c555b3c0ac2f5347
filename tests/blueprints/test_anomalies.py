"""The anomalies blueprint watches real series, dies, goes on, and leaves the same model."""

import signal
from pathlib import Path

import pytest

from allmende.domain.training.blueprints import count_samples, estimate_flop
from allmende.domain.training.models import parse_training_facts
from allmende.wiring.blueprints import blueprint_code_sha256, blueprint_folder, load_blueprints
from tests.blueprints.labs import LONGEST_SECONDS, Lab


@pytest.fixture(scope="session")
def measured(shared_data) -> Path:
    folder = shared_data / "industrial"
    if not (folder / "nab_real.tar.xz").exists():
        pytest.skip(f"the NAB series are absent: {folder}")
    return folder


@pytest.fixture
def lab(tmp_path, measured) -> Lab:
    return Lab("anomalies", tmp_path, measured)


@pytest.fixture(scope="session")
def straight(tmp_path_factory, measured) -> Lab:
    """Return a run that nothing disturbed."""
    lab = Lab("anomalies", tmp_path_factory.mktemp("anomalies"), measured)
    lab.finish()
    return lab


def test_a_run_leaves_its_model_its_figures_and_its_facts(straight):
    left = sorted(path.name for path in (straight.folder / "out").iterdir())
    assert left == ["alarms.csv", "facts.json", "metrics.json", "model.safetensors"]


def test_the_readme_states_the_figures_of_this_very_run(straight):
    # No dice are thrown, so they must be the same on every machine.
    metrics = straight.read("metrics.json")
    readme = (blueprint_folder("anomalies") / "README.md").read_text()
    for who, title in (("model", "**this blueprint**"), ("baseline", "rolling z-score")):
        cells = [
            f"{row['value']:.1f} ({row['low']:.1f} to {row['high']:.1f})"
            for name, row in metrics[who].items()
            if name != "name"
        ]
        assert f"| {title} | {' | '.join(cells)} |" in readme
    for row in metrics["published"]:
        assert f"| {row['nab_standard']:.1f} |" in readme


def test_it_is_better_than_the_baseline_and_not_better_than_the_rule_allows(straight):
    metrics = straight.read("metrics.json")
    for name, row in metrics["model"].items():
        assert row["value"] > metrics["baseline"][name]["value"]
        # A threshold chosen on the scored series themselves cannot be worse.
        assert row["value"] <= metrics["by_the_rule_of_nab"]["model"][name]


def test_the_facts_agree_with_the_formulas_of_the_blueprint(straight):
    blueprint = load_blueprints()["anomalies"]
    facts = parse_training_facts(straight.read("facts.json"))
    assert facts.findings == ()
    assert facts.flop_useful == facts.flop_executed == estimate_flop(blueprint, {})
    assert facts.samples == count_samples(blueprint, {}) == blueprint.data[0].records
    assert facts.code_sha256 == blueprint_code_sha256("anomalies")
    assert facts.data[0].name == blueprint.data[0].name


@pytest.mark.slow
def test_a_run_that_is_stopped_and_killed_leaves_the_same_model_bit_for_bit(straight, lab):
    assert lab.stop(signal.SIGTERM, at_step=3) == 75
    at = lab.newest_step()
    assert lab.stop(signal.SIGKILL, at_step=at + 3) == -signal.SIGKILL
    assert f"goes on at step {lab.newest_step():,}" in lab.finish()
    assert lab.model() == straight.model()
    alarms = (lab.folder / "out" / "alarms.csv").read_text()
    assert alarms == (straight.folder / "out" / "alarms.csv").read_text()


def test_the_readme_tells_every_parameter_as_it_is():
    readme = (blueprint_folder("anomalies") / "README.md").read_text()
    for param in load_blueprints()["anomalies"].params.values():
        assert f"| `{param.name}` | {param.default} | {param.min} to {param.max} |" in readme


def test_without_its_data_it_says_where_they_belong(lab, tmp_path):
    lab.data = tmp_path / "nothing"
    output, _ = (running := lab.start()).communicate(timeout=LONGEST_SECONDS)
    assert running.returncode == 1
    assert output.startswith("The NAB series are not in ")
