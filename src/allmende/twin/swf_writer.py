"""A trace as a file in the Standard Workload Format, packed when its name ends in .gz."""

import gzip
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from allmende.twin.traces import Trace

JOBS_AT_ONCE = 100_000
QUICK = 6  # a workload is packed once and read a few times; 9 takes thrice as long for one per cent

# Number, submission, run time, processors given and asked for, limit, user, group, queue. What a
# scheduler or an accounting would have added is unknown: -1. Status 1: the job ended well.
LINE = "%d %d -1 %d %d -1 -1 %d %d -1 1 %d %d -1 %d -1 -1 -1\n"


def write_swf(trace: Trace, path: Path, notes: Iterable[str]) -> None:
    """Write a trace that `read_swf` reads back; equal traces and notes make equal bytes.

    Raises `OSError`. A file that was there is replaced once the new one is whole.
    """
    draft = path.with_name(path.name + ".draft")
    try:
        with _open(draft, packed=path.suffix == ".gz") as file:
            file.write("".join(_header(trace, notes)).encode())
            for first in range(0, trace.numbers.size, JOBS_AT_ONCE):
                file.write(_lines(trace.select(slice(first, first + JOBS_AT_ONCE))).encode())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)  # still there only when the disk was in the way


@contextmanager
def _open(path: Path, *, packed: bool) -> Iterator[Any]:
    with path.open("wb") as raw:
        if not packed:
            yield raw
            return
        with gzip.GzipFile("", "wb", QUICK, raw, mtime=0) as file:
            yield file  # without name and time, so that equal jobs are equal files


def _header(trace: Trace, notes: Iterable[str]) -> Iterator[str]:
    facts = {
        "Version": "2.2",
        "MaxJobs": trace.numbers.size,
        "MaxRecords": trace.numbers.size,
        "UnixStartTime": trace.begins_at,
        "MaxNodes": trace.machine_nodes,
        "MaxProcs": trace.machine_nodes,
    }
    for name, value in [*facts.items(), *(("Note", note) for note in notes)]:
        yield f"; {name}: {' '.join(str(value).split())}\n"


def _lines(trace: Trace) -> str:
    columns = (
        trace.numbers,
        trace.arrivals,
        trace.seconds,
        trace.nodes,
        trace.nodes,
        trace.limits,
        trace.users,
        trace.unix_groups,
        trace.queues,
    )
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return "".join(LINE % row for row in rows)
