"""The node runner: a small process that holds one attempt, whatever becomes of the daemon.

It is the virtual node: if it dies, the node died, and the kernel ends its commands with it. It
knows the standard library only and starts in a few hundredths of a second.
"""

import contextlib
import os
import resource
import select
import signal
import time
import traceback
from pathlib import Path
from typing import Any

from allmende.backends.nodes import files, locks, logs, outcomes, processes
from allmende.backends.nodes.node import Node
from allmende.backends.nodes.outcomes import Outcome, Stop

BEAT_SECONDS = 0.25
ALIVE_SECONDS = 1.0


def main(folder: str) -> None:
    """Return to the caller when the attempt holds its lock, and run it in a detached child."""
    # Who finds the lock may at once signal a stop; it is read before anything starts.
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    confirmation, confirm = os.pipe()
    if os.fork():
        os.close(confirm)
        os._exit(0 if os.read(confirmation, 1) else 1)
    attempt = Path(folder)
    lock = locks.take_lock(attempt / "lock")
    begins = lock is not None and not (attempt / "started.json").exists()
    if begins:
        runner = Runner(attempt)
        runner.announce()
    os.write(confirm, b"1")
    os.close(confirm)
    if begins:
        runner.run()


class Runner:
    """Runs the command of one attempt on all of its nodes and writes down how it ended."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.launch: dict[str, Any] = files.find_json(folder / "launch.json") or {}
        self.nodes: list[Node] = []
        self.stop: Stop | None = None
        self.began_at = time.time()
        self.deadline = time.monotonic() + self.launch["time_limit_seconds"]
        deadline_epoch = self.began_at + self.launch["time_limit_seconds"]
        self.launch["environment"]["ALLMENDE_DEADLINE_EPOCH"] = str(int(deadline_epoch))
        self.log = logs.Log(
            folder / "output.log",
            limit_bytes=self.launch["output_limit_bytes"],
            nodes=len(self.launch["nodes"]),
            seconds=self.launch["time_limit_seconds"],
        )
        self._is_shutting_down = False
        self._request_seen = (0, 0)
        self._alive_at = float("-inf")
        self._measured_at = float("-inf")

    def announce(self) -> None:
        """Say that the attempt has begun, before anything of it runs: it never begins again."""
        begun = {
            "pid": os.getpid(),
            "node": self.launch["nodes"][0],
            "started_at": _microseconds(self.began_at),
        }
        assert files.write_once(self.folder / "started.json", begun), "the lock keeps others out"
        self._take_secrets()

    def _take_secrets(self) -> None:
        """Read them once: from here on only the environments of the command's processes have them.

        Not before it is written down that the attempt has begun: a second runner would miss them.
        """
        path = self.folder / files.SECRETS
        self.launch["environment"] |= files.find_json(path) or {}
        path.unlink(missing_ok=True)

    def run(self) -> None:
        """Run the attempt to its end, and write down how it ended."""
        self._prepare()
        try:
            self._hold()
        except Exception as problem:  # noqa: BLE001 - whatever it is, the attempt has an end
            breakdown = self._describe_breakdown(problem)
            self.stop = Stop(breakdown, now=time.monotonic(), grace_seconds=0)
        ended_at = time.time()
        self._bury()
        self._write_end(ended_at)
        self._clear()  # last, for it may take its time: killed in it, the attempt has its end

    def _hold(self) -> None:
        self._read_request()
        if not self.stop:
            self._start_nodes()
            self._watch()

    def _describe_breakdown(self, problem: Exception) -> Outcome:
        """Say in `runner.log` what this program did not foresee, and return how the attempt ends.

        Dying of it would read as a dead node, and what a job does to itself would be refunded.
        """
        with contextlib.suppress(OSError):  # the log may be on a full disk
            traceback.print_exc()
        return outcomes.describe_breakdown(problem, node=self.launch["nodes"][0])

    def _prepare(self) -> None:
        self._prctl = processes.load_prctl()
        # Orphans of the job come to this process instead of init, so that none gets lost.
        self._prctl(processes.PR_SET_CHILD_SUBREAPER, 1)
        self._wake, theirs = os.pipe()
        os.set_blocking(theirs, False)
        signal.set_wakeup_fd(theirs, warn_on_full_buffer=False)
        self._poll = select.poll()
        self._poll.register(self._wake, select.POLLIN)
        for number in (signal.SIGCHLD, signal.SIGUSR1):
            signal.signal(number, lambda *_: None)  # it only ends the wait
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._note_shutdown)

    def _note_shutdown(self, *_: object) -> None:
        self._is_shutting_down = True

    def _start_nodes(self) -> None:
        for rank in range(len(self.launch["nodes"])):
            node = Node(self.launch, rank, prctl=self._prctl)
            self.nodes.append(node)
            self._poll.register(node.output, select.POLLIN)
        limits = {node.name: node.describe_limits() for node in self.nodes}
        self._note("limits.json", limits)

    def _watch(self) -> None:
        while True:
            for descriptor, event in self._poll.poll(BEAT_SECONDS * 1000):
                self._take(descriptor, event)
            self._reap()
            self._note_failure()
            if self._is_over():
                return
            self._read_request()
            self._check_limits()
            self._sign_life()

    def _is_over(self) -> bool:
        if not self.stop:
            return all(node.status is not None for node in self.nodes)
        # The grace belongs to the whole group: a shell dies at once, its child is still saving.
        if all(node.is_over() for node in self.nodes):
            return True
        give_up_at = self.stop.kill_at + processes.BURIAL_SECONDS
        return self.stop.was_killed and time.monotonic() > give_up_at

    def _take(self, descriptor: int, event: int) -> None:
        if descriptor == self._wake:
            os.read(self._wake, 4096)
            return
        node = next(node for node in self.nodes if node.output == descriptor)
        output = node.read_output()
        self.log.add(node.rank, output)
        if not output and event & select.POLLHUP:
            self._poll.unregister(descriptor)

    def _reap(self) -> None:
        """Collect everybody who ended: our commands, and the orphans that came to us."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            for node in self.nodes:
                if node.pid == pid:
                    node.status = os.waitstatus_to_exitcode(status)

    def _note_failure(self) -> None:
        """End the other nodes when one has failed: they would wait for it for ever."""
        failed = next((node for node in self.nodes if node.status), None)
        if failed and not self.stop:
            self._end(self._describe_failure(failed), grace_seconds=self.launch["grace_seconds"])

    def _describe_failure(self, node: Node) -> Outcome:
        assert node.status, "it failed"
        if node.problem:
            return Outcome("failed", node.problem.pop("code"), exit_code=127, **node.problem)
        memory_bytes = self.launch["memory_bytes_per_node"]
        self._drain(node)
        self.log.finish()
        if node.is_out_of_memory() or (
            memory_bytes
            and not node.cgroup  # an rlimit leaves no trace but the program's own last words
            and outcomes.looks_like_memory(self.folder / "output.log")
        ):
            return outcomes.describe_memory(memory_bytes)
        return outcomes.describe_exit(node.name, node.status)

    def _read_request(self) -> None:
        """End the attempt if somebody asked for it; a later request may shorten the grace."""
        try:
            found = (self.folder / "stop.json").stat()
        except FileNotFoundError:
            return
        # Each is a file of its own; two that follow at once may bear the same instant.
        if (found.st_mtime_ns, found.st_ino) != self._request_seen:
            self._request_seen = (found.st_mtime_ns, found.st_ino)
            request = files.find_json(self.folder / "stop.json") or {}
            self._end_from_outside(request["reason"], grace_seconds=request["grace_seconds"])

    def _check_limits(self) -> None:
        grace_seconds = self.launch["grace_seconds"]
        self._check_memory()
        if not self.stop and self._is_shutting_down:
            # The machine stops: the job may save, and the platform starts it again elsewhere.
            self._end_from_outside("node_fail", grace_seconds=grace_seconds)
        if not self.stop and time.monotonic() >= self.deadline:
            self._end_from_outside("timeout", grace_seconds=grace_seconds)
        if self.stop and not self.stop.was_killed and time.monotonic() >= self.stop.kill_at:
            self.stop.was_killed = True
            for node in self.nodes:
                node.signal_group(signal.SIGKILL)

    def _check_memory(self) -> None:
        now = time.monotonic()
        if now < self._measured_at + BEAT_SECONDS:  # much output makes the loop turn fast
            return
        self._measured_at = now
        for node in self.nodes:
            node.measure()
            if not self.stop and node.is_out_of_memory():
                memory = outcomes.describe_memory(self.launch["memory_bytes_per_node"])
                self._end(memory, grace_seconds=0)

    def _end_from_outside(self, reason: str, *, grace_seconds: int) -> None:
        self._reap()
        if self.nodes and all(node.status is not None for node in self.nodes):
            return  # they ended by themselves a moment ago
        outcome = outcomes.describe_stop(
            reason,
            node=self.launch["nodes"][0],
            grace_seconds=grace_seconds,
            limit_seconds=self.launch["time_limit_seconds"],
        )
        self._end(outcome, grace_seconds=grace_seconds)

    def _end(self, outcome: Outcome, *, grace_seconds: int) -> None:
        now = time.monotonic()
        if self.stop:
            self.stop.hurry(outcome, now=now, grace_seconds=grace_seconds)
            return
        self.stop = Stop(outcome, now=now, grace_seconds=grace_seconds)
        for node in self.nodes:
            node.signal_group(signal.SIGTERM)

    def _sign_life(self) -> None:
        """Write down each second what was used so far, in case that this process dies."""
        now = time.monotonic()
        if now >= self._alive_at + ALIVE_SECONDS:
            self._alive_at = now
            (self.folder / "lock").stat()  # without it nobody finds this process: it had better end
            self._note("alive.json", self._measure_use() | {"at": _microseconds(time.time())})

    def _note(self, name: str, value: dict[str, Any]) -> None:
        """Write a note for others; the job may have filled the disk, and goes on without it."""
        try:
            files.write_lightly(self.folder / name, value)
        except OSError as problem:
            _wait_for_disk(problem)

    def _measure_use(self) -> dict[str, Any]:
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        living_seconds = sum(node.cpu_seconds for node in self.nodes)
        most_bytes = [node.max_memory_bytes for node in self.nodes]
        return {
            "cpu_seconds": round(ended.ru_utime + ended.ru_stime + living_seconds, 3),
            "max_memory_bytes": max([ended.ru_maxrss * 1024, *most_bytes]),
        }

    def _bury(self) -> None:
        """End whoever is left of the job, and keep the last words."""
        processes.kill_all(self._list_left)
        for node in self.nodes:
            self._drain(node)
            node.measure()
            node.close()
        self.log.close()

    def _list_left(self) -> list[int]:
        self._reap()
        return processes.list_descendants(os.getpid())

    def _drain(self, node: Node) -> None:
        while output := node.read_output():
            self.log.add(node.rank, output)

    def _decide(self) -> Outcome:
        ended_well = self.nodes and all(node.status == 0 for node in self.nodes)
        if self.stop is None:
            assert ended_well, "a failure would have been noted"
            return outcomes.COMPLETED
        if self.stop.outcome.is_from_outside and ended_well and self._has_finished_its_work():
            return outcomes.COMPLETED
        return self.stop.describe()

    def _has_finished_its_work(self) -> bool:
        environment = self.launch["environment"]
        return outcomes.has_finished_its_work(
            state=outcomes.read_newest_state(
                Path(environment["ALLMENDE_CHECKPOINTS"]), since=self.began_at
            ),
            progress=files.read_tail(
                Path(environment["ALLMENDE_PROGRESS"]), outcomes.PROGRESS_TAIL_BYTES
            ),
            since=self.began_at,
        )

    def _write_end(self, ended_at: float) -> None:
        try:
            outcome = self._decide()
        except Exception as problem:  # noqa: BLE001 - as above
            outcome = self._describe_breakdown(problem)
        end = {
            "started_at": _microseconds(self.began_at),
            "ended_at": _microseconds(ended_at),
            **outcome.to_json(),
            **self._measure_use(),
        }
        while True:
            try:
                files.write_once(self.folder / "ended.json", end)
            except OSError as problem:
                _wait_for_disk(problem)
                self._clear()  # it may be what the disk is full of
                time.sleep(ALIVE_SECONDS)
            else:
                return

    def _clear(self) -> None:
        files.remove_folder(self.folder / "tmp")


def _wait_for_disk(problem: OSError) -> None:
    """Let only a full disk pass: what cannot be written now will be written later."""
    if not files.is_disk_full(problem):
        raise problem


def _microseconds(instant: float) -> int:
    return int(instant * files.MICROSECONDS)
