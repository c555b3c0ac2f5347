"""The dialect blueprint learns from text that a user gives, stops, dies, goes on, and measures."""

import lzma
import shutil
import signal
import tarfile
from pathlib import Path

import pytest

from allmende.backends.jobs.ports import find_free_port
from allmende.domain.training.blueprints import count_samples, estimate_flop
from allmende.domain.training.models import parse_training_facts
from allmende.wiring.blueprints import blueprint_code_sha256, blueprint_folder, load_blueprints
from tests.blueprints.labs import LONGEST_SECONDS, TORCHRUN, Lab

PROJECT = Path(__file__).resolve().parents[2]
PARAMS = {
    "layers": 1,
    "heads": 2,
    "head_size": 8,
    "vocabulary": 320,
    "context": 32,
    "batch_size": 4,
    "steps": 24,
    "dropout": 0.1,
}
VARIETIES = ("UD_Bavarian-MaiBaam", "UD_Low_Saxon-LSDC", "UD_Swiss_German-UZH")
XSID = ("de-ba", "de-st", "gsw")
# One of two processes, the other made up; as on a GPU, but that the CPU multiplies short numbers.
WHOLE_WEIGHTS_KEPT = """
import torch
from network import Gpt
from processes import Processes
from train import short_numbers

torch.distributed.init_process_group("fake", rank=0, world_size=2)
processes = Processes()
processes.count, processes.is_short = 2, True
width, kept = 64, []
options = {"layers": 2, "heads": 1, "head_size": width, "context": 8, "dropout": 0, "seed": 1}
model = processes.share(Gpt(options, 32), sharded=True)
hooks = torch.autograd.graph.saved_tensors_hooks(lambda it: kept.append(it) or it, lambda it: it)
with hooks, short_numbers(processes):
    model(torch.zeros(1, 2, dtype=torch.long))
sizes = [it.untyped_storage().size() / it.element_size() for it in kept]
print(len(sizes), sum(size >= width * width for size in sizes))
"""


@pytest.fixture(scope="module")
def texts(shared_data, tmp_path_factory) -> Path:
    """Return a folder as a user fills it: a little text of three varieties, and some of xSID."""
    folder = tmp_path_factory.mktemp("texts")
    with tarfile.open(shared_data / "text" / "ud_plain.tar.xz") as archive:
        for name in VARIETIES:
            text = archive.extractfile(f"ud_plain/{name}.txt").read().decode()
            (folder / f"{name}.txt").write_text("\n".join(text.splitlines()[:120]))
    with (
        tarfile.open(shared_data / "text" / "xsid-0.7_dialects.tar.xz") as archive,
        lzma.open(folder / "xsid.tar.xz", "wb", preset=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as smaller,
    ):
        for name in (f"xsid-0.7/{v}.{part}.conll" for v in XSID for part in ("valid", "test")):
            smaller.addfile(archive.getmember(name), archive.extractfile(name))
    return folder


@pytest.fixture(scope="module")
def straight(tmp_path_factory, texts) -> Lab:
    """Return a run that nothing disturbed."""
    lab = Lab("dialect", tmp_path_factory.mktemp("straight"), texts, **PARAMS)
    lab.finish()
    return lab


@pytest.fixture
def lab(tmp_path, texts) -> Lab:
    return Lab("dialect", tmp_path, texts, **PARAMS)


def test_a_run_leaves_its_model_its_figures_and_its_facts(straight):
    left = sorted(path.name for path in (straight.folder / "out").iterdir())
    assert left == [
        "confusion.csv",
        "facts.json",
        "metrics.json",
        "model.safetensors",
        "samples.txt",
        "tokenizer.json",
    ]
    blueprint, facts = load_blueprints()["dialect"], parse_training_facts(straight.read(left[1]))
    assert facts.findings == ()
    assert facts.flop_useful == facts.flop_executed == estimate_flop(blueprint, PARAMS)
    assert facts.samples == count_samples(blueprint, PARAMS)
    assert facts.code_sha256 == blueprint_code_sha256("dialect")
    assert facts.data[0].name == blueprint.data[0].name


def test_every_variety_is_measured_beside_the_simpler_methods(straight):
    metrics = straight.read("metrics.json")
    rows = {row["group"]: row for row in metrics["varieties"]}
    assert sorted(rows) == ["Bavarian", "Low_Saxon", "Swiss_German"]
    for row in rows.values():
        for method in ("model", "ngram", "ngram_all", "gzip", "xz"):
            assert 0 < row[method]["low"] <= row[method]["value"] <= row[method]["high"] < 9
    assert metrics["identification"]["varieties"] == list(XSID)
    assert metrics["identification"]["sentences"] == 1500
    assert metrics["model"]["identification_accuracy"]["low"] > 1 / 3  # better than guessing
    assert metrics["model"].keys() < metrics["baseline"].keys()
    assert sum(map(sum, metrics["identification"]["confusion"])) == 1500


def test_it_writes_a_line_in_every_variety(straight):
    lines = (straight.folder / "out" / "samples.txt").read_text().splitlines()
    assert [line.split(": ")[0] for line in lines] == ["Bavarian", "Low_Saxon", "Swiss_German"]


@pytest.mark.slow
def test_a_run_stopped_and_one_killed_go_on_and_leave_the_same_model(straight, lab):
    assert lab.stop(signal.SIGTERM, at_step=5) == 75
    assert lab.stop(signal.SIGKILL, at_step=lab.newest_step() + 3) == -signal.SIGKILL
    kept = lab.newest_step()
    assert f"goes on at step {kept}" in lab.finish()
    assert lab.model() == straight.model()


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(straight, lab):
    # A batch dealt to two gives the same mean gradient, but for the last digits; and each way to
    # hold the model goes on from a checkpoint of the others, whoever started the processes.
    assert lab.stop(signal.SIGTERM, at_step=4) == 75
    for sharded in (0, 1):
        places = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(find_free_port())}
        two = {"places": places, "processes_per_node": 2, "sharded": sharded}
        assert lab.stop(signal.SIGTERM, at_step=lab.newest_step() + 4, **two) == 75
        assert lab.state()["end"] == "preempted"
    assert f"goes on at step {lab.newest_step()}" in lab.finish(launcher=TORCHRUN, sharded=1)
    assert lab.read("metrics.json")["speed"]["device"] == "2 × CPU"
    assert lab.state()["steps_redone"] == 0
    two, one = (each.read("metrics.json")["model"]["bits_per_byte"] for each in (lab, straight))
    assert two["value"] == pytest.approx(one["value"], abs=0.01)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++ to compile for the CPU")
def test_a_compiled_network_goes_on_from_any_checkpoint_and_learns_the_same(straight, lab):
    assert lab.stop(signal.SIGTERM, at_step=4) == 75
    assert f"goes on at step {lab.newest_step()}" in lab.finish(compiled=1)
    compiled, plain = (each.read("metrics.json")["model"] for each in (lab, straight))
    expected = pytest.approx(plain["bits_per_byte"]["value"], abs=0.01)
    assert compiled["bits_per_byte"]["value"] == expected


@pytest.mark.slow
def test_sharded_and_in_short_numbers_no_whole_weight_waits_for_the_gradients(straight):
    kept, whole = map(int, straight.run_code(WHOLE_WEIGHTS_KEPT).split())
    assert kept > 50
    assert whole == 0


def test_a_folder_without_text_is_told_with_the_way_out(tmp_path):
    empty = tmp_path / "data"
    empty.mkdir()
    output, _ = (ended := Lab("dialect", tmp_path, empty, **PARAMS).start()).communicate(
        timeout=LONGEST_SECONDS
    )
    assert ended.returncode == 1
    assert "There is no text in" in output
    assert "NAME.txt" in output
    assert len(output.splitlines()) == 1


def test_the_readme_tells_every_parameter_as_it_is():
    readme = (blueprint_folder("dialect") / "README.md").read_text()
    for param in load_blueprints()["dialect"].params.values():
        low = f"{param.min:f}".rstrip("0").rstrip(".") if param.min else "0"
        assert f"| `{param.name}` | {param.default} | {low} to {param.max} |" in readme
