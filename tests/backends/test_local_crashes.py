"""The daemon dies, the node dies: nothing is lost and nothing runs twice."""

import os
import random
import signal
import subprocess
import threading
import time

import pytest

from allmende.backends.local.backend import LocalBackend
from allmende.backends.nodes import files, locks, processes
from allmende.backends.nodes.outcomes import Outcome
from allmende.backends.nodes.runner import Runner
from allmende.domain.scheduling.backends import AttemptState, EndReason, Launch
from allmende.wiring import stage
from tests.backends.attempts import (
    HELD,
    folder_of,
    in_another_process,
    is_running,
    let_go,
    log_of,
)
from tests.backends.contract import (
    a_launch,
    observe,
    run,
    wait_for_end,
    wait_for_log,
    wait_until,
)

SUBMISSIONS = int(os.environ.get("ALLMENDE_TEST_SUBMISSIONS", "300"))
AT_ONCE = 5


def test_attempt_survives_the_death_of_the_daemon_and_is_found_again(backend):
    launch = a_launch(f"echo begun; {HELD}; echo done")

    def daemon():
        backend.start(launch)
        time.sleep(60)

    pid = in_another_process(daemon)
    wait_for_log(backend, launch.key, b"begun")
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    next_daemon = LocalBackend(backend.folders.root, minimum_free_bytes=0)
    assert observe(next_daemon, launch.key).state is AttemptState.RUNNING
    next_daemon.start(launch)
    let_go(next_daemon, launch.key)
    assert wait_for_end(next_daemon, launch.key).reason is EndReason.COMPLETED
    assert log_of(next_daemon, launch.key) == b"begun\ndone\n"


def test_start_that_was_cut_off_before_its_runner_can_be_repeated(backend):
    launch = a_launch("echo once")
    folder = folder_of(backend, launch.key)
    backend._prepare(launch, folder)  # and here the daemon dies
    assert observe(backend, launch.key).state is AttemptState.UNKNOWN
    backend.start(launch)
    wait_for_end(backend, launch.key)
    assert log_of(backend, launch.key) == b"once\n"


def test_stop_before_the_runner_is_up_keeps_the_command_from_running(backend):
    launch = a_launch("echo ran")
    backend._prepare(launch, folder_of(backend, launch.key))
    backend.stop(launch.key, reason=EndReason.CANCELLED, grace_seconds=1)
    backend.start(launch)
    seen = wait_for_end(backend, launch.key)
    assert seen.reason is EndReason.CANCELLED
    assert log_of(backend, launch.key) == b""


def test_stop_in_the_very_moment_of_the_start_is_a_stop_and_no_dead_node(backend):
    for number in range(20):
        launch = a_launch("exec sleep 60", job_id=f"j-{number}")
        starting = threading.Thread(target=backend.start, args=[launch])
        starting.start()
        lock = folder_of(backend, launch.key) / "lock"
        while locks.find_holder(lock) is None:
            pass  # as early as anybody can know of the runner
        backend.stop(launch.key, reason=EndReason.CANCELLED, grace_seconds=0)
        starting.join()
        assert wait_for_end(backend, launch.key).reason is EndReason.CANCELLED


@pytest.mark.parametrize("looked_at", ["ended.json", "started.json", "lock"])
def test_a_runner_that_comes_up_while_somebody_looks_is_not_taken_for_dead(
    backend, monkeypatch, looked_at
):
    launch = a_launch("exec sleep 300")
    backend._prepare(launch, folder_of(backend, launch.key))

    def and_start(look):
        def look_and_start(path):
            found = look(path)
            if path.name == looked_at:
                backend.start(launch)
            return found

        return look_and_start

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(files, "find_json", and_start(files.find_json))
        meanwhile.setattr(locks, "find_holder", and_start(locks.find_holder))
        assert observe(backend, launch.key).state is not AttemptState.ENDED
    assert observe(backend, launch.key).state is AttemptState.RUNNING
    backend.stop(launch.key, reason=EndReason.CANCELLED, grace_seconds=0)
    assert wait_for_end(backend, launch.key).reason is EndReason.CANCELLED


def test_who_is_left_is_killed_however_long_its_killer_has_to_wait():
    left = subprocess.Popen(["sleep", "300"])
    processes.kill_all(lambda: [left.pid], patience_seconds=0)
    assert left.wait(120) == -signal.SIGKILL


def test_demo_ended_while_a_runner_comes_up_leaves_nobody_behind(backend):
    launch = a_launch("exec sleep 60", job_id="j-late")
    backend._prepare(launch, folder_of(backend, launch.key))  # its runner has no lock yet
    stage.end_running(backend.folders.root)
    backend.start(launch)
    assert wait_for_end(backend, launch.key).reason is EndReason.CANCELLED
    assert log_of(backend, launch.key) == b""


@pytest.mark.slow
def test_interrupted_submissions_lose_nothing_and_double_nothing(backend):
    """Clients are killed at random moments of their submission, and repeat until they are sure."""
    dice = random.Random(20260801)
    script = 'echo "$ALLMENDE_JOB_ID" >> "$HOME/ran"'
    launches = [a_launch(script, job_id=f"j-{n:06d}") for n in range(SUBMISSIONS)]
    interrupted, window_seconds = 0, 0.12
    for first in range(0, SUBMISSIONS, AT_ONCE):
        some = launches[first : first + AT_ONCE]
        caught = interrupt(backend, some, dice, window_seconds=window_seconds)
        interrupted += caught
        # How long a submission takes depends on the machine: aim at the middle of it.
        window_seconds = min(0.5, window_seconds * (1.4 if caught > len(some) / 2 else 0.6))
        for launch in some:
            while observe(backend, launch.key).state is AttemptState.UNKNOWN:
                backend.start(launch)
    for launch in launches:
        assert wait_for_end(backend, launch.key).reason is EndReason.COMPLETED
        ran = (backend.folders.root / launch.job_id / "home/ran").read_text()
        assert ran == f"{launch.job_id}\n"
    assert interrupted >= SUBMISSIONS // 10, "the test did interrupt"


def interrupt(
    backend: LocalBackend, launches: list[Launch], dice: random.Random, *, window_seconds: float
) -> int:
    """Submit from processes of their own, kill each soon, and say how many were still at it."""
    clients = [
        in_another_process(lambda launch=launch: backend.start(launch)) for launch in launches
    ]
    interrupted = 0
    for pid in clients:
        time.sleep(dice.uniform(0, window_seconds) / len(clients))
        os.kill(pid, signal.SIGKILL)
        interrupted += os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    return interrupted


def test_runners_that_race_for_one_attempt_run_it_once(backend):
    launch = a_launch("echo once; sleep 0.3")
    backend._prepare(launch, folder_of(backend, launch.key))
    clients = [in_another_process(lambda: backend.start(launch)) for _ in range(6)]
    assert [os.waitpid(pid, 0)[1] for pid in clients] == [0] * len(clients)
    wait_for_end(backend, launch.key)
    assert log_of(backend, launch.key) == b"once\n"


def test_dead_runner_is_a_node_failure_and_leaves_nobody_behind(backend):
    # The inner shell leaves its process group and session, and ignores SIGTERM.
    script = "setsid sh -c 'trap \"\" TERM; echo $$; exec sleep 60' & echo $$; sleep 60"
    launch = a_launch(script)
    backend.start(launch)
    wait_until(lambda: log_of(backend, launch.key).count(b"\n") == 2)
    pids = [int(line) for line in log_of(backend, launch.key).split()]
    assert [is_running(pid) for pid in pids] == [True, True]
    wait_until((folder_of(backend, launch.key) / "alive.json").exists)
    assert backend.fail_node(launch.key)
    seen = wait_for_end(backend, launch.key)
    assert (seen.reason, seen.exit_code) == (EndReason.NODE_FAIL, None)
    assert "node-01 died" in seen.sentence.english()
    assert seen.started_at <= seen.ended_at
    wait_until(lambda: not any(map(is_running, pids)))
    assert LocalBackend(backend.folders.root).observe([launch.key]) == [seen]
    assert not backend.fail_node(launch.key)
    backend.start(launch)
    assert observe(backend, launch.key) == seen


def test_commands_die_with_their_runner_before_anybody_looks(backend):
    launch = a_launch("echo $$; exec sleep 300")
    backend.start(launch)
    wait_for_log(backend, launch.key, b"\n")
    pid = int(log_of(backend, launch.key))
    backend.fail_node(launch.key)
    wait_until(lambda: not is_running(pid), seconds=30)


def test_word_of_the_runner_counts_when_it_ended_just_before_it_left(backend):
    seen = run(backend, "exit 3")
    folder = folder_of(backend, seen.key)
    end = backend._settle_dead_node(folder, files.find_json(folder / "started.json"))
    assert end["reason"] == "failed"
    assert observe(backend, seen.key) == seen


def test_a_runner_that_dies_while_it_clears_away_has_written_down_the_end(tmp_path, monkeypatch):
    runner = Runner.__new__(Runner)
    runner.folder, runner.began_at = tmp_path, 0.0
    for step in ("_prepare", "_hold", "_bury"):
        monkeypatch.setattr(runner, step, lambda: None, raising=False)
    monkeypatch.setattr(runner, "_decide", lambda: Outcome("COMPLETED", "exit_code"), raising=False)
    monkeypatch.setattr(runner, "_measure_use", dict, raising=False)
    monkeypatch.setattr(files, "remove_folder", lambda _: os.kill(os.getpid(), signal.SIGKILL))
    os.waitpid(in_another_process(runner.run), 0)
    assert (tmp_path / "ended.json").exists()


def test_shutdown_of_the_machine_lets_the_job_save_and_is_a_node_failure(backend):
    script = 'trap "echo saved; exit 0" TERM; echo begun; while true; do sleep 0.1; done'
    launch = a_launch(script, grace_seconds=90)
    backend.start(launch)
    wait_for_log(backend, launch.key, b"begun")
    os.kill(locks.find_holder(folder_of(backend, launch.key) / "lock"), signal.SIGTERM)
    seen = wait_for_end(backend, launch.key)
    assert seen.reason is EndReason.NODE_FAIL
    assert "shut down" in seen.sentence.english()
    assert b"saved" in log_of(backend, launch.key)
