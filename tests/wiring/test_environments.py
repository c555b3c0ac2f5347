"""An environment is built once, whole or not at all. These build from a folder, not the network."""

import subprocess
import threading
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from allmende.wiring import environments


def a_wheel(folder: Path, *, value: int) -> Path:
    """Write the smallest wheel there can be."""
    wheel = folder / f"answer-{value}-py3-none-any.whl"
    info = f"answer-{value}.dist-info"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("answer.py", f"VALUE = {value}\n")
        file.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: answer\nVersion: {value}\n"
        )
        file.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(f"{info}/RECORD", "")
    return wheel


@pytest.fixture
def toy(tmp_path, monkeypatch) -> Path:
    """Return the lock file of a blueprint that needs one small wheel."""
    (tmp_path / "blueprints/toy").mkdir(parents=True)
    (tmp_path / "blueprints/toy/blueprint.toml").touch()
    monkeypatch.setenv("ALLMENDE_BLUEPRINTS", str(tmp_path / "blueprints"))
    monkeypatch.setenv("ALLMENDE_ENVIRONMENTS", str(tmp_path / "environments"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    lock = tmp_path / "blueprints/toy/requirements.lock"
    pin(lock, value=41)
    return lock


def pin(lock: Path, *, value: int) -> None:
    wheel = a_wheel(lock.parents[2], value=value)
    digest = sha256(wheel.read_bytes()).hexdigest()
    lock.write_text(f"answer=={value} --hash=sha256:{digest}\n")


def answer(python: Path) -> str:
    command = [str(python), "-c", "import answer; print(answer.VALUE)"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_an_environment_has_what_the_lock_pins_and_a_new_lock_makes_a_new_one(toy):
    assert not environments.is_environment_built("toy")
    first = environments.environment_python("toy")
    assert environments.is_environment_built("toy")
    assert answer(first) == "41"
    assert environments.environment_python("toy") == first
    pin(toy, value=42)
    assert not environments.is_environment_built("toy")
    second = environments.environment_python("toy")
    assert (answer(first), answer(second)) == ("41", "42")


def test_two_builders_build_once(toy):
    built: list[Path] = []

    def build():
        built.append(environments.environment_python("toy"))

    threads = [threading.Thread(target=build) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert built[0] == built[1]
    folders = [p for p in environments.environments_folder().iterdir() if p.is_dir()]
    assert len(folders) == 1


def test_a_wrong_hash_is_refused_and_leaves_nothing(toy):
    toy.write_text(f"answer==41 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(environments.EnvironmentNotBuilt, match="blueprint toy"):
        environments.environment_python("toy")
    (left,) = environments.environments_folder().iterdir()
    assert left.suffix == ".lock"


def test_a_package_that_is_not_there_is_named(toy):
    toy.write_text(f"nothing-such==1 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(environments.EnvironmentNotBuilt, match="nothing-such==1"):
        environments.environment_python("toy")


def test_what_a_killed_builder_left_is_cleared_away(toy):
    target = environments._target("toy")
    draft = target.with_name(target.name + ".draft")
    (draft / "bin").mkdir(parents=True)
    (draft / "bin" / "python").write_text("half")
    assert answer(environments.environment_python("toy")) == "41"
    assert not draft.exists()


def test_without_a_folder_of_its_own_an_environment_lies_in_the_data_folder(monkeypatch):
    monkeypatch.delenv("ALLMENDE_ENVIRONMENTS", raising=False)
    assert environments.environments_folder() == environments.home() / "environments"
