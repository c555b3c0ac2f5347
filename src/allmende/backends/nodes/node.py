"""One virtual node of a running attempt: a process group in its share of the machine."""

import json
import os
import signal
from typing import Any, NoReturn

from allmende.backends.nodes import limits, processes

COULD_NOT_EXEC = 127


class Node:
    """The command on one node. `status` is its exit code, or minus the signal that ended it."""

    def __init__(self, launch: dict[str, Any], rank: int, *, prctl: processes.Prctl) -> None:
        self.name: str = launch["nodes"][rank]
        self.rank = rank
        self.status: int | None = None
        self.max_memory_bytes = 0
        self.cpu_seconds = 0.0
        self._is_group_gone = False
        self._memory_limit_bytes: int = launch["memory_bytes_per_node"]
        self.core = limits.choose_core(self.name, rank, limits.list_cores())
        self.cgroup = limits.make_cgroup(
            limits.name_cgroup(launch["key"], rank), memory_bytes=self._memory_limit_bytes
        )
        self.output, output_end = os.pipe()
        os.set_blocking(self.output, False)
        problems, problems_end = os.pipe()
        self.pid = self._fork(launch, prctl, (output_end, problems_end))
        os.close(output_end)
        os.close(problems_end)
        # Empty as soon as the command runs: the pipe closes itself at exec.
        self.problem: dict[str, str] = json.loads(os.read(problems, 4096) or "{}")
        os.close(problems)

    def describe_limits(self) -> dict[str, Any]:
        """Return by which means the node is kept to its share."""
        return {
            "core": self.core,
            "memory_limit": "cgroup" if self.cgroup else "rlimit",
            "cgroup": str(self.cgroup or ""),
        }

    def is_over(self) -> bool:
        """Say whether nobody of the node's process group is left."""
        self.signal_group(0)
        return self.status is not None and self._is_group_gone

    def signal_group(self, number: int) -> None:
        """Send a signal to everybody in the node's process group."""
        if self._is_group_gone:  # its number may belong to somebody else by now
            return
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            self._is_group_gone = self.status is not None

    def read_output(self) -> bytes:
        """Return what the node wrote since the last time; nothing when there is nothing."""
        try:
            return os.read(self.output, 64 * 1024)
        except BlockingIOError:
            return b""

    def measure(self) -> None:
        """Note the CPU time of the living processes, and the most memory seen."""
        pids = [self.pid, *processes.list_descendants(self.pid)] if self.status is None else []
        self.cpu_seconds, memory_bytes = processes.measure(pids)
        self.max_memory_bytes = max(self.max_memory_bytes, memory_bytes)

    def is_out_of_memory(self) -> bool:
        """Say whether the node's processes together used more than the node's share."""
        if self.cgroup and limits.was_memory_exceeded(self.cgroup):
            return True
        return 0 < self._memory_limit_bytes < self.max_memory_bytes

    def close(self) -> None:
        """Give back what the node held."""
        os.close(self.output)
        if self.cgroup:
            limits.remove_cgroup(self.cgroup)

    def _fork(self, launch: dict[str, Any], prctl: processes.Prctl, ends: tuple[int, int]) -> int:
        runner = os.getpid()
        pid = os.fork()
        if pid:
            return pid
        try:
            os.setsid()
            prctl(processes.PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() == runner:  # else it died before the line above took effect
                self._become(launch, ends[0])
        except (OSError, ValueError) as problem:
            os.write(ends[1], json.dumps(_describe(problem, launch)).encode())
        finally:
            os._exit(COULD_NOT_EXEC)

    def _become(self, launch: dict[str, Any], output: int) -> NoReturn:
        """Turn this fresh child into the command."""
        for number in (signal.SIGPIPE, signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(launch["workdir"])
        limits.enter_share(
            core=self.core, memory_bytes=self._memory_limit_bytes, cgroup=self.cgroup
        )
        environment = launch["environment"] | {"ALLMENDE_NODE_RANK": str(self.rank)}
        command = launch["command"]
        os.execvpe(command[0], command, environment)  # noqa: S606 - running it is the purpose


def _describe(problem: OSError | ValueError, launch: dict[str, Any]) -> dict[str, str]:
    words = str(problem.args[-1])
    if getattr(problem, "filename", None) == launch["workdir"]:
        return {"code": "no_workdir", "workdir": launch["workdir"], "problem": words}
    return {"code": "no_command", "command": launch["command"][0], "problem": words}
