"""Small traces, files and shares for the tests of the twin."""

import gzip
from pathlib import Path

import numpy as np

from allmende.twin.traces import Trace

HEADER = "; Version: 2.2\n; MaxProcs: 8\n; Note: made for a test\n"


def swf_line(
    number,
    submit=0,
    run=10,
    nodes=1,
    limit=20,
    user=1,
    group=1,
    queue=1,
    after=-1,
    think=-1,
):
    fields = [number, submit, -1, run, nodes, -1, -1, nodes, limit, -1, 1, user, group, -1, queue]
    return " ".join(map(str, [*fields, -1, after, think]))


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


def busy_trace(*, seed=1, days=84, nodes=128, users=40) -> Trace:
    """Return a trace with office hours, quiet weekends, bursts, and habits of its users."""
    rng = np.random.default_rng(seed)
    hours = np.arange(days * 24)
    is_office = (hours % 24 >= 8) & (hours % 24 < 18) & (hours // 24 % 7 < 5)
    chances = np.where(is_office, 10.0, 1.0)
    visits = days * 12
    hour = rng.choice(hours, size=visits, p=chances / chances.sum())
    of_user = rng.choice(users, size=visits, p=(p := 1 / np.arange(1, users + 1)) / p.sum())
    count = rng.geometric(0.3, size=visits)
    user = np.repeat(of_user, count)
    begins = np.repeat(hour * 3600 + rng.integers(0, 3600, visits), count)
    limits = 3600 * (1 + user % 12)
    columns = {
        "arrivals": begins + rng.integers(0, 600, user.size),
        "seconds": np.minimum(1 + rng.lognormal(7 + user % 3, 1).astype(np.int64), limits),
        "limits": limits,
        "nodes": 2 ** np.minimum(user % 5 + rng.integers(0, 3, user.size), 7),
        "users": user + 1,
        "unix_groups": user % 4 + 1,
        "queues": user % 2 + 1,
    }
    order = np.argsort(columns["arrivals"], kind="stable")
    return Trace(
        name="busy",
        machine_nodes=nodes,
        begins_at=1_767_567_600,  # a Sunday night, an hour before Monday in UTC
        numbers=np.arange(1, user.size + 1),
        **{name: column[order] for name, column in columns.items()},
    )
