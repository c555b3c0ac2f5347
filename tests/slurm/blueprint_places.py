"""A blueprint and its environment where the people of a lab can read them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from allmende.wiring.blueprints import blueprint_folder
from tests.backends.slurm_site import USER
from tests.blueprints.labs import python_of


def share_blueprint(blueprint_id: str, folder: Path) -> tuple[Path, Path]:
    """Put it below a folder; return the blueprint's own folder and its interpreter.

    Where it stands, homes may be closed to others: its files are linked, or copied if need be.
    """
    built = python_of(blueprint_id).parents[1]
    base = _find_python()
    code, environment = folder / blueprint_id, folder / f"{blueprint_id}-environment"
    shutil.copytree(blueprint_folder(blueprint_id), code)
    own = shutil.ignore_patterns("bin", "include", "lib64", "pyvenv.cfg")
    shutil.copytree(built, environment, copy_function=_link, ignore=own)
    (environment / "bin").mkdir()
    (environment / "bin/python").symlink_to(base)
    (environment / "pyvenv.cfg").write_text(f"home = {base.parent}\n")
    return code, environment / "bin/python"


def _find_python() -> Path:
    """Return a Python of this version that everybody may start; skip where there is none."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for path in (Path(sys.base_prefix) / "bin" / name, Path("/usr/bin") / name):
        command = ["runuser", "-u", USER, "--", str(path), "--version"]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return path
    pytest.skip(f"no {name} that others may start")


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy(source, target)
