"""Waiting for what happens in other processes: it costs nothing where it comes at once."""

import time
from collections.abc import Callable


def wait_until(is_so: Callable[[], object], *, seconds: float = 240.0) -> None:
    """Wait for something that a process, a daemon or a cluster does in its own time."""
    give_up_at = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < give_up_at, f"this takes too long: {is_so}"
        time.sleep(0.2)
