"""The sieve for progress that travels: few enough lines, the same ones whoever sifts, and when.

Where it leaves out the first line, a note stands instead.
"""

from allmende.domain.training.courses import (
    LONGEST_LINE_BYTES,
    THINNED,
    Line,
    WholeLines,
    parse_line,
)

MOST_SETS = 64  # of metrics that are reported together, such as those of training and of validation
LEAST_SECONDS = 0.2
# The longer a run, the wider apart its lines: so a run of a week fits too.
PARTS_OF_RUN = 20_000


class Sieve:
    """Lets through whole lines of progress, those of one kind a while apart on the job's clock."""

    def __init__(self) -> None:
        self._lines = WholeLines()
        self._began_at: float | None = None
        self._let_through_at: dict[frozenset[str], float] = {}
        self._has_noted = False

    def sift(self, content: bytes) -> bytes:
        """Take what was written next, and return what of it travels."""
        lines = self._lines.cut(content)
        return b"".join(map(self._sift, lines))

    def _sift(self, text: bytes) -> bytes:
        line = parse_line(text)
        if line is None or len(text) > LONGEST_LINE_BYTES:
            return b""
        if self._lets_through(line):
            return text + b"\n"
        if self._has_noted:
            return b""
        self._has_noted = True
        return THINNED + b"\n"

    def _lets_through(self, line: Line) -> bool:
        if self._began_at is None:
            self._began_at = line.at
        kind = frozenset(line.metrics)
        if len(self._let_through_at) >= MOST_SETS and kind not in self._let_through_at:
            return False
        before = self._let_through_at.get(kind)
        apart = max(LEAST_SECONDS, (line.at - self._began_at) / PARTS_OF_RUN)
        is_end = line.step == line.total
        if before is not None and 0 <= line.at - before < apart and not is_end:
            return False
        self._let_through_at[kind] = line.at
        return True
