"""Ctrl-C, remembered: met in the middle of a query or a clean-up, it may end as another error."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupts:
    """Whether somebody pressed Ctrl-C since `watched` began."""

    came = False

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Remember Ctrl-C until the end; only the main thread can be interrupted."""
        self.came = False
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGINT, self._note)
        try:
            yield
        finally:
            # Once it came, nothing may interrupt the way out.
            signal.signal(signal.SIGINT, signal.SIG_IGN if self.came else before)

    def ignore_more(self) -> None:
        """Let no further one interrupt the clearing up."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.came = True
        raise KeyboardInterrupt


INTERRUPTS = Interrupts()
