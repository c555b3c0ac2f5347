"""What a virtual node may use, and what is counted."""

import os

from allmende.backends.nodes import files, limits
from allmende.domain.scheduling.backends import EndReason
from tests.backends.attempts import folder_of, log_of
from tests.backends.contract import (
    a_launch,
    observe,
    run,
    wait_for_end,
    wait_until,
)

GREEDY = "import sys; x = bytearray(300 * 2**20); print(len(x))"


def test_one_process_above_the_memory_of_its_node_is_out_of_memory(backend):
    command = ("python3", "-c", GREEDY)
    seen = run(backend, command=command, memory_bytes_per_node=128 * 2**20)
    assert seen.reason is EndReason.OUT_OF_MEMORY
    assert "128 MiB" in seen.sentence.english()
    assert seen.max_memory_bytes <= 128 * 2**20


def test_many_processes_above_the_memory_of_their_node_are_out_of_memory(backend):
    child = "python3 -c \"import time; x = b'x' * (90 * 2**20); time.sleep(30)\" &"
    seen = run(backend, f"{child} {child} wait", memory_bytes_per_node=128 * 2**20)
    assert seen.reason is EndReason.OUT_OF_MEMORY
    assert seen.max_memory_bytes > 128 * 2**20


def test_same_work_within_the_memory_of_its_node_is_completed(backend):
    seen = run(backend, command=("python3", "-c", GREEDY), memory_bytes_per_node=2**30)
    assert seen.reason is EndReason.COMPLETED
    assert 300 * 2**20 <= seen.max_memory_bytes < 2**30


def test_nodes_are_bound_to_the_cores_in_turn(backend):
    cores = sorted(os.sched_getaffinity(0))
    command = ("python3", "-c", "import os; print(os.sched_getaffinity(0))")
    for number in (1, 2, 3):
        seen = run(backend, command=command, nodes=(f"werkbank-{number:02d}",))
        core = cores[(number - 1) % len(cores)]
        assert log_of(backend, seen.key) == f"{{{core}}}\n".encode()


def test_limits_that_were_used_are_recorded(backend):
    seen = run(backend, nodes=("werkbank-01",))
    used = files.find_json(folder_of(backend, seen.key) / "limits.json")
    assert set(used) == {"werkbank-01"}
    assert used["werkbank-01"]["memory_limit"] in {"cgroup", "rlimit"}


def test_memory_limit_is_written_into_a_cgroup_where_one_may_be_made(tmp_path):
    """The files only: whether a kernel obeys shows in the tests above, on a machine with v2."""
    (tmp_path / "cgroup.controllers").write_text("memory")
    own = limits.list_own_cgroups(tmp_path)[0]
    own.mkdir(parents=True, exist_ok=True)
    (own / "cgroup.subtree_control").write_text("cpu memory")
    group = limits.make_cgroup("job", memory_bytes=4096, mount=tmp_path)
    assert group == own / "job"
    assert {file.name: file.read_text() for file in group.iterdir()} == {
        "memory.max": "4096",
        "memory.oom.group": "1",
        "memory.swap.max": "0",
    }
    assert not limits.was_memory_exceeded(group)
    (group / "memory.events").write_text("max 7\noom 1\noom_kill 1\n")
    assert limits.was_memory_exceeded(group)


def test_two_runners_share_no_cgroup_though_their_attempts_have_one_key(monkeypatch):
    """As in two homes that play the same demo: the end of one would kill the other."""
    names = set()
    for pid in (7, 8):
        monkeypatch.setattr(os, "getpid", lambda pid=pid: pid)
        names.add(limits.name_cgroup("j-1.1", 0))
    assert len(names) == 2


def test_no_cgroup_is_made_where_none_may_be(tmp_path):
    assert limits.make_cgroup("job", memory_bytes=4096, mount=tmp_path) is None
    (tmp_path / "cgroup.controllers").write_text("memory")
    assert limits.make_cgroup("job", memory_bytes=4096, mount=tmp_path) is None


def test_processor_time_of_all_processes_is_counted(backend):
    burn = 'python3 -c "import time\nwhile time.process_time() < 0.3: pass"'
    seen = run(backend, f"{burn}; {burn}")
    assert 0.5 < seen.cpu_seconds < 5


def test_running_attempt_reports_what_it_used_so_far(backend):
    burn = "import time\nwhile True: pass"
    launch = a_launch(command=("python3", "-c", burn))
    backend.start(launch)
    wait_until(lambda: observe(backend, launch.key).cpu_seconds > 0.1)
    assert observe(backend, launch.key).max_memory_bytes > 2**20
    backend.stop(launch.key, reason=EndReason.CANCELLED, grace_seconds=0)
    wait_for_end(backend, launch.key)


def test_lines_of_several_nodes_are_not_torn_apart(backend):
    line = "printf %s $r-; sleep 0.03; echo $r"
    script = f"r=$ALLMENDE_NODE_RANK; for i in 1 2 3 4 5; do {line}; done"
    launch = a_launch(script, nodes=("n-01", "n-02"))
    backend.start(launch)
    wait_for_end(backend, launch.key)
    assert sorted(log_of(backend, launch.key).split()) == [b"0-0"] * 5 + [b"1-1"] * 5
