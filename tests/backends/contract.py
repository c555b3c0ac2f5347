"""What every backend keeps. A test module of a backend subclasses `BackendContract`.

It needs a fixture `backend` that returns a fresh backend, on which `nodes` can be used, and
`fail_node`, a function that lets the first node of a running attempt die.
"""

import hashlib
import io
import itertools
import re
import shutil
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from allmende.domain.basics.refusals import NotFound
from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.backends import (
    AttemptState,
    Backend,
    EndReason,
    Launch,
    Observation,
)
from tests.backends.attempts import read_those_left

PROJECT = Path(__file__).resolve().parents[2]
ACCOUNT = "backend-check"
_numbers = itertools.count(1)


def a_launch(script: str = "true", **changes) -> Launch:
    """Return a launch of a shell script under a key that no other test uses."""
    job_id = changes.pop("job_id", None) or f"j-test{next(_numbers):04d}"
    attempt = changes.pop("attempt", 1)
    facts = {
        "key": f"{job_id}.{attempt}",
        "job_id": job_id,
        "attempt": attempt,
        "nodes": ("node-01",),
        "command": ("/bin/sh", "-c", script),
        "environment": {},
        "workdir": "",
        "time_limit_seconds": 600,  # a busy machine reaches none that a test does not set
        "grace_seconds": 5,
        "memory_bytes_per_node": 512 * 2**20,
    }
    return Launch(**facts | changes)


def observe(backend: Backend, key: str) -> Observation:
    (seen,) = backend.observe([key])
    return seen


def wait_until(is_so: Callable[[], object], *, seconds: float = 120) -> None:
    give_up_at = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < give_up_at, "this takes too long"
        time.sleep(0.02)


def wait_for_end(backend: Backend, key: str) -> Observation:
    wait_until(lambda: observe(backend, key).state is AttemptState.ENDED)
    return observe(backend, key)


def wait_for_log(backend: Backend, key: str, words: bytes) -> None:
    wait_until(lambda: words in backend.read_log(key, offset=0, limit=10_000))


def run(backend: Backend, script: str = "true", **changes) -> Observation:
    launch = a_launch(script, **changes)
    backend.start(launch)
    return wait_for_end(backend, launch.key)


def root_of(backend: Backend, job_id: str) -> Path:
    """Return the folder with everything of a job."""
    root = backend.folders.root if hasattr(backend, "folders") else backend.work_folder
    return root / job_id


class Training:
    """A job that trains for forty steps, and the attempts at it."""

    def __init__(self, backend: Backend, folder: Path) -> None:
        self.backend = backend
        self.program = folder / "training.py"
        for path in (PROJECT / "blueprints/attempt.py", PROJECT / "tests/backends/training.py"):
            shutil.copy(path, folder)
        self.job_id = a_launch().job_id

    def start(self, attempt: int, *, until: int, waits: bool = True, **changes) -> Launch:
        """Start an attempt, and return once it has reached that step, unless asked not to."""
        launch = a_launch(
            job_id=self.job_id,
            attempt=attempt,
            command=("python3", str(self.program)),
            environment={"UNTIL": str(until)},
            **changes,
        )
        self.backend.start(launch)
        if waits:
            wait_for_log(self.backend, launch.key, f" to {until}\n".encode())
        return launch

    def read_span(self, launch: Launch) -> tuple[int, ...]:
        """Return from which step to which an attempt went; nothing if it had no time to say so."""
        log = self.backend.read_log(launch.key, offset=0, limit=10_000)
        found = re.search(rb"^(\d+) to (\d+)$", log, re.MULTILINE)
        return tuple(map(int, found.groups())) if found else ()

    @staticmethod
    def undisturbed() -> bytes:
        """Return the weights of a training that nobody disturbs."""
        weights = b""
        for step in range(40):
            weights = hashlib.sha256(weights + bytes([step])).digest()
        return weights


def an_archive(folder: Path, name: str, content: bytes) -> Path:
    """Return an archive of code with one program in it."""
    program = tarfile.TarInfo(name)
    program.size, program.mode = len(content), 0o755
    with tarfile.open(folder / "draft.tar", "w") as archive:
        archive.addfile(program, io.BytesIO(content))
    whole = (folder / "draft.tar").read_bytes()
    return (folder / "draft.tar").rename(folder / hashlib.sha256(whole).hexdigest())


class BackendContract:
    """The promises of the `Backend` protocol."""

    def limit_output(self, backend: Backend, limit_bytes: int) -> None:
        """Let no log of an attempt to come grow larger."""
        backend.output_limit_bytes = limit_bytes

    def test_attempt_that_was_never_started_is_unknown(self, backend):
        assert observe(backend, "j-never.1") == Observation(
            key="j-never.1", state=AttemptState.UNKNOWN
        )

    def test_observations_come_in_the_order_asked_for(self, backend):
        keys = ["j-b.1", "j-a.1", "j-b.1"]
        assert [seen.key for seen in backend.observe(keys)] == keys

    def test_command_that_ends_well_is_completed(self, backend):
        seen = run(backend, "exit 0")
        assert (seen.reason, seen.exit_code) == (EndReason.COMPLETED, 0)
        assert seen.started_at <= seen.ended_at
        assert seen.started_at.tzinfo is not None
        assert isinstance(seen.sentence, Sentence)
        assert seen.sentence.english()

    def test_command_that_ends_badly_is_failed_with_its_exit_code(self, backend):
        seen = run(backend, "exit 3")
        assert (seen.reason, seen.exit_code) == (EndReason.FAILED, 3)
        assert "3" in seen.sentence.english()

    def test_command_that_does_not_exist_is_failed_and_says_so(self, backend):
        seen = run(backend, command=("no-such-command-here", "--flag"))
        assert seen.reason is EndReason.FAILED
        assert "no-such-command-here" in seen.sentence.english()

    def test_ended_attempt_is_reported_the_same_way_again_and_again(self, backend):
        seen = run(backend, "exit 3")
        assert observe(backend, seen.key) == seen

    def test_attempt_runs_between_start_and_end(self, backend):
        launch = a_launch("echo begun; sleep 300")
        backend.start(launch)
        wait_for_log(backend, launch.key, b"begun")
        seen = observe(backend, launch.key)
        assert (seen.state, seen.reason, seen.ended_at) == (AttemptState.RUNNING, None, None)
        assert seen.started_at is not None
        backend.stop(launch.key, reason=EndReason.CANCELLED, grace_seconds=0)
        wait_for_end(backend, launch.key)

    def test_same_start_again_starts_nothing(self, backend):
        launch = a_launch("echo once")
        for _ in range(3):
            backend.start(launch)
        wait_for_end(backend, launch.key)
        backend.start(launch)
        assert backend.read_log(launch.key, offset=0, limit=100) == b"once\n"

    @pytest.mark.parametrize("reason", [EndReason.CANCELLED, EndReason.PREEMPTED])
    def test_stopped_attempt_ends_for_the_reason_that_was_given(self, backend, reason):
        launch = a_launch("echo begun; sleep 300")
        backend.start(launch)
        wait_for_log(backend, launch.key, b"begun")
        backend.stop(launch.key, reason=reason, grace_seconds=5)
        backend.stop(launch.key, reason=reason, grace_seconds=5)
        assert wait_for_end(backend, launch.key).reason is reason

    def test_stop_lets_the_command_save_its_work(self, backend):
        script = 'trap "echo saved; exit 75" TERM; echo begun; while true; do sleep 0.1; done'
        launch = a_launch(script)
        backend.start(launch)
        wait_for_log(backend, launch.key, b"begun")
        backend.stop(launch.key, reason=EndReason.PREEMPTED, grace_seconds=90)
        assert wait_for_end(backend, launch.key).reason is EndReason.PREEMPTED
        assert b"saved" in backend.read_log(launch.key, offset=0, limit=10_000)

    def test_command_that_ignores_the_stop_is_killed_after_the_grace(self, backend):
        launch = a_launch('trap "" TERM; echo begun; while true; do sleep 0.1; done')
        backend.start(launch)
        wait_for_log(backend, launch.key, b"begun")
        backend.stop(launch.key, reason=EndReason.CANCELLED, grace_seconds=1)
        seen = wait_for_end(backend, launch.key)
        assert seen.reason is EndReason.CANCELLED
        assert "did not stop within 1 s" in seen.sentence.english()

    def test_stop_of_an_unknown_or_ended_attempt_does_nothing(self, backend):
        backend.stop("j-never.1", reason=EndReason.CANCELLED, grace_seconds=1)
        assert observe(backend, "j-never.1").state is AttemptState.UNKNOWN
        seen = run(backend, "exit 0")
        backend.stop(seen.key, reason=EndReason.CANCELLED, grace_seconds=1)
        assert observe(backend, seen.key) == seen

    def test_attempt_ends_at_its_time_limit(self, backend):
        seen = run(backend, "sleep 300", time_limit_seconds=1)
        assert seen.reason is EndReason.TIMEOUT
        assert 1 <= (seen.ended_at - seen.started_at).total_seconds() < 60  # Slurm's own limit

    def test_every_node_runs_the_command_with_its_rank(self, backend):
        script = 'echo "$ALLMENDE_NODE_RANK of $ALLMENDE_NODES"'
        launch = a_launch(script, nodes=("node-01", "node-02"))
        backend.start(launch)
        wait_for_end(backend, launch.key)
        log = backend.read_log(launch.key, offset=0, limit=100)
        assert sorted(log.splitlines()) == [b"0 of 2", b"1 of 2"]

    def test_failure_of_one_node_ends_the_others(self, backend):
        script = 'test "$ALLMENDE_NODE_RANK" = 1 && exit 4; sleep 300'
        seen = run(backend, script, nodes=("node-01", "node-02"))
        assert (seen.reason, seen.exit_code) == (EndReason.FAILED, 4)
        # A cluster chooses nodes itself, and says which.
        assert (seen.nodes or ("node-01", "node-02"))[1] in seen.sentence.english()

    def test_attempts_of_a_job_share_its_checkpoints_and_progress(self, backend):
        script = (
            'echo "$ALLMENDE_ATTEMPT" >> "$ALLMENDE_CHECKPOINTS/log";'
            'n=$ALLMENDE_ATTEMPT; echo "{\\"t\\":$n,\\"step\\":$n}" >> "$ALLMENDE_PROGRESS";'
            'cat "$ALLMENDE_CHECKPOINTS/log"'
        )
        job_id = run(backend, script).key.removesuffix(".1")
        run(backend, script, job_id=job_id, attempt=2)
        assert backend.read_log(f"{job_id}.2", offset=0, limit=100) == b"1\n2\n"
        assert backend.read_progress(job_id) == (b'{"t":1,"step":1}\n{"t":2,"step":2}\n')
        assert backend.read_progress(job_id, offset=17, limit=16) == b'{"t":2,"step":2}'
        none, found = backend.open_progress(["../j", job_id])
        assert (none.size_bytes, none.read(offset=0, limit=9), found.size_bytes) == (0, b"", 34)
        assert found.read(offset=17, limit=99) == b'{"t":2,"step":2}\n'

    def test_command_starts_in_the_folder_asked_for(self, backend, tmp_path):
        for workdir, wanted in (("", "$HOME"), (".", "$HOME"), (str(tmp_path), str(tmp_path))):
            seen = run(backend, f'test . -ef "{wanted}"', workdir=workdir)
            assert seen.reason is EndReason.COMPLETED

    def test_command_starts_in_the_code_that_came_along(self, backend, tmp_path):
        archive = an_archive(tmp_path, "./run.sh", b"#!/bin/sh\necho x >> trace; wc -l < trace\n")
        for attempt in (1, 2):  # the second finds what the first left there
            launch = a_launch(
                './run.sh && test . -ef "$HOME/code" && test -O run.sh',
                job_id="j-code", attempt=attempt, workdir="code", code=str(archive),
            )  # fmt: skip
            backend.start(launch)
            assert wait_for_end(backend, launch.key).reason is EndReason.COMPLETED
            assert backend.read_log(launch.key, offset=0, limit=9).split() == [b"%d" % attempt]

    def test_setup_makes_an_environment_once_for_the_jobs_of_a_project(self, backend, tmp_path):
        tool = '"$ALLMENDE_ENVIRONMENT/bin/greet"'
        shared = {
            "account": ACCOUNT,
            "setup": f'echo setting up; printf "#!$(command -v python)\n'
            f'import sys; print(sys.prefix)" > {tool}; chmod +x {tool}',
            "environment_id": tmp_path.name,
        }
        keys = [run(backend, "greet", **shared).key for _ in range(2)]
        assert backend.has_environment(tmp_path.name, account=ACCOUNT, user_name="") is not False
        first, second = (backend.read_log(key, offset=0, limit=10_000) for key in keys)
        assert (first.count(b"setting up"), second.count(b"setting up")) == (1, 0)
        assert first.splitlines()[-1] == second.splitlines()[-1]
        assert f"/environments/{ACCOUNT}/".encode() in second.splitlines()[-1]

    def test_command_is_told_where_a_data_set_lies(self, backend):
        told = {"ALLMENDE_DATA": "/srv/a b", "ALLMENDE_DATA_ROADS": "/srv/$(date)"}
        launch = a_launch('echo "$ALLMENDE_DATA|$ALLMENDE_DATA_ROADS"', environment=told)
        backend.start(launch)
        wait_for_end(backend, launch.key)
        assert backend.read_log(launch.key, offset=0, limit=100) == b"/srv/a b|/srv/$(date)\n"

    def test_command_gets_secrets_that_are_kept_nowhere(self, backend):
        value = "hush-hush 'x' $(date)\nsecond line"
        launch = a_launch(
            'printf %s "$TOKEN" | sha256sum; echo begun; sleep 300',
            secrets={"TOKEN": value},
            environment={"runs": "/nowhere", "home": "/nowhere"},
        )
        backend.start(launch)
        wait_for_log(backend, launch.key, b"begun")
        log = backend.read_log(launch.key, offset=0, limit=1000)
        assert hashlib.sha256(value.encode()).hexdigest().encode() in log
        assert value.splitlines()[0] not in repr(launch)
        kept = list(read_those_left(root_of(backend, launch.job_id).rglob("*")))
        words = read_those_left(Path("/proc").glob("[0-9]*/cmdline"))
        assert kept
        assert not any(b"hush-hush" in each for each in (*kept, *words))
        backend.stop(launch.key, reason=EndReason.CANCELLED, grace_seconds=0)
        wait_for_end(backend, launch.key)

    def test_log_is_read_in_parts(self, backend):
        seen = run(backend, "printf abcdef")
        assert backend.read_log(seen.key, offset=2, limit=3) == b"cde"
        assert backend.read_log(seen.key, offset=6, limit=3) == b""
        assert (backend.measure_log(seen.key), backend.measure_log("j-never.1")) == (6, 0)
        assert backend.read_log("j-never.1", offset=0, limit=3) == b""

    def test_output_files_are_listed_and_read(self, backend):
        script = 'cd "$ALLMENDE_OUT"; mkdir sub; printf model > sub/model.bin; printf {} > m.json'
        job_id = run(backend, script).key.removesuffix(".1")
        assert backend.list_output(job_id) == {"m.json": 2, "sub/model.bin": 5}
        assert backend.read_output(job_id, "sub/model.bin") == b"model"
        assert backend.read_output(job_id, "sub/model.bin", offset=2, limit=2) == b"de"
        assert backend.read_output(job_id, "sub/model.bin", offset=5, limit=2) == b""

    def test_nothing_outside_the_output_folder_is_read(self, backend):
        script = 'mkdir "$ALLMENDE_OUT/sub"; echo secret > "$ALLMENDE_PROGRESS"'
        job_id = run(backend, script).key.removesuffix(".1")
        out = ("../progress.jsonl", "sub/../../progress.jsonl", "/etc/passwd")
        for name in (*out, "", ".", "no", "a\0b"):
            with pytest.raises(NotFound):
                backend.read_output(job_id, name)

    def test_what_a_job_left_is_deleted_for_good_and_no_more(self, backend, tmp_path):
        (tmp_path / "kept").write_text("kept")
        script = (
            'cd "$ALLMENDE_OUT"; mkdir -p deep/er; echo model > deep/er/model; chmod 500 deep/er;'
            f'ln -s {tmp_path} others; mkdir "$ALLMENDE_CHECKPOINTS/step-1";'
            'echo state > "$ALLMENDE_CHECKPOINTS/step-1/state"; echo said; echo 1 > "$HOME/own"'
        )
        seen = run(backend, script)
        job_id = seen.key.removesuffix(".1")
        for _ in range(2):
            backend.remove_output(job_id)
            assert backend.list_output(job_id) == {}
        (home,) = root_of(backend, job_id).glob("home")
        assert not {"out", "checkpoints"} & {path.name for path in home.iterdir()}
        assert (home / "own").read_text() == "1\n"
        assert (tmp_path / "kept").read_text() == "kept"
        assert backend.read_log(seen.key, offset=0, limit=100) == b"said\n"

    def test_output_above_its_bound_is_thinned_with_a_word_about_it_and_keeps_its_end(
        self, backend
    ):
        self.limit_output(backend, 100_000)
        seen = run(backend, "head -c 3000000 /dev/zero | tr '\\0' x; echo end")
        assert seen.reason is EndReason.COMPLETED
        log = backend.read_log(seen.key, offset=0, limit=3_000_100)
        assert (log[:1], log[-5:]) == (b"x", b"xend\n")
        assert len(log) < 101_000
        note = (
            rb"\n\[(\d+) bytes are left out here: the job writes faster than its log is kept.\]\n"
        )
        left_out_bytes = sum(int(each) for each in re.findall(note, log))
        assert len(re.sub(note, b"", log)) + left_out_bytes == 3_000_004

    def test_training_ends_with_the_same_weights_whatever_ended_its_attempts(
        self, backend, fail_node, tmp_path
    ):
        training = Training(backend, tmp_path)
        first = training.start(1, until=10)
        backend.stop(first.key, reason=EndReason.PREEMPTED, grace_seconds=90)
        assert wait_for_end(backend, first.key).reason is EndReason.PREEMPTED
        second = training.start(2, until=23)
        fail_node(second.key)
        assert wait_for_end(backend, second.key).reason is EndReason.NODE_FAIL
        third = training.start(3, until=30, time_limit_seconds=4, waits=False)
        assert wait_for_end(backend, third.key).reason is EndReason.TIMEOUT
        last = training.start(4, until=40)
        assert wait_for_end(backend, last.key).reason is EndReason.COMPLETED
        assert backend.read_output(training.job_id, "model") == training.undisturbed()
        # What the dead node had not saved was done again, and nothing else.
        spans = list(map(training.read_span, (first, second, third, last)))
        limit, end = spans[3]
        assert (*spans[:2], end) == ((0, 10), (10, 23), 40)
        assert spans[2] in ((20, limit), ())  # the third may have begun too late to say so

    @pytest.mark.parametrize("job_id", ["j-never", "..", "../etc", "a/b", ""])
    def test_job_that_never_ran_has_left_nothing(self, backend, job_id):
        assert backend.list_output(job_id) == {}
        assert backend.read_progress(job_id) == b""
        with pytest.raises(NotFound):
            backend.read_output(job_id, "passwd")
