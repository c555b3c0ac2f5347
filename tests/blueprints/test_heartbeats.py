"""The heartbeats blueprint reads a real ECG, learns from its start, and is tested on the rest."""

import shutil
import signal
import tarfile
from pathlib import Path

import numpy as np
import pytest

from allmende.domain.training.blueprints import count_samples, estimate_flop
from allmende.domain.training.models import parse_training_facts
from allmende.wiring.blueprints import blueprint_code_sha256, blueprint_folder, load_blueprints
from tests.blueprints.labs import LONGEST_SECONDS, Lab, load_module

evaluate = load_module("heartbeats", "evaluate")
ecg = load_module("heartbeats", "ecg")
PARAMS = {"steps": 300}
# A checkpoint at every step, as labs keep them, takes longer than the steps.
SELDOM = {"ALLMENDE_CHECKPOINT_SECONDS": "2"}


@pytest.fixture(scope="session")
def measured(shared_data) -> Path:
    folder = shared_data / "medicine"
    if not (folder / ecg.ARCHIVE).exists():
        pytest.skip(f"the ECG is absent: {folder}")
    return folder


@pytest.fixture(scope="session")
def record(measured):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALLMENDE_DATA", str(measured))
        return ecg.read_record(100)


@pytest.fixture(scope="session")
def straight(tmp_path_factory, measured) -> Lab:
    """Return a run that nothing disturbed."""
    lab = Lab("heartbeats", tmp_path_factory.mktemp("heartbeats"), measured, **PARAMS)
    lab.finish(places=SELDOM)
    return lab


def test_the_record_is_read_as_it_was_published(record):
    # Its header: 650,000 samples at 360 Hz, first ones 995 and 1011 at 200 per millivolt, zero at
    # 1024. PhysioNet's table of record 100: 2,239 normal, 33 atrial premature, 1 ventricular beat.
    assert record.leads.shape == (2, 650_000)
    assert record.leads[:, 0] == pytest.approx([-0.145, -0.065])
    assert record.hertz == 360
    counts = np.bincount(record.label, minlength=len(ecg.CLASSES))
    assert dict(zip(ecg.CLASSES, counts, strict=True)) == {
        "N": 2239,
        "S": 33,
        "V": 1,
        "F": 0,
        "Q": 0,
    }


def test_each_beat_is_marked_at_its_peak(record):
    # The first lead is highest within 30 ms of the mark, for nearly all normal beats.
    reach = np.arange(-36, 37)
    normal = record.at[record.label == 0][5:-5]
    peaks = reach[record.leads[0][normal[:, None] + reach].argmax(axis=1)]
    assert np.mean(np.abs(peaks) <= 0.03 * record.hertz) > 0.99


def test_a_damaged_signal_is_refused(measured, tmp_path, monkeypatch):
    with tarfile.open(measured / ecg.ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    signal_file = next(tmp_path.rglob("100.dat"))
    content = bytearray(signal_file.read_bytes())
    content[1000] ^= 1
    signal_file.write_bytes(content)
    monkeypatch.setenv("ALLMENDE_DATA", str(tmp_path))
    with pytest.raises(SystemExit, match="is damaged"):
        ecg.read_record(100)


def test_a_long_pause_between_notes_is_read_in_both_directions():
    # SKIP, then 32 bits with the higher half first; a text of three letters between; a beat V.
    words = [59 << 10, 1, 4464, 1 << 10 | 10, 63 << 10 | 3, 0x4142, 0x43, 5 << 10 | 20, 0]
    at, label = ecg.read_beats(np.array(words, "<u2").tobytes())
    assert at.tolist() == [65536 + 4464 + 10, 65536 + 4464 + 30]
    assert label.tolist() == [ecg.CLASSES.index("N"), ecg.CLASSES.index("V")]


def test_a_run_leaves_its_model_its_figures_and_its_facts(straight):
    assert straight.outputs() == ["facts.json", "metrics.json", "model.safetensors"]


def test_it_finds_early_beats_with_fewer_false_alarms_than_the_rule_of_rhythm(straight):
    metrics = straight.read("metrics.json")
    model, baseline = metrics["model"], metrics["baseline"]
    assert metrics["beats"]["test"] == {"N": 1097, "S": 21, "V": 1, "F": 0, "Q": 0}
    assert model["sensitivity_s"]["value"] > 0.9
    assert model["ppv_s"]["value"] > baseline["ppv_s"]["value"]
    assert metrics["commonest_class"]["sensitivity_s"]["value"] == 0


def test_a_class_of_few_beats_has_no_figures_but_stands_in_the_confusion_table(straight):
    metrics = straight.read("metrics.json")
    assert metrics["beats"]["without_figures"] == ["V"]
    assert "sensitivity_v" not in metrics["model"]
    confusion = metrics["tables"][0]["rows"]
    assert [row["true class"] for row in confusion] == ["N", "S", "V"]
    assert sum(sum(v for k, v in row.items() if k != "true class") for row in confusion) == 1119


def test_the_facts_agree_with_the_formulas_of_the_blueprint(straight):
    blueprint = load_blueprints()["heartbeats"]
    facts = parse_training_facts(straight.read("facts.json"))
    assert facts.findings == ()
    assert facts.flop_useful == facts.flop_executed == estimate_flop(blueprint, PARAMS)
    assert facts.samples == count_samples(blueprint, PARAMS)
    assert facts.code_sha256 == blueprint_code_sha256("heartbeats")
    assert facts.data[0].name == blueprint.data[0].name


@pytest.mark.slow
def test_a_run_that_is_stopped_and_killed_leaves_the_same_model_bit_for_bit(
    straight, measured, tmp_path
):
    lab = Lab("heartbeats", tmp_path, measured, **PARAMS)
    assert lab.stop(signal.SIGTERM, at_step=10) == 75
    assert lab.stop(signal.SIGKILL, at_step=lab.newest_step() + 10) == -signal.SIGKILL
    assert f"goes on at step {lab.newest_step():,}" in lab.finish(places=SELDOM)
    assert lab.model() == straight.model()


def test_the_readme_tells_every_parameter_as_it_is():
    readme = (blueprint_folder("heartbeats") / "README.md").read_text()
    for name, param in load_blueprints()["heartbeats"].params.items():
        least = "0.000001" if param.min == 1e-6 else param.min
        assert f"| `{name}` | {param.default} | {least} to {param.max} |" in readme


def test_the_readme_shows_how_to_use_the_model(straight):
    readme = (blueprint_folder("heartbeats") / "README.md").read_text()
    code = readme.split("```python\n")[1].split("```")[0]
    shutil.copytree(straight.data, straight.folder / "out" / "data", dirs_exist_ok=True)
    try:
        said = straight.run_code(code).strip()
    finally:
        shutil.rmtree(straight.folder / "out" / "data")
    assert len(said) == 100
    assert set(said) <= set(ecg.CLASSES)


def test_without_its_data_it_says_where_they_belong(tmp_path):
    lab = Lab("heartbeats", tmp_path, tmp_path / "nothing")
    output, _ = (running := lab.start()).communicate(timeout=LONGEST_SECONDS)
    assert running.returncode == 1
    assert output.startswith("Record 100 of the MIT-BIH Arrhythmia Database is not in ")


def test_sensitivity_and_ppv_count_what_they_say():
    label, said = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 0, 0])
    assert evaluate.found(label, said, 1).tolist() == [True, False]
    assert evaluate.right(label, said, 1).tolist() == [False, True]
    assert evaluate.confusion_rows(label, said, "NSVFQ")[1] == {
        "true class": "S",
        "called N": 1,
        "called S": 1,
        "called V": 0,
        "called F": 0,
        "called Q": 0,
    }


def test_a_share_of_one_is_not_certain():
    # Clopper and Pearson: 21 of 21 leave 0.839 to 1; none of 10 leaves 0 to 0.308.
    alone = np.ones(21, bool)
    row = evaluate.share_with_interval(alone, [alone])
    assert (row["value"], row["high"]) == (1, 1)
    assert row["low"] == pytest.approx(0.8389, abs=1e-4)
    none = evaluate.share_with_interval(np.zeros(10, bool), [])
    assert none == {"value": 0.0, "low": 0.0, "high": pytest.approx(0.3085, abs=1e-4)}


def test_a_resample_holds_whole_stretches_of_time():
    seconds = np.array([1.0, 2.0, 25.0, 26.0, 27.0, 100.0])
    for draw in evaluate.draw_stretches(seconds, seed=1, resamples=20):
        counts = np.bincount(draw, minlength=6)
        assert counts[0] == counts[1]
        assert counts[2] == counts[3] == counts[4]
        assert counts[0] + counts[2] + counts[5] == 3


def test_brier_and_calibration_of_known_cases():
    label = np.array([0, 1])
    probabilities = np.array([[0.75, 0.25], [0.75, 0.25]])
    assert evaluate.brier(label, probabilities) == pytest.approx((0.125 + 1.125) / 2)
    assert evaluate.calibration_table(label, probabilities) == [(0.7, 0.8, 2, 0.75, 0.5)]
    assert evaluate.expected_calibration_error(label, probabilities) == 0.25
