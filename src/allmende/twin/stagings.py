"""What is ready to be played: a trace with its groups, and which of its jobs can be played."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from allmende.twin.findings import Findings
from allmende.twin.shares import Grouping
from allmende.twin.traces import NoJobs, Trace


@dataclass(kw_only=True)
class Staging:
    """A trace before its replay."""

    trace: Trace
    grouping: Grouping
    is_obeyed: bool  # whether the policy keeps guarantees; a job beyond them would wait for ever
    findings: Findings
    read_seconds: float


def keep_common(stagings: Sequence[Staging]) -> None:
    """Leave out of each staging what one of them cannot play; all are of the same trace."""
    own = [_note_uncovered(staging) for staging in stagings]
    common = np.logical_and.reduce(own)
    for staging, kept in zip(stagings, own, strict=True):
        staging.findings.add_many("uncovered_elsewhere", staging.trace.numbers[kept & ~common])
        if not common.any():
            raise NoJobs(path=staging.trace.name, findings=", ".join(staging.findings.counts))
        if not common.all():
            staging.trace = staging.trace.select(common)
            staging.grouping = staging.grouping.select(common)


def _note_uncovered(staging: Staging) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    keep = np.ones(staging.trace.numbers.size, dtype=bool)
    for kind, is_uncovered in staging.grouping.find_uncovered(staging.trace).items():
        if kind == "no_group" or staging.is_obeyed:
            staging.findings.add_many(kind, staging.trace.numbers[keep & is_uncovered])
            keep &= ~is_uncovered
    return keep
