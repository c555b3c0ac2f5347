"""What the platform gives one attempt to run: folders, progress, checkpoints, the wish to stop.

Only files and signals, so that it works without a network and on any backend. A run by hand,
without the platform, uses the folder `run/` where it was started.
"""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

DONE = "DONE"
# EX_TEMPFAIL: the run is not finished and wants to be started again. The truth is in state.json;
# the code only keeps a shell from believing that all is done.
STOPPED_BEFORE_THE_END = 75
# How long an attempt waits for the one before it to let go of the checkpoints.
LOCK_SECONDS = 300
# How often state is kept where nobody says it: a large one takes a twentieth of the time at most.
FEWEST_SECONDS = 2
PAUSE_FOR_EACH_SECOND_OF_SAVING = 19


class Attempt:
    """One try to run the job. Only one process at a time may hold it."""

    def __init__(self):
        by_hand = Path("run").absolute()
        self.out = Path(os.environ.get("ALLMENDE_OUT", by_hand / "out"))
        self.checkpoints = Path(os.environ.get("ALLMENDE_CHECKPOINTS", by_hand / "checkpoints"))
        self.progress = Path(os.environ.get("ALLMENDE_PROGRESS", by_hand / "progress.jsonl"))
        asked = os.environ.get("ALLMENDE_CHECKPOINT_SECONDS")
        self.checkpoint_seconds = float(asked) if asked else None
        self.checkpoints_kept = int(os.environ.get("ALLMENDE_CHECKPOINTS_KEPT", "2"))
        self.number = int(os.environ.get("ALLMENDE_ATTEMPT", "1"))
        self.is_stopping = False
        self._saved_at, self._saving_seconds = time.monotonic(), 0.0
        self._reported_at = float("-inf")
        for folder in (self.out, self.checkpoints, self.progress.parent):
            folder.mkdir(parents=True, exist_ok=True)
        self._lock = self._take_lock()
        for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def _take_lock(self):
        # Two attempts that write the same checkpoints would mix two runs into one model. The one
        # before may have lost its node: a shared file system keeps the lock of a dead node for a
        # minute or two, and a node that is only cut off works on until it learns of it.
        lock = os.open(self.checkpoints / "lock", os.O_WRONLY | os.O_CREAT)
        give_up_at = time.monotonic() + LOCK_SECONDS
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return lock
            if time.monotonic() >= give_up_at:
                sys.exit(
                    f"Another attempt still writes to {self.checkpoints}. Wait until it has ended."
                )
            time.sleep(0.2)

    def _on_signal(self, number, frame):  # noqa: ARG002 - the shape that Python asks for
        self.is_stopping = True

    def report(self, *, step, total, metrics, **counts):
        """Append a line of progress: at most one each second, but always the first and the last."""
        if time.monotonic() - self._reported_at < 1 and step not in (0, total):
            return
        self._reported_at = time.monotonic()
        line = {"t": round(time.time(), 3), "step": step, "total": total, "metrics": metrics}
        with self.progress.open("a") as file:
            file.write(json.dumps(line | counts) + "\n")
        shown = ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        print(f"Step {step:,} of {total:,}: {shown}", flush=True)

    def last_reported_step(self):
        """Return the step of the last line of progress, over all attempts; 0 before the first."""
        try:
            lines = self.progress.read_text().splitlines()
        except FileNotFoundError:
            return 0
        for line in reversed(lines):
            with contextlib.suppress(ValueError, KeyError):  # a line cut off by a crash
                return json.loads(line)["step"]
        return 0

    def is_checkpoint_due(self):
        """Say whether enough time has passed since the last checkpoint."""
        pause = self.checkpoint_seconds
        if pause is None:
            pause = max(FEWEST_SECONDS, PAUSE_FOR_EACH_SECOND_OF_SAVING * self._saving_seconds)
        return time.monotonic() - self._saved_at >= pause

    def save(self, *, step, files, state):
        """Keep a checkpoint: all of it, or nothing that a later attempt would believe.

        `files`: for each name the content, or what writes it to a path, for what is large.
        """
        begun, target = time.monotonic(), self.checkpoints / f"step-{step:08d}"
        if not (target / DONE).exists():
            shutil.rmtree(target, ignore_errors=True)
            draft = self.checkpoints / f".step-{step:08d}"
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir()
            for name, content in files.items():
                write_durably(draft / name, content)
            draft.rename(target)
        write_durably(target / "state.json", json.dumps({"step": step} | state).encode())
        write_durably(target / DONE, b"")
        reach_disk(self.checkpoints)
        self._saved_at = time.monotonic()
        self._saving_seconds = self._saved_at - begun
        for old in self.list_checkpoints()[: -self.checkpoints_kept]:
            shutil.rmtree(old)

    def list_checkpoints(self):
        """Return the checkpoints, oldest first; one without its marker is none."""
        return sorted(p.parent for p in self.checkpoints.glob(f"step-*/{DONE}"))

    def newest_checkpoint(self):
        """Return the folder and the state of the newest complete checkpoint, or None."""
        folders = self.list_checkpoints()
        if not folders:
            return None
        return folders[-1], json.loads((folders[-1] / "state.json").read_text())

    def write_output(self, name, content):
        """Put a file into the output folder, whole or not at all."""
        write_durably(self.out / name, content.encode() if isinstance(content, str) else content)


def write_durably(path, content):
    """Write beside the file, reach the disk, then take its place."""
    draft = path.with_name(f".{path.name}.new")
    content(draft) if callable(content) else draft.write_bytes(content)
    reach_disk(draft)
    draft.replace(path)
    reach_disk(path.parent)


def reach_disk(path):
    """Wait until the disk has a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
