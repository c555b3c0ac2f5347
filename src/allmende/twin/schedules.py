"""The schedule of a replay as a table: when each job was submitted, started and ended."""

import csv
from pathlib import Path

from allmende.domain.scheduling.boards import NEVER
from allmende.twin.replay import Replay

COLUMNS = ("job", "submit", "start", "end", "nodes", "group", "eligible")


def write(replayed: Replay, path: Path) -> int:
    """Write one line for each job that started, in order of submission; return how many."""
    trace, starts = replayed.trace, replayed.starts
    started = starts != NEVER
    names = ["/".join(share.path) for share in replayed.grouping.tree.groups]
    columns = (
        trace.numbers[started].tolist(),
        trace.arrivals[started].tolist(),
        starts[started].tolist(),
        (starts + trace.seconds)[started].tolist(),
        trace.nodes[started].tolist(),
        [names[group] for group in replayed.grouping.group_of_job[started].tolist()],
        replayed.eligible[started].tolist(),
    )
    draft = path.with_name(path.name + ".draft")
    with draft.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(zip(*columns, strict=True))
    draft.replace(path)
    return int(started.sum())
