"""The racing blueprint learns on some tracks and is tested on others, in a car with limits."""

import json

import pytest

from allmende.domain.training.blueprints import count_samples, estimate_flop
from allmende.domain.training.models import parse_training_facts
from allmende.wiring.blueprints import blueprint_code_sha256, blueprint_folder, load_blueprints
from tests.blueprints.labs import LONGEST_SECONDS, Lab

PARAMS = {"steps": 12, "pairs": 3, "hidden_units": 2, "test_tracks": 2}


@pytest.fixture(scope="session")
def tracks(shared_data) -> str:
    return str(shared_data / "driving")


@pytest.fixture(scope="session")
def straight(tmp_path_factory, tracks) -> Lab:
    """Return a run that nothing disturbed."""
    job = Lab("racing", tmp_path_factory.mktemp("straight"), tracks)
    job.finish(**PARAMS)
    return job


@pytest.fixture
def job(tmp_path) -> Lab:
    (tmp_path / "out").mkdir()
    return Lab("racing", tmp_path, str(tmp_path))


def test_a_run_leaves_its_driver_its_figures_and_its_facts(straight):
    assert straight.outputs() == ["facts.json", "lap.svg", "metrics.json", "model.safetensors"]
    blueprint = load_blueprints()["racing"]
    facts = parse_training_facts(straight.read("facts.json"))
    assert facts.findings == ()
    assert facts.flop_useful == facts.flop_executed == estimate_flop(blueprint, PARAMS)
    assert facts.samples == count_samples(blueprint, PARAMS)
    assert facts.code_sha256 == blueprint_code_sha256("racing")
    assert facts.data[0].name == blueprint.data[0].name


def test_the_driver_is_tested_on_tracks_that_it_never_drove(straight):
    facts, metrics = straight.read("facts.json"), straight.read("metrics.json")
    assert set(facts["tracks_practised"]).isdisjoint(facts["tracks_held_out"])
    assert len(facts["tracks_practised"] + facts["tracks_held_out"]) == 25
    assert [row["track"] for row in metrics["tracks"]] == facts["tracks_held_out"]
    for who in ("model", "baseline"):
        lap = metrics[who]["lap_seconds"]
        assert metrics[who]["lap_seconds_ideal"]["value"] < lap["value"]
        assert lap["low"] <= lap["value"] <= lap["high"]


@pytest.mark.slow
def test_stopped_and_killed_it_goes_on_and_leaves_the_same_driver(straight, tracks, tmp_path):
    job = Lab("racing", tmp_path, tracks)
    job.resume(**PARAMS)
    assert job.model() == straight.model()
    assert job.read("metrics.json") == straight.read("metrics.json")


def test_without_tracks_it_says_where_to_put_them(job):
    output, _ = (running := job.start(**PARAMS)).communicate(timeout=LONGEST_SECONDS)
    assert running.returncode == 1
    assert output.strip().startswith(f"No race tracks in {job.data}. Put the folders tracks and")


def test_laps_of_a_circle_are_as_physics_says(job):
    told = job.run_code("""
import json, numpy as np
from tracks import bends
from vehicle import *
turn = np.arange(400) * 2 * np.pi / 400
circles = np.stack([np.outer(np.cos(turn), [50, 500]), np.outer(np.sin(turn), [50, 500])], axis=1)
curvature, way = bends(circles)
speed = speed_profile(curvature, way)
line = {"curvature": curvature, "way": way, "speed": speed, "offset": 0 * speed}
seconds, outside, farthest = drive(line, 0 * speed - 1, 0 * speed + 1, caution=0.9)
mad = {**line, "speed": 3 * speed}
_, lost, _ = drive(mad, 0 * speed - 1, 0 * speed + 1, caution=1)
print(json.dumps([speed[0].tolist(), lap_seconds(speed, way).tolist(), seconds.tolist(),
                  outside.tolist(), lost.tolist(), FASTEST]))
""")
    (slow, fast), ideal, driven, outside, lost, fastest = json.loads(told)
    # In a bend of 50 m: v² / 50 = 1.3 · 9.81 + 0.002 · v². On a wide one the engine is the limit.
    assert slow == pytest.approx((1.3 * 9.81 / (1 / 50 - 0.002)) ** 0.5, rel=1e-3)
    assert 0.97 * fastest < fast <= fastest
    assert ideal[0] == pytest.approx(2 * 3.14159 * 50 / slow, rel=1e-3)
    assert driven[0] == pytest.approx(ideal[0] / 0.9, rel=0.02)
    assert outside == [0, 0]
    assert lost[0] > 0  # three times too fast leaves the track


def test_brakes_and_engine_share_the_grip_with_the_bend(job):
    told = job.run_code("""
import json, numpy as np
from vehicle import along, grip_at, speed_limit
k = np.array([0.0, 0.005, 0.02])
limit = speed_limit(k)
print(json.dumps([along(20.0, k).tolist(), float(grip_at(20.0)), along(limit, k).tolist()]))
""")
    spare, grip, at_limit = json.loads(told)
    assert spare[0] == grip
    assert [value**2 for value in spare] == pytest.approx(
        [grip**2 - (400 * k) ** 2 for k in (0, 0.005, 0.02)]
    )
    assert at_limit[2] == pytest.approx(0, abs=1e-3)


def test_a_mirrored_track_gives_the_mirrored_line(job):
    told = job.run_code("""
import numpy as np
from driver import Course, first_weights
from tracks import Track
turn = np.arange(300) * 2 * np.pi / 300
far = 300 + 60 * np.sin(3 * turn)
x, y = far * np.cos(turn), far * np.sin(turn)
right, left = 5 + np.cos(turn), 6 + np.sin(turn)
course = Course([Track("one", np.stack([x, y, right, left], axis=1)),
                 Track("other", np.stack([x, -y, left, right], axis=1))])
weights = first_weights({"seed": 3, "hidden_units": 4}) + 0.3
offsets = course.offsets(weights, 4)
inside = (offsets > course.low).all() and (offsets < course.high).all()
print(np.abs(offsets).max() > 1, np.allclose(offsets[:, 0], -offsets[:, 1]), inside)
""")
    assert told == "True True True\n"


def test_the_readme_tells_every_parameter_as_it_is():
    readme = (blueprint_folder("racing") / "README.md").read_text()
    for param in load_blueprints()["racing"].params.values():
        low = f"{param.min:f}".rstrip("0").rstrip(".") if param.min else "0"
        assert f"| `{param.name}` | {param.default} | {low} to {param.max} |" in readme
