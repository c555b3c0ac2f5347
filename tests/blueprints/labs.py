"""A job folder as the local backend lays it out, and attempts of one blueprint in it."""

import importlib.util
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from allmende.domain.training.blueprints import command_for
from allmende.wiring.blueprints import blueprint_folder, load_blueprints

LONGEST_SECONDS = 120


@dataclass
class Lab:
    """Where attempts of a blueprint run with the same parameters, one after the other."""

    blueprint: str
    folder: Path
    python: Path
    data: Path
    params: dict[str, float] = field(default_factory=dict)
    attempts: int = 0

    def start(self, **environment: str) -> subprocess.Popen[str]:
        self.attempts += 1
        command = command_for(
            load_blueprints()[self.blueprint],
            self.params,
            folder=str(blueprint_folder(self.blueprint)),
            python=str(self.python),
        )
        contract = {
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
        return subprocess.Popen(
            command,
            env=contract | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def finish(self, **environment: str) -> str:
        """Run an attempt to its end and return what it printed."""
        output, _ = (running := self.start(**environment)).communicate(timeout=LONGEST_SECONDS)
        assert running.returncode == 0, output
        return output

    def stop(self, number: int, *, at_step: int) -> subprocess.Popen[str]:
        """Start an attempt and send it a signal once it has kept a checkpoint at that step."""
        running = self.start()
        deadline = time.monotonic() + LONGEST_SECONDS
        while self.newest_step() < at_step:
            assert running.poll() is None, running.communicate()[0]
            assert time.monotonic() < deadline, "the attempt keeps no checkpoints"
            time.sleep(0.01)
        running.send_signal(number)
        running.communicate(timeout=LONGEST_SECONDS)
        return running

    def newest_step(self) -> int:
        done = sorted((self.folder / "checkpoints").glob("step-*/DONE"))
        return int(done[-1].parent.name.removeprefix("step-")) if done else -1

    def read(self, name: str) -> dict:
        return json.loads((self.folder / "out" / name).read_text())

    def model(self) -> bytes:
        return (self.folder / "out" / "model.safetensors").read_bytes()


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
