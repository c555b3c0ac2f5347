"""The robot blueprint simulates, learns, stops, dies, and leaves the same policy in every case."""

import json

import pytest

from allmende.domain.training.blueprints import count_samples, estimate_flop
from allmende.domain.training.models import parse_training_facts
from allmende.wiring.blueprints import blueprint_code_sha256, blueprint_folder, load_blueprints
from tests.blueprints.labs import Lab

PARAMS = {"iterations": 5, "learners": 2, "horizon": 60, "hidden_units": 8, "test_episodes": 2}


@pytest.fixture(scope="session")
def straight(tmp_path_factory) -> Lab:
    """Return a run that nothing disturbed, on one core."""
    job = Lab("robot", tmp_path_factory.mktemp("straight"))
    job.finish(cores=1, **PARAMS)
    return job


def test_a_run_leaves_its_policy_its_figures_and_its_facts(straight):
    curves = ["learning-curves.csv", "learning-curves.svg"]
    assert straight.outputs() == ["facts.json", *curves, "metrics.json", "model.safetensors"]
    blueprint, facts = load_blueprints()["robot"], parse_training_facts(straight.read("facts.json"))
    assert facts.findings == ()
    assert facts.flop_useful == facts.flop_executed == estimate_flop(blueprint, PARAMS)
    assert facts.samples == count_samples(blueprint, PARAMS)
    assert facts.code_sha256 == blueprint_code_sha256("robot")
    assert facts.data[0].name == blueprint.data[0].name


def test_the_figures_stand_beside_a_linear_controller_and_chance(straight):
    metrics = straight.read("metrics.json")
    for who in ("model", "baseline", "chance"):
        row = metrics[who]["episode_return"]
        assert row["low"] <= row["value"] <= row["high"]
    assert metrics["chance"]["episode_return"]["value"] < -100  # effort without way
    assert len(metrics["all_learners"]["policy"]["episode_return_of_each"]) == 2
    curves = (straight.folder / "out" / "learning-curves.csv").read_text().splitlines()
    assert curves[0].startswith("iteration,steps,policy_mean,policy_low,policy_high,linear_mean")
    assert [line.split(",")[:2] for line in curves[1:]] == [
        [str(number), str(number * 240)] for number in range(1, 6)
    ]


@pytest.mark.slow
def test_stopped_killed_and_on_two_cores_it_leaves_the_same_model(straight, tmp_path):
    job = Lab("robot", tmp_path)
    job.resume(cores=1, **PARAMS)
    assert job.model() == straight.model()
    assert job.read("metrics.json") == straight.read("metrics.json")


def test_an_episode_leaves_nothing_behind_for_the_next(straight):
    # Why no checkpoint needs the simulator's state.
    told = straight.run_code("""
import numpy as np
from simulation import run_episodes
dice = np.random.default_rng(1)
wild = dice.uniform(-1, 1, (50, 2, 6))
first = run_episodes(lambda step, x: wild[step], [7, 8], 50)
run_episodes(lambda step, x: 1 - wild[step], [9, 10], 37)
again = run_episodes(lambda step, x: wild[step], [7, 8], 50)
swapped = run_episodes(lambda step, x: wild[step][::-1], [8, 7], 50)
print(all(np.array_equal(a, b) for a, b in zip(first, again)),
      all(np.array_equal(a, b[:, ::-1]) for a, b in zip(first, swapped)),
      np.array_equal(first[0][:, 0], first[0][:, 1]))
""")
    assert told == "True True False\n"


def test_advantages_and_moments_are_as_published(straight):
    told = straight.run_code("""
import json, numpy as np
from ppo import LAMBDA, estimate_advantages
from simulation import Moments
rewards, values = np.array([[1.0], [2.0]]), np.array([[0.5], [0.25], [4.0]])
values_of = [float(a) for a in estimate_advantages(rewards, values, 0.9)[:, 0]]
rows = np.random.default_rng(1).normal(3, 2, (500, 4))
moments = Moments.fresh(4)
for part in (rows[:10], rows[10:300], rows[300:]):
    moments.add(part)
close = np.allclose(moments.mean, rows.mean(axis=0), atol=1e-5)
print(json.dumps([LAMBDA, values_of, bool(close and np.allclose(moments.scale, rows.std(axis=0),
      atol=1e-4))]))
""")
    lambda_, (first, last), are_moments_right = json.loads(told)
    # Schulman et al. 2016: the sum of (discount x lambda)^k x surprise.
    assert last == pytest.approx(2 + 0.9 * 4 - 0.25)
    assert first == pytest.approx(1 + 0.9 * 0.25 - 0.5 + 0.9 * lambda_ * last)
    assert are_moments_right


def test_the_model_runs_as_the_readme_shows(straight):
    readme = (blueprint_folder("robot") / "README.md").read_text()
    told = straight.run_code(readme.split("```python\n")[1].split("```")[0])
    assert told.endswith("metres per second\n")


def test_the_readme_tells_every_parameter_as_it_is():
    readme = (blueprint_folder("robot") / "README.md").read_text()
    for param in load_blueprints()["robot"].params.values():
        low = f"{param.min:f}".rstrip("0").rstrip(".") if param.min else "0"
        assert f"| `{param.name}` | {param.default} | {low} to {param.max} |" in readme
