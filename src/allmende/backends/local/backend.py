"""The local backend: starts node runners, asks them to stop, and reads what they wrote down."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import allmende
from allmende.backends.jobs import code, outputs, sentences
from allmende.backends.jobs.environment_folders import Environments
from allmende.backends.jobs.ports import find_free_port
from allmende.backends.jobs.wrapping import wrap_command
from allmende.backends.local.folders import HOME, Folders
from allmende.backends.nodes import files, limits, locks, logs, processes
from allmende.backends.nodes.files import SECRETS
from allmende.domain.basics.refusals import Refusal
from allmende.domain.scheduling.backends import (
    MOST_PROGRESS_BYTES,
    AttemptState,
    EarlierAttemptRuns,
    EndReason,
    Launch,
    Observation,
    ProgressFile,
)
from allmende.domain.training.code_archives import CODE_FOLDER

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SOURCE = Path(allmende.__file__).resolve().parents[1]
# Isolated (-I) and without site packages (-S): the runner needs the standard library only.
BOOTSTRAP = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from allmende.backends.nodes.runner import main; main(sys.argv[2])"
)
# All that a command gets from outside; secrets of the platform are never among it.
PLAIN_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "OMP_NUM_THREADS": "1",  # one core per node: more threads would only take turns
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONUNBUFFERED": "1",  # so that the log is live
    # Without it a restarted torchrun meets the addresses of the dead attempt.
    "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",
}


class DiskFull(Refusal):
    """The disk under {folder} has {free_mebibytes} MiB left, and starting a job takes
    {needed_mebibytes} MiB. Nothing was started. Free some space; the job starts by itself then."""

    status = 507


class NodeNotStarted(Refusal):
    """The virtual node for {key} could not be started: {problem}. Nothing of the job has run."""

    status = 503


class FolderChanged(Refusal):
    """The job's folder was changed so that its next attempt cannot start: {problem}. A job may
    fill the folders that it is given, and does not replace them. Submit it again."""

    status = 409


class LocalBackend(Environments):
    """Runs jobs as processes of this machine; knows them again after any crash of its own."""

    def __init__(
        self,
        root: Path,
        *,
        minimum_free_bytes: int = 512 * 2**20,
        output_limit_bytes: int = logs.LIMIT_BYTES,
    ) -> None:
        super().__init__(root.absolute())
        self.folders = Folders(root.absolute())
        self.minimum_free_bytes = minimum_free_bytes
        self.output_limit_bytes = output_limit_bytes

    def start(self, launch: Launch) -> None:
        """Start the attempt, or do nothing when its key was started before."""
        folder = self.folders.find_attempt(launch.key)
        assert folder is not None, "a key is made of plain letters, digits, - and _"
        assert launch.key == f"{launch.job_id}.{launch.attempt}", "the key names the attempt"
        with self._troubles_refused(launch.key):
            if (folder / "started.json").exists():
                return
            if not (folder / "launch.json").exists():
                self._check_disk()
                self._check_earlier_attempts(launch, folder)
                self._prepare(launch, folder)
            self._spawn_runner(launch.key, folder)

    def stop(self, key: str, *, reason: EndReason, grace_seconds: int) -> None:
        """Ask the attempt to end: SIGTERM, the grace, SIGKILL. Unknown or ended: do nothing."""
        folder = self.folders.find_attempt(key)
        if folder is None or not folder.is_dir() or (folder / "ended.json").exists():
            return
        request = {"reason": reason.value, "grace_seconds": grace_seconds}
        # Also before its runner is up: it reads the request before it starts anything.
        if files.find_json(folder / "stop.json") != request:
            with self._troubles_refused(key):
                files.write_whole(folder / "stop.json", request)
        if not (folder / "started.json").exists():
            (folder / SECRETS).unlink(missing_ok=True)  # it will begin nothing
        self._signal_runner(folder, signal.SIGUSR1)

    def set_nice(self, wanted: Mapping[str, int]) -> None:
        """Do nothing: no attempt waits here."""

    def observe(self, keys: Iterable[str]) -> list[Observation]:
        """Report every key asked for, in that order.

        `UNKNOWN` is one that was never started, and one whose files its job has made illegible.
        """
        return [self._observe_legible(key) for key in keys]

    def read_log(self, key: str, *, offset: int, limit: int) -> bytes:
        """Return up to `limit` bytes of the attempt's output from `offset`; empty at the end."""
        folder = self.folders.find_attempt(key)
        return files.read_part(folder / "output.log", offset=offset, limit=limit) if folder else b""

    def measure_log(self, key: str) -> int:
        """Return how many bytes of the attempt's output there are; 0 before its first word."""
        folder = self.folders.find_attempt(key)
        return files.measure(folder / "output.log") if folder else 0

    def read_progress(
        self, job_id: str, *, offset: int = 0, limit: int = MOST_PROGRESS_BYTES
    ) -> bytes:
        """Return up to `limit` bytes of the job's progress.jsonl, over all attempts."""
        home = self.folders.find_home(job_id)
        return files.read_part(home / "progress.jsonl", offset=offset, limit=limit) if home else b""

    def measure_progress(self, job_id: str) -> int:
        """Return how many bytes of progress.jsonl there are; 0 before its first line."""
        home = self.folders.find_home(job_id)
        return files.measure(home / "progress.jsonl") if home else 0

    def open_progress(self, job_ids: Iterable[str]) -> Iterator[ProgressFile]:
        """Look up the progress.jsonl of each job, in that order."""
        return outputs.open_progress(self.measure_progress, self.read_progress, job_ids)

    def list_output(self, job_id: str) -> dict[str, int]:
        """Return the files that the job left in its output folder, and their sizes in bytes."""
        home = self.folders.find_home(job_id)
        return outputs.list_files(home / "out") if home else {}

    def read_output(
        self, job_id: str, name: str, *, offset: int = 0, limit: int | None = None
    ) -> bytes:
        """Return up to `limit` bytes of one file of the output folder; empty at its end."""
        home = self.folders.find_home(job_id) or self.folders.root / "nobody"
        return outputs.read_file(home / "out", name, offset=offset, limit=limit)

    def remove_output(self, job_id: str) -> Mapping[str, str]:
        """Delete for good what an ended job left: output, checkpoints, the folder of its code."""
        home = self.folders.find_home(job_id)
        if home is not None:
            outputs.remove_below(home, ("out", "checkpoints", CODE_FOLDER))
        return {}

    def forget_output(self, job_id: str) -> None:
        """Do nothing: there are no copies."""

    def fail_node(self, key: str) -> bool:
        """Let the virtual node of a running attempt die at once, as if its power had gone.

        For drills and demonstrations; says whether there was a node to fail.
        """
        folder = self.folders.find_attempt(key)
        if folder is None or not self._signal_runner(folder, signal.SIGKILL):
            return False
        give_up_at = time.monotonic() + processes.BURIAL_SECONDS
        while locks.find_holder(folder / "lock") and time.monotonic() < give_up_at:
            time.sleep(0.01)  # the kernel is still ending it
        return True

    def _check_disk(self) -> None:
        self.folders.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        if shutil.disk_usage(self.folders.root).free < self.minimum_free_bytes:
            raise self._describe_full_disk()

    @contextlib.contextmanager
    def _troubles_refused(self, key: str) -> Iterator[None]:
        """Refuse what fails here: until it passes where the machine is at fault, else for good."""
        try:
            yield
        except OSError as problem:
            if files.is_disk_full(problem):
                raise self._describe_full_disk() from problem
            words = f"{problem.strerror}: {Path(str(problem.filename)).name}"
            if self._is_of_the_job(problem):
                raise FolderChanged(problem=words) from problem
            raise NodeNotStarted(key=key, problem=words) from problem

    def _is_of_the_job(self, problem: Exception) -> bool:
        """Say whether a job can have caused it, by what it did to its own files.

        A root that is closed to this process was closed by whoever operates the machine.
        """
        if not isinstance(problem, OSError):
            return True
        is_root_open = os.access(self.folders.root, os.R_OK | os.W_OK | os.X_OK)
        return is_root_open and not files.is_machine_trouble(problem)

    def _describe_full_disk(self) -> DiskFull:
        return DiskFull(
            folder=str(self.folders.root),
            free_mebibytes=shutil.disk_usage(self.folders.root).free // 2**20,
            needed_mebibytes=-(-self.minimum_free_bytes // 2**20),
        )

    def _check_earlier_attempts(self, launch: Launch, folder: Path) -> None:
        for number in range(1, launch.attempt):
            earlier = folder.with_name(str(number))
            if (earlier / "started.json").exists():
                seen = self._observe_legible(f"{launch.job_id}.{number}")
                if seen.state is AttemptState.RUNNING:
                    raise EarlierAttemptRuns(number=number)

    def _prepare(self, launch: Launch, folder: Path) -> None:
        home = folder.parent.parent / HOME
        for part in (home / "out", home / "checkpoints", home / "data", folder / "tmp"):
            part.mkdir(parents=True, exist_ok=True)
        if launch.secrets:
            files.write_whole(folder / SECRETS, dict(launch.secrets), mode=files.PRIVATE_MODE)
        if launch.code:
            _bring_code(Path(launch.code), home)
        # The runner takes them from there; no order that is kept names their values.
        order = asdict(replace(launch, secrets={})) | {
            "command": self._command(launch),
            "environment": self._environment(launch, folder),
            "workdir": str(home / launch.workdir),  # an absolute folder stays what it is
            "output_limit_bytes": self.output_limit_bytes,
        }
        files.write_once(folder / "launch.json", order)

    def _command(self, launch: Launch) -> tuple[str, ...]:
        """Return the command with what goes before it; the folder of environments is made."""
        assert launch.account or not launch.setup, "what one project built, no other uses"
        built = self.find_environments(launch.account, launch.user_name)
        if launch.setup:
            built.mkdir(parents=True, exist_ok=True, mode=0o700)
        return wrap_command(launch, built)

    def _environment(self, launch: Launch, folder: Path) -> dict[str, str]:
        """Return the environment of the command: ours where the contract speaks, else the job's."""
        home = folder.parent.parent / HOME
        contract = {
            "ALLMENDE_JOB_ID": launch.job_id,
            "ALLMENDE_ATTEMPT": str(launch.attempt),
            "ALLMENDE_OUT": str(home / "out"),
            "ALLMENDE_CHECKPOINTS": str(home / "checkpoints"),
            "ALLMENDE_PROGRESS": str(home / "progress.jsonl"),
            "ALLMENDE_NODES": str(len(launch.nodes)),
            "ALLMENDE_GPUS_PER_NODE": "0",
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(find_free_port()),
        }
        defaults = PLAIN_ENVIRONMENT | {
            "HOME": str(home),
            "TMPDIR": str(folder / "tmp"),
            "ALLMENDE_DATA": str(home / "data"),
        }
        return defaults | dict(launch.environment) | contract

    def _spawn_runner(self, key: str, folder: Path) -> None:
        """Start a runner and wait until it holds its lock; it leaves by itself if one has begun."""
        command = [sys.executable, "-I", "-S", "-c", BOOTSTRAP, str(SOURCE), str(folder)]
        with os.fdopen(os.open(folder / "runner.log", logs.OPENED, 0o600), "ab") as log:
            started = subprocess.run(  # noqa: S603 - our own runner, with a path that we made
                command,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
                env={"PATH": PLAIN_ENVIRONMENT["PATH"], "LANG": "C.UTF-8"},
                start_new_session=True,
            )
        if started.returncode != 0:
            words = files.read_tail(folder / "runner.log", 2000).decode(errors="replace")
            raise NodeNotStarted(key=key, problem=(words.strip().splitlines() or ["no reason"])[-1])

    def _signal_runner(self, folder: Path, number: int) -> bool:
        pid = locks.find_holder(folder / "lock")
        if pid is None or pid == os.getpid():
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        return True

    def _observe_legible(self, key: str) -> Observation:
        try:
            return self._observe(key)
        except (OSError, LookupError, TypeError, ValueError, AttributeError) as problem:
            if self._is_of_the_job(problem):
                return Observation(key=key, state=AttemptState.UNKNOWN)
            raise

    def _observe(self, key: str) -> Observation:
        folder = self.folders.find_attempt(key)
        if folder is None:
            return Observation(key=key, state=AttemptState.UNKNOWN)
        if end := files.find_json(folder / "ended.json"):
            return _describe_ended(key, end)
        begun = files.find_json(folder / "started.json")
        # Asked second: a runner has its lock before it says so, or one that starts now seemed dead.
        if locks.find_holder(folder / "lock") is not None:
            use = files.find_json(folder / "alive.json") or {}
            return Observation(
                key=key,
                state=AttemptState.RUNNING,
                started_at=_instant(begun["started_at"]) if begun else None,
                cpu_seconds=use.get("cpu_seconds", 0.0),
                max_memory_bytes=use.get("max_memory_bytes", 0),
            )
        if begun is None:
            return Observation(key=key, state=AttemptState.UNKNOWN)
        return _describe_ended(key, self._settle_dead_node(folder, begun))

    def _settle_dead_node(self, folder: Path, begun: dict[str, Any]) -> dict[str, Any]:
        """Write down that the node died, once, after nobody of the job is left; return the end."""
        # Variables that no job file can replace, see `_environment`.
        out = folder.parent.parent / HOME / "out"
        marks = [f"ALLMENDE_OUT={out}".encode(), f"ALLMENDE_ATTEMPT={folder.name}".encode()]
        processes.kill_all(lambda: processes.list_marked(marks))
        files.remove_folder(folder / "tmp")
        for used in (files.find_json(folder / "limits.json") or {}).values():
            if used["cgroup"]:
                limits.remove_cgroup(Path(used["cgroup"]))
        use = files.find_json(folder / "alive.json") or {}
        end = {
            "started_at": begun["started_at"],
            # The last sign of life: later nobody can say what the node did.
            "ended_at": max(begun["started_at"], use.get("at", 0)),
            "reason": EndReason.NODE_FAIL.value,
            "code": "node_died",
            "exit_code": None,
            "facts": {"node": begun["node"]},
            "cpu_seconds": use.get("cpu_seconds", 0.0),
            "max_memory_bytes": use.get("max_memory_bytes", 0),
        }
        # Unwritten on a full disk, the same end is found again the next time.
        try:
            files.write_once(folder / "ended.json", end)
        except OSError as problem:
            if not files.is_disk_full(problem):
                raise
        # The runner may have ended the attempt properly a moment before it left: its word counts.
        return files.find_json(folder / "ended.json") or end


def _bring_code(archive: Path, home: Path) -> None:
    """Unpack the job's code before its first attempt; the next ones find what that left of it."""
    if os.path.lexists(home / CODE_FOLDER):
        return
    draft = home.with_name(f".{CODE_FOLDER}")
    shutil.rmtree(draft, ignore_errors=True)
    code.unpack(archive, draft)
    draft.rename(home / CODE_FOLDER)


def _describe_ended(key: str, end: dict[str, Any]) -> Observation:
    return Observation(
        key=key,
        state=AttemptState.ENDED,
        started_at=_instant(end["started_at"]),
        ended_at=_instant(end["ended_at"]),
        reason=EndReason(end["reason"]),
        exit_code=end["exit_code"],
        sentence=sentences.describe_end(end["code"], end["facts"]),
        cpu_seconds=end["cpu_seconds"],
        max_memory_bytes=end["max_memory_bytes"],
    )


def _instant(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)
