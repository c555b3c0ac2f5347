"""The peer: AccaSim, in an environment of its own, on the very jobs that the twin replays."""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from allmende.twin.traces import Trace

VERSION = "1.1.3"
ENVIRONMENT = Path("var/bench/accasim")
SCRIPT = Path(__file__).with_name("accasim_easy.py")


class PeerAbsent(Exception):
    """The peer cannot be installed or run here."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """Seconds that the peer took, once as quiet as it can be, once as it comes."""

    jobs: int
    seconds: float
    seconds_with_schedule: float  # its default: it writes the schedule and the statistics


def measure(trace: Trace, *, times: int) -> Run:
    """Let the peer replay a trace with EASY backfilling; the best of so many times."""
    python = _prepare()
    with tempfile.TemporaryDirectory(prefix="allmende-bench-") as name:
        folder = Path(name)
        _write(trace, folder)
        quiet = [_run(python, folder, "quiet") for _ in range(times)]
        usual = [_run(python, folder, "usual") for _ in range(times)]
    if usual[0]["jobs"] != trace.arrivals.size:
        raise PeerAbsent(f"the peer ran {usual[0]['jobs']} of {trace.arrivals.size} jobs")
    return Run(
        jobs=int(usual[0]["jobs"]),
        seconds=min(run["seconds"] for run in quiet),
        seconds_with_schedule=min(run["seconds"] for run in usual),
    )


def _prepare() -> Path:
    """Make the environment of the peer, once."""
    python, stamp = ENVIRONMENT / "bin/python", ENVIRONMENT / f"accasim-{VERSION}.stamp"
    if not stamp.exists():
        _call([sys.executable, "-m", "venv", str(ENVIRONMENT)])
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _call([*pip, f"accasim=={VERSION}"])
        stamp.touch()
    return python


def _run(python: Path, folder: Path, output: str) -> dict[str, float]:
    answer: dict[str, float] = json.loads(_call([str(python), str(SCRIPT), str(folder), output]))
    return answer


def _call(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PeerAbsent((done.stderr.strip().splitlines() or ["no message"])[-1])
    return done.stdout


def _write(trace: Trace, folder: Path) -> None:
    """Write the jobs as the peer reads them: processors are nodes, each with one unit of memory."""
    columns = (
        trace.numbers,
        trace.arrivals,
        trace.seconds,
        trace.nodes,
        trace.limits,
    )
    with (folder / "trace.swf").open("w") as file:
        for number, arrival, seconds, nodes, limit in zip(*map(list, columns), strict=True):
            asked = f"{nodes} -1 -1 {nodes} {limit} 1"
            file.write(f"{number} {arrival} -1 {seconds} {asked} 1 1 1 -1 -1 -1 -1 -1\n")
    machine = {
        "groups": {"node": {"core": 1, "mem": 1}},
        "resources": {"node": trace.machine_nodes},
        "equivalence": {"processor": {"core": 1}},
        "start_time": 0,
    }
    (folder / "machine.json").write_text(json.dumps(machine))
