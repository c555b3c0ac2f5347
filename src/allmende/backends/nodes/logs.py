"""The log of an attempt: what its commands write, in whole lines, up to a bound."""

import os
from pathlib import Path

LONGEST_HELD_LINE = 8 * 1024
# A link would lead elsewhere, and a pipe keeps its writer waiting: both are refused.
OPENED = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Log:
    """Collects the output of several nodes in one file, without tearing their lines apart."""

    def __init__(self, path: Path, *, limit_bytes: int, nodes: int) -> None:
        self._descriptor = os.open(path, OPENED, 0o600)
        self._room = limit_bytes - os.fstat(self._descriptor).st_size
        self._limit_bytes = limit_bytes
        self._is_full = False
        self._held = [b""] * nodes

    def add(self, rank: int, output: bytes) -> None:
        """Add what a node wrote; with several nodes an unfinished line is held back."""
        if len(self._held) > 1:
            whole, newline, rest = (self._held[rank] + output).rpartition(b"\n")
            if len(rest) > LONGEST_HELD_LINE:
                whole, newline, rest = whole + newline + rest, b"", b""
            self._held[rank] = rest
            output = whole + newline
        self._write(output)

    def close(self) -> None:
        """Write the unfinished last lines and close the file."""
        for rest in self._held:
            self._write(rest + b"\n" if rest else b"")
        os.close(self._descriptor)

    def _write(self, output: bytes) -> None:
        if self._is_full or not output:
            return
        self._put(output[: self._room])
        self._room -= len(output)
        if self._room < 0:
            self._is_full = True
            self._put(b"\n[Output above %d bytes is not kept.]\n" % self._limit_bytes)

    def _put(self, output: bytes) -> None:
        while output:
            try:
                output = output[os.write(self._descriptor, output) :]
            except OSError:  # a full disk must not stop the job: what it writes next may fit
                return
