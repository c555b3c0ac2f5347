"""The processes of an attempt: who descends from whom, what they use, and how they are ended."""

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

PROC = Path("/proc")
Prctl = Callable[[int, int], bool]

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
# How long after SIGKILL a process may take to disappear (it may be waiting for a disk).
BURIAL_SECONDS = 10.0


def load_prctl() -> Prctl:
    """Return a way to call prctl(2) that says whether it worked; one that does nothing elsewhere.

    Loaded before a fork, so that the child between fork and exec only calls it.
    """
    try:
        function = ctypes.CDLL(None).prctl
    except (OSError, AttributeError):
        return lambda _option, _argument: False
    return lambda option, argument: function(option, argument, 0, 0, 0) == 0


def list_descendants(pid: int) -> list[int]:
    """Return the process ids below a process, nearest first."""
    found, newest = [], [pid]
    while newest:
        newest = [child for parent in newest for child in _list_children(parent)]
        found += newest
    return found


def list_marked(marks: Iterable[bytes]) -> list[int]:
    """Return the processes that were started with all these `NAME=value` in their environment."""
    wanted = frozenset(marks)
    found = []
    for folder in PROC.iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            with contextlib.suppress(OSError):  # ended meanwhile, or not ours
                if wanted <= frozenset((folder / "environ").read_bytes().split(b"\0")):
                    found.append(int(folder.name))
    return found


def kill_all(
    list_them: Callable[[], list[int]], *, patience_seconds: float = BURIAL_SECONDS
) -> None:
    """Send SIGKILL to the listed processes, again and again until none is listed.

    However long a busy machine keeps this process waiting, each of them is sent it.
    """
    give_up_at = time.monotonic() + patience_seconds
    while pids := list_them():
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() >= give_up_at:
            return
        time.sleep(0.01)


def measure(pids: Iterable[int]) -> tuple[float, int]:
    """Return the CPU seconds and the resident bytes of the processes, as far as they still live.

    Memory that processes share is counted for each of them.
    """
    ticks = pages = 0
    for pid in pids:
        with contextlib.suppress(OSError, IndexError):
            # Behind the name, which may hold blanks: state, ppid, … utime is field 14 of proc(5).
            fields = (PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
            ticks += sum(map(int, fields[11:15]))
            pages += int(fields[21])
    return ticks / TICKS_PER_SECOND, pages * PAGE_BYTES


def _list_children(pid: int) -> list[int]:
    children: list[int] = []
    with contextlib.suppress(OSError):
        for task in (PROC / str(pid) / "task").iterdir():
            with contextlib.suppress(OSError):  # the thread ended meanwhile
                children += map(int, (task / "children").read_text().split())
    return children
