"""The log of an attempt: what its commands write, in whole lines, within a bound.

A log that grows slowly is kept whole. One that grows so fast that its room would not last until
the time limit is thinned: it says how much it leaves out, and where. Last words are always kept.

On the nodes of a cluster this file is a program, `python3 -c`: it needs nothing besides an old
Python, and keeps what comes on its standard input.
"""

import os
import sys
import time
from pathlib import Path

LIMIT_BYTES = 64 * 2**20
READ_BYTES = 64 * 1024
LONGEST_HELD_LINE = 8 * 1024
# This part of the room may be used up at any speed; the rest is for all of the time.
FREE_PART = 16
LAST_WORDS_BYTES = 32 * 1024
FEWEST_NOTE_BYTES = 1024  # with less to go on, a note says no more
# A link would lead elsewhere, and a pipe keeps its writer waiting: both are refused.
OPENED = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
LEFT_OUT = b"\n[%d bytes are left out here: the job writes faster than its log is kept.]\n"


class Log:
    """Collects the output of several nodes in one file, without tearing their lines apart."""

    def __init__(self, path: Path, *, limit_bytes: int, nodes: int, seconds: float) -> None:
        self._descriptor = os.open(path, OPENED, 0o600)
        written = os.fstat(self._descriptor).st_size
        self._last_words_bytes = min(LAST_WORDS_BYTES, limit_bytes // 4)
        self._room = max(0, limit_bytes - written - self._last_words_bytes)
        self._budget = float(self._room // FREE_PART)
        self._bytes_per_second = (self._room - self._budget) / max(1.0, seconds)
        self._paid_at = time.monotonic()
        self._held = [b""] * nodes
        self._left_out_bytes = 0
        self._last_words = b""  # the end of what is left out

    def add(self, rank: int, output: bytes) -> None:
        """Add what a node wrote; with several nodes an unfinished line is held back."""
        if len(self._held) > 1:
            whole, newline, rest = (self._held[rank] + output).rpartition(b"\n")
            if len(rest) > LONGEST_HELD_LINE:
                whole, newline, rest = whole + newline + rest, b"", b""
            self._held[rank] = rest
            output = whole + newline
        self._write(output)

    def finish(self) -> None:
        """Write what was left out last, so that the file ends as the output does so far."""
        words = self._last_words
        if self._left_out_bytes:
            left_out_bytes = self._left_out_bytes - len(words)
            self._put(LEFT_OUT % left_out_bytes + words if left_out_bytes else words)
            self._left_out_bytes, self._last_words = 0, b""
            self._last_words_bytes = 0  # that room is used up

    def close(self) -> None:
        """Write the unfinished last lines and close the file."""
        for rest in self._held:
            self._write(rest + b"\n" if rest else b"")
        self.finish()
        os.close(self._descriptor)

    def _write(self, output: bytes) -> None:
        if not output:
            return
        self._earn()
        if self._left_out_bytes and self._budget >= FEWEST_NOTE_BYTES:
            note = LEFT_OUT % self._left_out_bytes
            self._spend(note)
            self._left_out_bytes, self._last_words = 0, b""
        if not self._left_out_bytes:
            kept = output if len(output) <= self._budget else self._whole_lines(output)
            self._spend(kept)
            output = output[len(kept) :]
        self._left_out_bytes += len(output)
        words = self._last_words + output
        self._last_words = words[max(0, len(words) - self._last_words_bytes) :]

    def _earn(self) -> None:
        now = time.monotonic()
        earned = (now - self._paid_at) * self._bytes_per_second
        self._budget, self._paid_at = min(self._room, self._budget + earned), now

    def _spend(self, output: bytes) -> None:
        self._put(output)
        self._budget -= len(output)
        self._room -= len(output)

    def _whole_lines(self, output: bytes) -> bytes:
        part = output[: max(0, int(self._budget))]
        return part[: part.rfind(b"\n") + 1] or part

    def _put(self, output: bytes) -> None:
        while output:
            try:
                output = output[os.write(self._descriptor, output) :]
            except OSError:  # a full disk must not stop the job: what it writes next may fit
                return


def keep(path: str, limit_bytes: str, seconds: str) -> None:
    """Keep what comes on standard input, until nobody is left who writes there."""
    log = Log(Path(path), limit_bytes=int(limit_bytes), nodes=1, seconds=float(seconds))
    while True:
        output = os.read(0, READ_BYTES)
        if not output:
            break
        log.add(0, output)
    log.close()


if __name__ == "__main__":
    keep(*sys.argv[1:])
