"""Whatever is killed, a training ends with the same weights, and each second is charged once."""

import json
import math
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
KILLS = int(os.environ.get("ALLMENDE_KILLS", "6"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a home whose work folder is a file system that can be filled; skip without root."""
    folder = tmp_path / "home" / "work"
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=700m", "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"needs a small file system of its own: {mounted.stderr.strip()}")
    yield folder.parent
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.slow
@pytest.mark.usefixtures("medicine_python")
def test_killed_anywhere_a_training_ends_with_the_same_weights(small_disk: Path):
    seed = int(os.environ.get("ALLMENDE_KILL_SEED", random.SystemRandom().randrange(10**6)))
    seen = play(small_disk, seed)
    sys.stdout.write(f"{seen['kills']} {seen['reasons']}\n")
    assert sum(seen["kills"].values()) >= KILLS
    assert seen["unfinished"] == []
    assert len(set(seen["models"])) == 1, "the first of them trained in peace"
    if seen["kills"].get("disk", 0) >= 5:
        assert seen["met_full_disk"], "the disk ran full while a checkpoint was written"
    check_books(seen)


def check_books(seen: dict) -> None:
    """Each attempt was settled once, charged what it took, and refunded where its node died."""
    assert seen["unsettled"] == []
    assert seen["settlements"] == seen["attempts"] == len(seen["charged"])
    for key, seconds in seen["measured"].items():
        assert seen["charged"][key] == math.ceil(seconds)
    lost = {key: seen["charged"][key] for key in seen["node_fails"]}
    assert seen["refunded"] == {key: seconds for key, seconds in lost.items() if seconds}
    assert seen["is_ledger_clean"]
    assert seen["audit_findings"] == seen["held_seconds"] == 0


def play(folder: Path, seed: int) -> dict:
    done = subprocess.run(
        [sys.executable, "-m", "tests.blueprints.survival_trials", str(KILLS), str(seed)],
        cwd=PROJECT,
        env={**os.environ, "ALLMENDE_HOME": str(folder), "ALLMENDE_DATABASE_URL": ""},
        capture_output=True,
        text=True,
        timeout=300 + 60 * KILLS,
        check=False,
    )
    sys.stdout.write(f"repeat with ALLMENDE_KILL_SEED={seed}\n")
    assert done.returncode == 0, done.stderr[-5000:]
    return json.loads(done.stdout)
