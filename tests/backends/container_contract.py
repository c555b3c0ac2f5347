"""What every backend keeps of a job in a container, where a tool for containers works.

A test module of a backend subclasses `ContainerContract` if `TOOL`, with a fixture `image`.
"""

import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from allmende.domain.scheduling.backends import Container, EndReason
from tests.backends.attempts import read_those_left
from tests.backends.contract import ACCOUNT, a_launch, run, wait_for_end, wait_for_log

PROGRAMS = "bash cat chmod env id ls mkdir sh sha256sum sleep touch"
# The tool may need settings of the machine that tests run on.
SETTINGS = {name: value for name, value in os.environ.items() if name.startswith("CONTAINERS_")}


def make_image(folder: Path) -> Path:
    """Put programs of this machine into a root file system, with the libraries that they load."""
    for name in ("bin", "dev", "etc", "proc", "sys", "tmp"):
        (folder / name).mkdir(parents=True)
    for program in PROGRAMS.split():
        found = f"/bin/{program}"
        shutil.copy(found, folder / "bin" / program)
        told = subprocess.run(["ldd", found], capture_output=True, text=True, check=True).stdout
        for library in (word for word in told.split() if word.startswith("/")):
            target = folder / library.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, target)
    return folder


@cache
def find_tool() -> str:
    """Return a tool that runs a container on this machine; "" where none does."""
    runs = {
        "apptainer": ["apptainer", "exec"],
        "podman": ["podman", "run", "--rm", "--cgroups=disabled", "--network=host", "--rootfs"],
    }
    for tool, words in runs.items():
        if shutil.which(tool):
            with tempfile.TemporaryDirectory() as folder:
                image = f"{make_image(Path(folder) / 'image')}{':O' * (tool == 'podman')}"
                tried = subprocess.run([*words, image, "/bin/id"], capture_output=True, check=False)
            if tried.returncode == 0:
                return tool
    return ""


TOOL = find_tool()


class ContainerContract:
    """The promises about jobs that name an image."""

    def test_command_runs_inside_and_finds_its_folders_and_variables(
        self, backend, image, tmp_path
    ):
        (tmp_path / "a data set").mkdir()
        (tmp_path / "a data set/a.csv").write_text("1,2\n")
        launch = a_launch(
            '[ ! -e /usr/bin/env ] && cat /data/a.csv; touch /data/b; printf "%s\\n" "$LINES";'
            'printf %s "$TOKEN" | sha256sum > "$ALLMENDE_OUT/sum"; pwd; echo "$HOME"; exit 4',
            container=Container(
                image=str(image), tool=TOOL, mounts={"/data": f"{tmp_path}/a data set"}
            ),
            environment={"LINES": "a\n'b' $(date)", **SETTINGS},
            secrets={"TOKEN": "it's\nhush"},
        )
        backend.start(launch)
        seen = wait_for_end(backend, launch.key)
        log = backend.read_log(launch.key, offset=0, limit=10_000).decode()
        assert (seen.reason, seen.exit_code) == (EndReason.FAILED, 4), log
        assert "1,2\n" in log
        assert "Read-only file system" in log
        assert "a\n'b' $(date)\n" in log
        home, started_in = log.splitlines()[-2:]
        assert home == started_in
        told = backend.read_output(launch.job_id, "sum")
        wanted = subprocess.run(["sha256sum"], input=b"it's\nhush", capture_output=True, check=True)
        assert told == wanted.stdout

    def test_setup_runs_inside_and_once(self, backend, image, tmp_path):
        shared = {
            "account": ACCOUNT,
            "setup": 'echo setting up; [ ! -e /usr/bin/env ]; mkdir "$ALLMENDE_ENVIRONMENT/bin";'
            'cd "$ALLMENDE_ENVIRONMENT/bin"; echo "echo glad" > greet; chmod +x greet',
            "environment_id": tmp_path.name,
            "container": Container(image=str(image), tool=TOOL),
            "environment": SETTINGS,
        }
        keys = [run(backend, "greet", **shared).key for _ in range(2)]
        first, second = (backend.read_log(key, offset=0, limit=10_000) for key in keys)
        assert (first.count(b"setting up"), second.count(b"setting up")) == (1, 0)
        assert second.endswith(b"glad\n")

    def test_stop_reaches_the_processes_inside_and_secrets_are_nowhere(self, backend, image):
        inner = 'trap "echo saved; exit 75" TERM; echo begun; while true; do sleep 0.1; done'
        launch = a_launch(
            f"/bin/bash -c '{inner}'; true",
            container=Container(image=str(image), tool=TOOL),
            secrets={"TOKEN": "hush-hush"},
            environment=SETTINGS,
        )
        backend.start(launch)
        wait_for_log(backend, launch.key, b"begun")
        words = Path("/proc").glob("[0-9]*/cmdline")
        kept = [*Path("/var/lib/containers").rglob("*.json"), *Path("/run").rglob("config.json")]
        assert not any(b"hush-hush" in each for each in read_those_left((*words, *kept)))
        backend.stop(launch.key, reason=EndReason.PREEMPTED, grace_seconds=90)
        assert wait_for_end(backend, launch.key).reason is EndReason.PREEMPTED
        assert b"saved" in backend.read_log(launch.key, offset=0, limit=10_000)
