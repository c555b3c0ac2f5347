"""Small traces, files and shares for the tests of the twin."""

import gzip
from pathlib import Path

import numpy as np

from allmende.twin.traces import Trace

HEADER = "; Version: 2.2\n; MaxProcs: 8\n; Note: made for a test\n"


def swf_line(number, submit=0, run=10, nodes=1, limit=20, user=1, group=1, queue=1):
    fields = [number, submit, -1, run, nodes, -1, -1, nodes, limit, -1, 1, user, group, -1, queue]
    return " ".join(map(str, [*fields, -1, -1, -1]))


def write_swf(folder: Path, lines, *, header=HEADER, name="trace.swf") -> Path:
    path = folder / name
    text = (header + "\n".join(lines) + "\n").encode()
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    return path


def random_trace(rng, *, nodes=8, jobs=40, users=4) -> Trace:
    arrivals = np.cumsum([rng.choice([0, 0, 1, rng.randint(0, 30)]) for _ in range(jobs)])
    limits = np.array([rng.choice([5, 10, 20, rng.randint(1, 40)]) for _ in range(jobs)])
    seconds = np.array([rng.randint(1, limit) for limit in limits.tolist()])
    return Trace(
        name="random",
        machine_nodes=nodes,
        numbers=np.arange(1, jobs + 1),
        arrivals=arrivals.astype(np.int64),
        seconds=seconds,
        limits=limits,
        nodes=np.array([rng.randint(1, nodes // 2) for _ in range(jobs)]),
        users=np.array([rng.randint(1, users) for _ in range(jobs)]),
        unix_groups=np.array([rng.randint(1, 2) for _ in range(jobs)]),
        queues=np.ones(jobs, dtype=np.int64),
    )
