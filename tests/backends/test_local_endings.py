"""How attempts end, and who says why."""

import os
import signal

import pytest

from allmende.backends.nodes import locks
from allmende.domain.scheduling.backends import AttemptState, EndReason
from tests.backends.attempts import HELD, folder_of, is_running, let_go, log_of
from tests.backends.contract import (
    a_launch,
    observe,
    run,
    wait_for_end,
    wait_for_log,
    wait_until,
)


def test_processes_left_behind_by_a_command_end_with_it(backend):
    seen = run(backend, "setsid sleep 300 & echo $!; exit 0")
    assert seen.reason is EndReason.COMPLETED
    wait_until(lambda: not is_running(int(log_of(backend, seen.key))))


def test_grace_belongs_to_the_whole_process_group(backend):
    """The shell dies of SIGTERM at once; its child still saves, and is waited for."""
    child = "import signal,sys,time\n"
    child += "def save(*_): time.sleep(0.7); print('saved', flush=True); sys.exit()\n"
    child += "signal.signal(15, save); print('begun', flush=True); time.sleep(300)"
    launch = a_launch(f'python3 -c "{child}"; true')
    backend.start(launch)
    wait_for_log(backend, launch.key, b"begun")
    backend.stop(launch.key, reason=EndReason.PREEMPTED, grace_seconds=90)
    seen = wait_for_end(backend, launch.key)
    assert seen.reason is EndReason.PREEMPTED
    assert b"saved" in log_of(backend, launch.key)


@pytest.mark.parametrize(
    "leave",
    [
        pytest.param('mkfifo "$ALLMENDE_PROGRESS"', id="a pipe"),
        pytest.param('mkdir "$ALLMENDE_PROGRESS"', id="a folder"),
        pytest.param('ln -s /etc/passwd "$ALLMENDE_PROGRESS"', id="a link"),
        pytest.param('echo \'{"step":"a","total":1}\' > "$ALLMENDE_PROGRESS"', id="no number"),
        pytest.param("echo '[1]' > \"$ALLMENDE_PROGRESS\"", id="no object"),
        pytest.param(
            'd="$ALLMENDE_CHECKPOINTS/step-1"; mkdir "$d"; touch "$d/DONE"; mkfifo "$d/state.json"',
            id="a pipe in a checkpoint",
        ),
        pytest.param(
            'd="$ALLMENDE_CHECKPOINTS/step-1"; mkdir "$d"; ln -s DONE "$d/DONE"', id="a loop"
        ),
    ],
)
def test_nothing_that_a_job_leaves_keeps_its_end_from_being_written(backend, leave):
    launch = a_launch(f'trap "exit 0" TERM; {leave}; echo begun; while true; do sleep 0.1; done')
    backend.start(launch)
    wait_for_log(backend, launch.key, b"begun")
    assert b"root:" not in backend.read_progress(launch.job_id)
    backend.stop(launch.key, reason=EndReason.PREEMPTED, grace_seconds=10)
    assert wait_for_end(backend, launch.key).reason is EndReason.PREEMPTED


def test_job_that_breaks_its_runner_has_failed_and_no_node_has(backend):
    # Its runner writes that file each second, and may come between the two.
    spoils = 'cd "$TMPDIR/.."; until mkdir alive.json 2> /dev/null; do rm -f alive.json; done'
    seen = run(backend, f"{spoils}; sleep 300")
    assert seen.reason is EndReason.FAILED
    assert "IsADirectoryError" in seen.sentence.english()


def test_job_that_removes_its_runners_folder_is_ended_with_all_its_processes(backend):
    moves = 'mv "${TMPDIR%/*}" away'
    launch = a_launch(f"setsid sleep 300 & echo $!; {HELD}; {moves}; sleep 300")
    backend.start(launch)
    wait_for_log(backend, launch.key, b"\n")
    left = int(log_of(backend, launch.key))
    let_go(backend, launch.key)
    wait_until(lambda: not folder_of(backend, launch.key).exists())
    wait_until(lambda: not is_running(left))
    assert observe(backend, launch.key).state is AttemptState.UNKNOWN


def test_job_that_removes_the_lock_of_its_runner_is_ended_and_charged(backend):
    seen = run(backend, 'sleep 1; rm "$TMPDIR/../lock"; sleep 60')
    assert seen.reason in (EndReason.FAILED, EndReason.NODE_FAIL)  # whoever notices first
    assert observe(backend, seen.key) == seen


def test_job_that_clears_its_home_ends_as_its_command_does(backend):
    """The runner writes a sign of life each second: that must not depend on the job's tidiness."""
    seen = run(backend, "cd $HOME; rm -rf * .[!.]*; sleep 2.5; echo end; exit 3")
    assert (seen.reason, seen.exit_code) == (EndReason.FAILED, 3)
    assert log_of(backend, seen.key) == b"end\n"


def test_signal_from_elsewhere_is_named(backend):
    seen = run(backend, "kill -ABRT $$")
    assert (seen.reason, seen.exit_code) == (EndReason.FAILED, 128 + 6)
    assert "SIGABRT" in seen.sentence.english()


def test_folder_that_does_not_exist_is_named(backend):
    seen = run(backend, "true", workdir="/no/such/folder")
    assert seen.reason is EndReason.FAILED
    assert "/no/such/folder" in seen.sentence.english()


def test_time_limit_kills_a_job_that_does_not_stop(backend):
    script = 'trap "" TERM; echo begun; while true; do sleep 0.1; done'
    for limit_seconds in (1, 8, 60):
        seen = run(backend, script, time_limit_seconds=limit_seconds, grace_seconds=1)
        if b"begun" in log_of(backend, seen.key):
            break  # else its shell came too late to refuse
    assert seen.reason is EndReason.TIMEOUT
    assert "did not stop within 1 s" in seen.sentence.english()


def test_later_request_shortens_the_grace_and_a_cancelled_job_stays_cancelled(backend):
    launch = a_launch('trap "echo asked" TERM; echo begun; while true; do sleep 0.1; done')
    backend.start(launch)
    wait_for_log(backend, launch.key, b"begun")
    backend.stop(launch.key, reason=EndReason.PREEMPTED, grace_seconds=300)
    wait_for_log(backend, launch.key, b"asked")
    runner = locks.find_holder(folder_of(backend, launch.key) / "lock")
    request = folder_of(backend, launch.key) / "stop.json"
    instant_ns = request.stat().st_mtime_ns
    os.kill(runner, signal.SIGSTOP)
    backend.stop(launch.key, reason=EndReason.CANCELLED, grace_seconds=0)
    os.utime(request, ns=(instant_ns, instant_ns))  # as if the second followed within a tick
    os.kill(runner, signal.SIGCONT)
    assert wait_for_end(backend, launch.key).reason is EndReason.CANCELLED


STEPS_DONE = """echo '{"step": 9, "total": 9}' >> "$ALLMENDE_PROGRESS";"""
STEPS_LEFT = (
    """echo '{"step": 8, "total": 9}' >> "$ALLMENDE_PROGRESS"; echo "{" >> "$ALLMENDE_PROGRESS";"""
)


def checkpoint(end: str, *, made: str = "now") -> str:
    """Return a script that leaves a checkpoint which says how its run ended."""
    return (
        'd="$ALLMENDE_CHECKPOINTS/step-00000009"; mkdir -p "$d";'
        f"""echo '{{"end": "{end}"}}' > "$d/state.json"; touch -d '{made}' "$d/DONE";"""
    )


@pytest.mark.parametrize(
    ("last_deed", "reason"),
    [
        pytest.param(checkpoint("completed"), EndReason.COMPLETED, id="its checkpoint says so"),
        pytest.param(STEPS_DONE, EndReason.COMPLETED, id="its progress says so"),
        pytest.param(STEPS_LEFT, EndReason.PREEMPTED, id="not all steps were taken"),
        pytest.param(
            STEPS_DONE + checkpoint("preempted"), EndReason.PREEMPTED, id="its checkpoint denies it"
        ),
        pytest.param(
            checkpoint("completed", made="2020-01-01"), EndReason.PREEMPTED, id="an old checkpoint"
        ),
        pytest.param("true;", EndReason.PREEMPTED, id="it says nothing"),
    ],
)
def test_job_that_ends_well_after_the_request_has_finished_if(backend, last_deed, reason):
    script = f"finish() {{ {last_deed} exit 0; }}; trap finish TERM; echo begun;"
    launch = a_launch(f"{script} while true; do sleep 0.1; done")
    backend.start(launch)
    wait_for_log(backend, launch.key, b"begun")
    backend.stop(launch.key, reason=EndReason.PREEMPTED, grace_seconds=90)
    assert wait_for_end(backend, launch.key).reason is reason


def test_progress_of_an_earlier_attempt_says_nothing_about_this_one(backend):
    script = (
        'echo \'{"t": 1577836800, "step": 9, "total": 9}\' >> "$ALLMENDE_PROGRESS";'
        'trap "exit 0" TERM; echo begun; while true; do sleep 0.1; done'
    )
    launch = a_launch(script)
    backend.start(launch)
    wait_for_log(backend, launch.key, b"begun")
    backend.stop(launch.key, reason=EndReason.PREEMPTED, grace_seconds=10)
    assert wait_for_end(backend, launch.key).reason is EndReason.PREEMPTED


def test_work_that_ended_before_the_request_was_acted_on_is_completed(backend):
    """The runner sleeps while the command ends and the request arrives: the work counts."""
    launch = a_launch(f"echo $$; {HELD}")
    backend.start(launch)
    wait_for_log(backend, launch.key, b"\n")
    runner = locks.find_holder(folder_of(backend, launch.key) / "lock")
    os.kill(runner, signal.SIGSTOP)
    let_go(backend, launch.key)
    wait_until(lambda: not is_running(int(log_of(backend, launch.key))))
    backend.stop(launch.key, reason=EndReason.PREEMPTED, grace_seconds=10)
    os.kill(runner, signal.SIGCONT)
    assert wait_for_end(backend, launch.key).reason is EndReason.COMPLETED
