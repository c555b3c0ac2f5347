"""The schedule of a replay as a table: when each job was submitted, started and ended.

One line for each attempt: a job that was stopped stands there again with its next start.
"""

import csv
from pathlib import Path

import numpy as np

from allmende.twin.replay import Replay

COLUMNS = ("job", "submit", "start", "end", "nodes", "group")
# A further column where some joined the queue later than they were submitted.
ELIGIBLE = "eligible"


def write(replayed: Replay, path: Path) -> int:
    """Write one line for each attempt, by submission, then start; return how many."""
    trace = replayed.trace
    places, begins, ends = replayed.runs
    names = ["/".join(share.path) for share in replayed.grouping.tree.groups]
    columns = [
        trace.numbers[places].tolist(),
        trace.arrivals[places].tolist(),
        begins.tolist(),
        ends.tolist(),
        trace.nodes[places].tolist(),
        [names[group] for group in replayed.grouping.group_of_job[places].tolist()],
    ]
    header = list(COLUMNS)
    if not np.array_equal(replayed.eligible, trace.arrivals):
        header.append(ELIGIBLE)
        columns.append(replayed.eligible[places].tolist())
    draft = path.with_name(path.name + ".draft")
    with draft.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(zip(*columns, strict=True))
    draft.replace(path)
    return int(places.size)
