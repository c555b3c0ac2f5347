"""The peer: AccaSim, in an environment of its own, on the very jobs that the twin replays."""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from allmende.twin.traces import Trace
from bench.twin_cases.replays import replay_best

VERSION = "1.1.3"
ENVIRONMENT = Path("var/bench/accasim")
SCRIPT = Path(__file__).with_name("accasim_easy.py")


class PeerAbsent(Exception):
    """The peer cannot be installed or run here."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The fewest seconds of the loop of the twin, and of the peer: quiet, and as it comes.

    As it comes it also writes the schedule and statistics.
    """

    jobs: int
    own_seconds: float
    quiet_seconds: float
    usual_seconds: float


def compare(trace: Trace, *, times: int) -> Figures:
    """Replay a trace here and there with EASY backfilling, in turns.

    In turns, because whatever else the machine does then slows both alike.
    """
    python = _prepare()
    own, quiet, usual = [], [], []
    with tempfile.TemporaryDirectory(prefix="allmende-bench-") as name:
        folder = Path(name)
        _write(trace, folder)
        for _ in range(times):
            own.append(replay_best(trace, policy="easy", grouping=None, times=times)[1])
            for output, seconds in (("quiet", quiet), ("usual", usual)):
                run = _run(python, folder, output)
                if run["jobs"] != trace.arrivals.size:
                    raise PeerAbsent(f"it ran {run['jobs']} of {trace.arrivals.size} jobs")
                seconds.append(run["seconds"])
    return Figures(
        jobs=trace.arrivals.size,
        own_seconds=min(own),
        quiet_seconds=min(quiet),
        usual_seconds=min(usual),
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
