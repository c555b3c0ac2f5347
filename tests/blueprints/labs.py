"""Attempts at a blueprint as the local backend starts them: to the end, stopped, or killed."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType

import pytest

from allmende.domain.training.blueprints import command_for
from allmende.wiring.blueprints import blueprint_folder, load_blueprints
from allmende.wiring.environments import EnvironmentNotBuilt, environment_python

PROJECT = Path(__file__).resolve().parents[2]
STOPPED = 75
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
LONGEST_SECONDS = 600
TRIES = 5


def python_of(blueprint_id: str) -> Path:
    """Return the interpreter of a blueprint, kept between test runs; skip where it cannot be."""
    with pytest.MonkeyPatch.context() as patch:
        kept = os.environ.get("ALLMENDE_ENVIRONMENTS", str(PROJECT / "var" / "environments"))
        patch.setenv("ALLMENDE_ENVIRONMENTS", kept)
        try:
            return environment_python(blueprint_id)
        except EnvironmentNotBuilt as refusal:
            if os.environ.get("CI"):
                raise
            pytest.skip(str(refusal))


class Lab:
    """The folder of one job with a blueprint, and the attempts in it."""

    def __init__(self, blueprint_id: str, folder: Path, data: Path | str = "", **params: object):
        self.folder, self.blueprint_id, self.data = folder, blueprint_id, data
        self.python = python_of(blueprint_id)
        self.params = params
        self.attempts = 0

    def start(
        self,
        *,
        cores: int = 0,
        places: dict[str, str] | None = None,
        launcher: tuple[str, ...] = (),
        **params: object,
    ) -> subprocess.Popen[str]:
        """Start an attempt: on so many cores (0: all), with further variables and parameters."""
        self.attempts += 1
        python, *script = command_for(
            load_blueprints()[self.blueprint_id],
            self.params | params,
            folder=str(blueprint_folder(self.blueprint_id)),
            python=str(self.python),
        )
        command = (python, *launcher, *script)
        environment = {
            "PATH": os.environ["PATH"],
            "ALLMENDE_OUT": str(self.folder / "out"),
            "ALLMENDE_CHECKPOINTS": str(self.folder / "checkpoints"),
            "ALLMENDE_PROGRESS": str(self.folder / "progress.jsonl"),
            "ALLMENDE_ATTEMPT": str(self.attempts),
            "ALLMENDE_CHECKPOINT_SECONDS": "0",  # at every step, however fast the machine is
            "ALLMENDE_DATA": str(self.data),
            "OMP_NUM_THREADS": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        if cores:
            some = sorted(os.sched_getaffinity(0))[-cores:]
            command = ("taskset", "--cpu-list", ",".join(map(str, some)), *command)
        return subprocess.Popen(
            command,
            env=environment | (places or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def finish(self, **params: object) -> str:
        """Run an attempt to its end and return what it printed."""
        output, _ = (running := self.start(**params)).communicate(timeout=LONGEST_SECONDS)
        assert running.returncode == 0, output
        return output

    def stop(self, number: int, *, at_step: int, **params: object) -> int:
        """Start an attempt, send it a signal once it has kept that step; return its exit code.

        Where the machine let it reach its end before anybody looked, all begins again from here.
        """
        begun = self.attempts
        for _ in range(TRIES):
            with tempfile.TemporaryDirectory() as kept:
                shutil.copytree(self.folder, kept, dirs_exist_ok=True)
                if code := self._stop(number, at_step=at_step, **params):
                    return code
                shutil.rmtree(self.folder)
                shutil.copytree(kept, self.folder)
                self.attempts = begun
        raise AssertionError("the attempt ends before it can be stopped")

    def _stop(self, number: int, *, at_step: int, **params: object) -> int:
        running = self.start(**params)
        deadline = time.monotonic() + LONGEST_SECONDS
        while self.newest_step() < at_step and (code := running.poll()) != 0:
            assert code is None, running.communicate()[0]
            assert time.monotonic() < deadline, "the attempt keeps no checkpoints"
            time.sleep(0.01)
        running.send_signal(number)
        running.communicate(
            timeout=LONGEST_SECONDS
        )  # also its children must end, or their output stays open
        return running.returncode

    def resume(self, **params: object) -> None:
        """Stop an attempt early, kill the next (on all cores), and let a third reach the end."""
        assert self.stop(signal.SIGTERM, at_step=1, **params) == STOPPED
        assert self.state()["end"] == "preempted"
        at_step = self.newest_step() + 1
        assert self.stop(signal.SIGKILL, at_step=at_step, **params | {"cores": 0}) == -9
        kept = self.newest_step()
        assert f"goes on at step {kept:,}" in self.finish(**params)
        assert self.state()["end"] == "completed"

    def newest_step(self) -> int:
        done = sorted((self.folder / "checkpoints").glob("step-*/DONE"))
        return int(done[-1].parent.name.removeprefix("step-")) if done else -1

    def read(self, name: str) -> dict:
        return json.loads((self.folder / "out" / name).read_text())

    def model(self) -> bytes:
        return (self.folder / "out" / "model.safetensors").read_bytes()

    def state(self) -> dict:
        newest = max((self.folder / "checkpoints").glob("step-*/state.json"))
        return json.loads(newest.read_text())

    def progress(self) -> list[dict]:
        lines = (self.folder / "progress.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def outputs(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "out").iterdir())

    def run_code(self, code: str) -> str:
        """Run Python with the modules of the blueprint, in the folder of its outputs."""
        environment = os.environ | {
            "PYTHONPATH": str(blueprint_folder(self.blueprint_id)),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
        }
        done = subprocess.run(
            [str(self.python), "-W", "ignore", "-c", code],
            cwd=self.folder / "out",
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def load_module(blueprint: str, name: str) -> ModuleType:
    """Return a module of a blueprint's folder, which is no package of the platform."""
    path = blueprint_folder(blueprint) / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"{blueprint}_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for their own module
    spec.loader.exec_module(module)
    return module
