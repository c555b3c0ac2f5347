"""The medicine blueprint trains, stops, dies, goes on, and leaves the same model in every case."""

import fcntl
import json
import shutil
import signal
import subprocess

import pytest

from allmende.domain.training.blueprints import count_samples, estimate_flop
from allmende.domain.training.models import parse_training_facts
from allmende.wiring.blueprints import blueprint_code_sha256, blueprint_folder, load_blueprints
from tests.blueprints.labs import LONGEST_SECONDS, Lab, load_module

PARAMS = {"steps": 1000, "hidden_units": 8, "folds": 4}


@pytest.fixture(scope="session")
def straight(tmp_path_factory) -> Lab:
    """Return a run that nothing disturbed."""
    lab = Lab("medicine", tmp_path_factory.mktemp("straight"), **PARAMS)
    lab.finish()
    return lab


@pytest.fixture
def lab(tmp_path) -> Lab:
    return Lab("medicine", tmp_path, **PARAMS)


def test_a_run_leaves_its_model_its_figures_and_its_facts(straight):
    left = sorted(path.name for path in (straight.folder / "out").iterdir())
    assert left == ["calibration.csv", "facts.json", "metrics.json", "model.safetensors"]


def test_the_classifier_learns_and_holds_its_own_beside_the_baseline(straight):
    metrics = straight.read("metrics.json")
    model, baseline = metrics["model"], metrics["baseline"]
    assert metrics["test_records"] == 171
    assert model["auroc"]["value"] > 0.97
    assert model["brier"]["value"] < 0.05
    assert model["auroc"]["high"] >= baseline["auroc"]["low"]
    assert all(row["low"] <= row["value"] <= row["high"] for row in model.values())


def test_groups_of_fewer_than_five_are_not_reported(straight):
    rows = straight.read("metrics.json")["subgroups"]["rows"]
    assert [row["group"] for row in rows] == ["small", "middle", "large"]
    counts = [row[key] for row in rows for key in ("cases", "malignant")]
    assert all(count is None or count >= 5 for count in counts)
    cells = (straight.folder / "out" / "calibration.csv").read_text().splitlines()[1:]
    assert all(cell.split(",")[1] == "<5" or int(cell.split(",")[1]) >= 5 for cell in cells)


def test_acting_on_the_model_is_worth_more_than_acting_on_everybody_or_on_nobody(straight):
    calibration, curve = straight.read("metrics.json")["tables"]
    assert [calibration["title"], curve["title"]] == ["Calibration", "Decision curve"]
    for row in curve["rows"]:
        assert row["model"]["value"] > max(0, row["everybody"])


def test_no_output_is_as_long_as_the_data(straight):
    # No file may hold something for each patient: the model's arrays are weights and means.
    size = (straight.folder / "out" / "model.safetensors").read_bytes()
    header = json.loads(size[8 : 8 + int.from_bytes(size[:8], "little")])
    shapes = [entry["shape"] for name, entry in header.items() if name != "__metadata__"]
    assert all(171 not in shape and 398 not in shape and 569 not in shape for shape in shapes)


def test_the_facts_agree_with_the_formulas_of_the_blueprint(straight):
    blueprint = load_blueprints()["medicine"]
    facts = parse_training_facts(straight.read("facts.json"))
    assert facts.findings == ()
    assert facts.flop_useful == facts.flop_executed == estimate_flop(blueprint, PARAMS)
    assert facts.samples == count_samples(blueprint, PARAMS)
    assert facts.code_sha256 == blueprint_code_sha256("medicine")
    assert facts.data[0].name == blueprint.data[0].name


def test_progress_has_its_first_and_its_last_step(straight):
    progress = straight.progress()
    assert [progress[0]["step"], progress[-1]["step"]] == [0, PARAMS["steps"]]
    assert {line["total"] for line in progress} == {PARAMS["steps"]}


def test_a_second_run_leaves_the_same_model_bit_for_bit(straight, lab):
    lab.finish()
    assert lab.model() == straight.model()


def test_a_run_stopped_for_others_goes_on_and_leaves_the_same_model(straight, lab):
    stopped = lab.stop(signal.SIGTERM, at_step=100)
    assert stopped == 75
    assert lab.state()["end"] == "preempted"
    assert not (lab.folder / "out" / "model.safetensors").exists()
    at = lab.newest_step()
    assert f"goes on at step {at:,}" in lab.finish()
    assert lab.model() == straight.model()
    assert lab.read("facts.json")["steps_redone"] == 0
    assert lab.state()["end"] == "completed"


def test_a_run_whose_node_died_goes_on_and_leaves_the_same_model(straight, lab):
    assert lab.stop(signal.SIGKILL, at_step=50) == -signal.SIGKILL
    kept = lab.newest_step()
    # What a crash may leave: a checkpoint without its marker, and a line cut off.
    broken = lab.folder / "checkpoints" / "step-00000999"
    broken.mkdir()
    (broken / "model.safetensors").write_bytes(b"half")
    with (lab.folder / "progress.jsonl").open("a") as file:
        file.write(json.dumps({"step": kept + 30}) + '\n{"step": 9')
    assert f"goes on at step {kept:,}" in lab.finish()
    assert lab.model() == straight.model()
    facts = lab.read("facts.json")
    assert facts["steps_redone"] == 30  # work after the checkpoint: executed, but not useful
    assert facts["flop_executed"] * 1000 == facts["flop_useful"] * 1030


def test_only_the_newest_checkpoints_are_kept(straight):
    folders = sorted(path.name for path in (straight.folder / "checkpoints").iterdir())
    assert len(folders) == 3
    assert folders[0] == "lock"
    assert folders[-1] == "step-00001000"


def module_of_attempts(folder, monkeypatch):
    """Return the code of attempts, for some in this process that keep their files in a folder."""
    module = load_module("medicine", "attempt")
    for name in ("out", "checkpoints", "progress"):
        monkeypatch.setenv(f"ALLMENDE_{name.upper()}", str(folder / name))
    monkeypatch.setattr(module.signal, "signal", lambda *_: None)  # it is not for this process
    return module


def test_two_attempts_never_write_the_same_checkpoints(tmp_path, monkeypatch):
    module = module_of_attempts(tmp_path, monkeypatch)
    (tmp_path / "checkpoints").mkdir()
    with (tmp_path / "checkpoints" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        monkeypatch.setattr(module, "LOCK_SECONDS", 0)
        with pytest.raises(SystemExit, match="Another attempt still writes"):
            module.Attempt()
        # With patience the second waits, until the first lets go.
        monkeypatch.setattr(module, "LOCK_SECONDS", 300)
        monkeypatch.setattr(module.time, "sleep", lambda _: fcntl.flock(lock, fcntl.LOCK_UN))
        module.Attempt()


def test_unless_somebody_says_how_often_saving_takes_a_twentieth_of_the_time(tmp_path, monkeypatch):
    clock = [0.0]

    def save_a_large_file(path):
        path.write_bytes(b"")
        clock[0] += 3

    def pause_after_saving(folder):
        module = module_of_attempts(folder, monkeypatch)
        monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
        attempt = module.Attempt()
        attempt.save(step=1, files={"large": save_a_large_file}, state={})
        begun = clock[0]
        while not attempt.is_checkpoint_due():
            clock[0] += 1
        return clock[0] - begun

    assert pause_after_saving(tmp_path / "unsaid") == 19 * 3
    monkeypatch.setenv("ALLMENDE_CHECKPOINT_SECONDS", "5")
    assert pause_after_saving(tmp_path / "said") == 5


def test_a_checkpoint_of_other_parameters_is_refused(straight, lab):
    shutil.copytree(straight.folder / "checkpoints", lab.folder / "checkpoints")
    output, _ = (other := lab.start(l2=1)).communicate(timeout=LONGEST_SECONDS)
    assert other.returncode == 1
    assert "was made with other parameters" in output


def test_a_checkpoint_from_before_a_parameter_was_there_is_one_of_its_default(straight, lab):
    shutil.copytree(straight.folder / "checkpoints", lab.folder / "checkpoints")
    for path in lab.folder.glob("checkpoints/*/state.json"):
        state = json.loads(path.read_text())
        del state["options"]["l2"]
        path.write_text(json.dumps(state))
    output, _ = (other := lab.start(l2=1)).communicate(timeout=LONGEST_SECONDS)
    assert other.returncode == 1
    assert "was made with other parameters" in output
    assert "goes on at step" in lab.finish()


def test_a_parameter_out_of_range_is_refused_by_hand_too(medicine_python):
    script = blueprint_folder("medicine") / "train.py"
    done = subprocess.run(
        [str(medicine_python), str(script), "--steps=0"], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        2,
        "train.py: error: --steps lies between 10 and 10000000",
    )


def test_the_model_can_be_loaded_and_says_what_the_card_promises(straight, medicine_python):
    # What the README of the blueprint shows, run as it stands there.
    readme = (blueprint_folder("medicine") / "README.md").read_text()
    code = readme.split("```python\n")[1].split("```")[0]
    done = subprocess.run(
        [str(medicine_python), "-c", code],
        cwd=straight.folder / "out",
        capture_output=True,
        text=True,
        check=True,
    )
    assert 0 <= float(done.stdout) <= 1
