"""What one virtual node may use: one core, and its share of the memory.

Memory is limited by a cgroup (v2) where this user may make one. Elsewhere each process gets an
rlimit, and the runner watches the sum over the node's processes.
"""

import contextlib
import os
import re
import resource
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def choose_core(node: str, rank: int, cores: list[int]) -> int:
    """Return the node's core: node i of the partition gets core i mod (number of cores)."""
    number = re.search(r"(\d+)$", node)
    place = int(number[1]) - 1 if number else rank
    return cores[place % len(cores)]


def list_cores() -> list[int]:
    """Return the cores that this process may use."""
    return sorted(os.sched_getaffinity(0))


def enter_share(*, core: int, memory_bytes: int, cgroup: Path | None) -> None:
    """Bind the calling process to the node's share; it and its children cannot leave it."""
    with contextlib.suppress(OSError):  # a container may forbid it; the share is then softer
        os.sched_setaffinity(0, {core})
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if cgroup:
        (cgroup / "cgroup.procs").write_text("0")
    elif memory_bytes:
        # Private writable memory. RLIMIT_AS would also count mapped files and reserved ranges.
        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))


def name_cgroup(key: str, rank: int) -> str:
    """Return the name of a node's group, which no other runner of this machine has.

    Two homes may have the same key, as two demos do; who shares a group is killed with the other.
    """
    return f"allmende-{key}-{rank}-{os.getpid()}"


def make_cgroup(name: str, *, memory_bytes: int, mount: Path = CGROUPS) -> Path | None:
    """Make a cgroup with a memory limit, or return None where that is not possible."""
    for parent in list_own_cgroups(mount):
        group = parent / name
        try:
            if "memory" not in (parent / "cgroup.subtree_control").read_text().split():
                (parent / "cgroup.subtree_control").write_text("+memory")
            group.mkdir(exist_ok=True)
            (group / "memory.max").write_text(str(memory_bytes))
            (group / "memory.oom.group").write_text("1")
        except OSError:
            remove_cgroup(group)
            continue
        with contextlib.suppress(OSError):  # a kernel that accounts no swap
            (group / "memory.swap.max").write_text("0")
        return group
    return None


def remove_cgroup(group: Path) -> None:
    """Kill whatever is left in the group, and remove it as soon as it is empty."""
    with contextlib.suppress(OSError):
        (group / "cgroup.kill").write_text("1")
    with contextlib.suppress(OSError):
        group.rmdir()


def was_memory_exceeded(group: Path) -> bool:
    """Say whether the kernel killed a process of the group because of its memory limit."""
    try:
        events = dict(line.split() for line in (group / "memory.events").read_text().splitlines())
    except (OSError, ValueError):
        return False
    return int(events.get("oom_kill", 0)) > 0


def list_own_cgroups(mount: Path) -> list[Path]:
    """Return this process's cgroup and the one above it.

    A group with processes of its own cannot pass a limit on (cgroups(7), "no internal
    processes"); a service manager that delegates a subtree puts us one level below it.
    """
    if not (mount / "cgroup.controllers").exists():
        return []
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    path = next((line[3:] for line in lines if line.startswith("0::")), "/")
    own = mount / path.lstrip("/")
    return [own] if own == mount else [own, own.parent]
