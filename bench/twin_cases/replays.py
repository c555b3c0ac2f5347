"""Replays, timed: the best of several, of the loop alone."""

from pathlib import Path

from allmende.services.twin import HALF_LIFE_SECONDS, Question, read_trace
from allmende.twin.findings import Findings
from allmende.twin.replay import Replay, replay
from allmende.twin.shares import Grouping, everybody
from allmende.twin.traces import Trace

ENOUGH_SECONDS = 2.0
TRACES = Path("../shared/data/traces")
# name, file, nodes where the header does not say them
FILES = (
    ("KTH", "KTH-SP2-1996-2.1-cln.swf.gz", None),
    ("HPC2N", "HPC2N-2002-2.1-cln.swf.gz", None),
    ("Gaia", "UniLu-Gaia-2014-2.swf.gz", 2_004),
    ("RICC", "RICC-2010-2.swf.gz", 8_192),
)


def read_traces() -> dict[str, Trace]:
    """Read the recorded traces that are here."""
    found = [(name, TRACES / file, nodes) for name, file, nodes in FILES]
    return {
        name: read_trace(Question(trace=path, nodes=nodes), Findings())
        for name, path, nodes in found
        if path.exists()
    }


def replay_best(
    trace: Trace, *, policy: str, grouping: Grouping | None, times: int
) -> tuple[Replay, float]:
    """Replay so many times, and a short one until its loops took seconds; return the best.

    A loop of a hundredth of a second is easily disturbed, whatever else the machine does.
    """
    seconds: list[float] = []
    while len(seconds) < times or sum(seconds) < ENOUGH_SECONDS:
        replayed = replay(
            trace,
            policy=policy,
            grouping=grouping or everybody(trace),
            findings=Findings(),
            half_life_seconds=HALF_LIFE_SECONDS,
        )
        seconds.append(replayed.loop_seconds)
    return replayed, min(seconds)
