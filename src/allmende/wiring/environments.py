"""A blueprint runs in a Python environment of its own, built once from its pinned requirements.

The platform never depends on what a blueprint needs. Blueprints whose requirements are the same to
the byte share an environment, for it would be the same twice.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from allmende.domain.basics.refusals import Refusal
from allmende.wiring.blueprints import blueprint_folder
from allmende.wiring.home import home

REQUIREMENTS = "requirements.lock"


class EnvironmentNotBuilt(Refusal):
    """The environment of the blueprint {blueprint} could not be built: {problem}

    Nothing half-built is left. Check the connection to the package index, then try again.
    """

    status = 503


def environments_folder() -> Path:
    """Return where environments live: $ALLMENDE_ENVIRONMENTS, else below the data folder."""
    return Path(os.environ.get("ALLMENDE_ENVIRONMENTS", home() / "environments")).absolute()


def environment_python(blueprint_id: str) -> Path:
    """Return the interpreter of the blueprint's environment, building it at first use."""
    python = _target(blueprint_id) / "bin" / "python"
    if python.exists():
        return python
    with _only_builder(_target(blueprint_id)):
        if not python.exists():  # somebody else may have built it while we waited
            _build(blueprint_id)
    return python


def is_environment_built(blueprint_id: str) -> bool:
    """Say whether `environment_python` would return at once."""
    return (_target(blueprint_id) / "bin" / "python").exists()


def _target(blueprint_id: str) -> Path:
    # The version of Python is part of it: libraries are compiled for one version.
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    content = (blueprint_folder(blueprint_id) / REQUIREMENTS).read_bytes() + version.encode()
    return environments_folder() / hashlib.sha256(content).hexdigest()[:16]


@contextmanager
def _only_builder(target: Path) -> Iterator[None]:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_name(target.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # released when the file closes, also after a crash
        yield


def _build(blueprint_id: str) -> None:
    target = _target(blueprint_id)
    draft = target.with_name(target.name + ".draft")
    shutil.rmtree(draft, ignore_errors=True)
    requirements = str(blueprint_folder(blueprint_id) / REQUIREMENTS)
    # Our own pip fills it: giving each environment a pip of its own takes longer.
    pip = (sys.executable, "-m", "pip", "--python", str(draft / "bin" / "python"), "install")
    quiet = ("--disable-pip-version-check", "--no-input", "--quiet")
    # Wheels only and each with its hash: nothing is compiled or run while it is installed. The file
    # is complete (--no-deps): resolving again would meet versions that are newer than it.
    pinned = ("--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", requirements)
    try:
        _run(blueprint_id, (sys.executable, "-m", "venv", "--without-pip", str(draft)))
        _run(blueprint_id, (*pip, *quiet, *pinned))
    except EnvironmentNotBuilt:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    # Only the interpreter is ever called, so that the moved environment works: Python finds its
    # libraries from where it stands. Scripts in bin/ would still name the draft.
    draft.rename(target)


def _run(blueprint_id: str, command: tuple[str, ...]) -> None:
    # Fixed arguments, no shell; what runs is this Python and its pip.
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, check=False, timeout=900
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EnvironmentNotBuilt(blueprint=blueprint_id, problem=str(error)) from error
    if done.returncode:
        problem = _last_words(done.stderr or done.stdout)
        raise EnvironmentNotBuilt(blueprint=blueprint_id, problem=problem)


def _last_words(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")] or lines
    return " ".join(errors[-2:])[:500] or "no reason was given."
