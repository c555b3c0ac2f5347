"""Where the files of jobs lie: beside the daemon's own notes, what belongs to the job's user.

The daemon may be root, and a user may put a link anywhere in what is his. So nothing of his is
reached by a path: every folder on the way is opened by itself, and none that is a link.
"""

import contextlib
import os
import pwd
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from allmende.backends.jobs import environments
from allmende.backends.jobs.code import unpack
from allmende.backends.jobs.keys import JOB, KEY
from allmende.backends.jobs.outputs import DEEPEST
from allmende.backends.nodes.files import raise_trouble
from allmende.backends.nodes.outcomes import LARGEST_STATE_BYTES, PROGRESS_TAIL_BYTES
from allmende.domain.basics.refusals import Refusal
from allmende.domain.training.code_archives import CODE_FOLDER

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
PLAIN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# Others may pass through to what is theirs, and see nothing.
PASSAGE = 0o711
PRIVATE = 0o700
MOST_CHECKPOINTS = 10_000  # that are looked through for the newest
PARTS_OF_HOME = ("out", "checkpoints", "data")
# Who has a claim on an attempt that has ended: no job that comes late may still begin it.
NOBODY = "nobody"
EVERYBODY = "everybody"  # where all jobs belong to the account that Allmende runs under
# A job is submitted for an attempt, or was requeued by Slurm and may go on as it.
SUBMITTED, REQUEUED = "job", "requeued"
# The user can write there what he likes. Slurm's numbers have 26 bits.
CLAIM = re.compile(rf"[1-9][0-9]{{0,7}}|{NOBODY}")


class UserIsTheMachine(Refusal):
    """No job runs as {user_name}: that account is the machine's own, or Allmende's. Give the person
    the account that they sign in with at this site."""

    status = 409


class NoSuchUser(Refusal):
    """There is no account {user_name} on this machine. Jobs run as the person who owns them:
    check which account that person has at this site."""

    status = 409


@dataclass(frozen=True)
class Place:
    """The folders of one job. A name that could lead elsewhere has none, see `find_place`."""

    root: Path

    @property
    def home(self) -> Path:
        """Return the job's own folder, which is its user's."""
        return self.root / "home"

    @property
    def runs(self) -> Path:
        """Return the folder of logs, claims and how nodes ended, which is the user's too."""
        return self.root / "runs"

    def notes(self, attempt: int) -> Path:
        """Return the folder of the daemon's own notes on an attempt."""
        return self.root / "attempts" / str(attempt)

    def list_attempts(self) -> list[int]:
        """Return the numbers of the attempts that there are notes on, in order."""
        with contextlib.suppress(FileNotFoundError):
            return sorted(int(path.name) for path in (self.root / "attempts").iterdir())
        return []

    def prepare(self, attempt: int, *, user_name: str, code: str = "") -> None:
        """Make the folders, those of the user his; what is there already is left as it is.

        `code` is the archive that the job's own folder begins with.
        """
        for folder in (self.root, self.root / "attempts", self.notes(attempt)):
            folder.mkdir(exist_ok=True)
            folder.chmod(PASSAGE)
        owner = find_user(user_name) if user_name else None
        for folder, parts in ((self.home, PARTS_OF_HOME), (self.runs, ())):
            if not folder.exists():
                self._put(folder, parts, owner, code=code if folder == self.home else "")

    def prepare_environments(self, project_id: str, *, user_name: str) -> None:
        """Make the folder of the environments that a person's jobs of a project use."""
        assert JOB.fullmatch(project_id), "what one project built, no other uses"
        folder = find_environments(self.root.parent, project_id, user_name=user_name)
        for passage in (folder.parent.parent, folder.parent):
            passage.mkdir(exist_ok=True)
            passage.chmod(PASSAGE)
        if not folder.exists():
            self._put(folder, (), find_user(user_name) if user_name else None, code="")

    def _put(
        self, folder: Path, parts: tuple[str, ...], owner: pwd.struct_passwd | None, *, code: str
    ) -> None:
        """Make a folder complete and owned before its user can reach it."""
        draft = folder.with_name(f".{folder.name}.{os.getpid()}")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=PRIVATE)
        for path in (*(draft / part for part in parts), draft):
            path.mkdir(mode=PRIVATE, exist_ok=True)
            if owner is not None:
                os.chown(path, owner.pw_uid, owner.pw_gid)
        if code:
            unpack(Path(code), draft / CODE_FOLDER)
            if owner is not None:
                _give(draft / CODE_FOLDER, owner)
        draft.rename(folder)

    def read(self, folder: Path, name: str, *, offset: int = 0, limit: int = 2**16) -> bytes:
        """Return a part of a file below `home` or `runs`; nothing where no plain file is."""
        return _read(open_below(folder, name), offset=offset, limit=limit)

    def measure(self, folder: Path, name: str) -> int:
        """Return the size in bytes of a file below `home` or `runs`; 0 where no plain file is."""
        file = open_below(folder, name)
        if file is None:
            return 0
        with file:
            return os.fstat(file.fileno()).st_size

    def has_run(self, name: str) -> bool:
        """Say whether there is a plain file of that name in `runs`."""
        file = open_below(self.runs, name)
        if file is not None:
            file.close()
        return file is not None

    def read_progress_tail(self) -> bytes:
        """Return the last lines of the job's progress."""
        file, limit = open_below(self.home, "progress.jsonl"), PROGRESS_TAIL_BYTES
        offset = os.fstat(file.fileno()).st_size - limit if file else 0
        return _read(file, offset=offset, limit=limit)

    def read_newest_state(self, *, since: float) -> bytes:
        """Return the state of the newest checkpoint, if it was saved since; else nothing."""
        for name in sorted(self._list_checkpoints(), reverse=True):
            done = open_below(self.home, f"checkpoints/{name}/DONE")
            if done is not None:
                with done:
                    if os.fstat(done.fileno()).st_mtime < since:
                        return b""
                return self.read(
                    self.home, f"checkpoints/{name}/state.json", limit=LARGEST_STATE_BYTES
                )
        return b""

    def _list_checkpoints(self) -> list[str]:
        with (
            contextlib.suppress(OSError),
            _opened(self.home, "checkpoints") as folder,
            os.scandir(folder) as found,
        ):
            names = (entry.name for entry in islice(found, MOST_CHECKPOINTS))
            return [name for name in names if name.startswith("step-")]
        return []

    def claim(self, attempt: int, owner: str, *, kind: str = SUBMITTED) -> str:
        """Return who has claimed an attempt; it is `owner`, if nobody had."""
        name = f"{attempt}.{kind}"
        draft = f"{name}.{secrets.token_hex(8)}"  # a job may be reading: it finds all or nothing
        with contextlib.suppress(FileNotFoundError), _opened(self.runs) as runs:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(draft, flags, 0o644, dir_fd=runs)
            os.fchmod(descriptor, 0o644)  # whatever our umask: the job reads it as its user
            os.write(descriptor, f"{owner}\n".encode())
            os.close(descriptor)
            with contextlib.suppress(FileExistsError):
                os.link(draft, name, src_dir_fd=runs, dst_dir_fd=runs, follow_symlinks=False)
            os.unlink(draft, dir_fd=runs)
        return self.find_claim(attempt, kind=kind)

    def put_secrets(self, attempt: int, text: str) -> None:
        """Write the file of an attempt's secrets, which only the user of the job may read."""
        name = f"{attempt}.secrets"
        draft = f"{name}.{secrets.token_hex(8)}"
        with _opened(self.runs) as runs:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(draft, flags, 0o600, dir_fd=runs), "w") as file:
                owner = os.fstat(runs)
                if os.fstat(file.fileno()).st_uid != owner.st_uid:
                    os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
                file.write(text)
            os.rename(draft, name, src_dir_fd=runs, dst_dir_fd=runs)

    def forget_secrets(self, attempt: int) -> None:
        """Remove that file where the job has not: it never began."""
        with contextlib.suppress(OSError), _opened(self.runs) as runs:
            os.unlink(f"{attempt}.secrets", dir_fd=runs)

    def find_claim(self, attempt: int, *, kind: str = SUBMITTED) -> str:
        """Return what the job that does an attempt's work has written: its number; or ""."""
        file = open_below(self.runs, f"{attempt}.{kind}", or_ours=True)
        written = _read(file).decode(errors="replace").strip()
        return written if CLAIM.fullmatch(written) else ""


def _give(folder: Path, owner: pwd.struct_passwd) -> None:
    """Give a folder to its user, with all that is in it; links themselves, not what they name."""
    for place, folders, names, _ in os.fwalk(folder):
        for name in (".", *folders, *names):
            path = Path(place) / name
            os.chown(path, owner.pw_uid, owner.pw_gid, follow_symlinks=False)


def find_environments(work_folder: Path, project_id: str, *, user_name: str) -> Path:
    """Return where environments lie: nobody runs what another person or project has put there."""
    return work_folder / environments.FOLDER / project_id / (user_name or EVERYBODY)


def find_place(work_folder: Path, job_id: str) -> Place | None:
    """Return the folders of a job, whether they exist or not."""
    return Place(work_folder / job_id) if JOB.fullmatch(job_id) else None


def split_key(key: str) -> tuple[str, int] | None:
    """Return job and number of an attempt's key; None where it is none."""
    parts = re.fullmatch(KEY, key)
    return (parts["job"], int(parts["number"])) if parts else None


def find_user(user_name: str) -> pwd.struct_passwd:
    """Return the account of a person on this machine."""
    try:
        found = pwd.getpwnam(user_name)
    except KeyError as problem:
        raise NoSuchUser(user_name=user_name) from problem
    if found.pw_uid in (0, os.geteuid()):  # whatever the centre says, and by whatever name
        raise UserIsTheMachine(user_name=user_name)
    return found


def open_below(folder: Path, name: str, *, or_ours: bool = False) -> BinaryIO | None:
    """Return a plain file below a user's folder, open to read; None for whatever else is there.

    No link is followed on the way. A file of somebody else, as a hard link brings it in, is none;
    nor is the daemon's own, unless it writes such itself (`or_ours`). A trouble of the machine is
    raised: what cannot be read now is not gone.
    """
    parts = Path(name).parts
    if not parts or "\0" in name or name.startswith("/") or not set(parts).isdisjoint({"..", "/"}):
        return None
    try:
        with _opened(folder, *parts[:-1]) as last:
            file = os.open(parts[-1], PLAIN, dir_fd=last)
    except OSError as problem:
        raise_trouble(problem)
        return None
    found, owners = os.fstat(file), {folder.stat().st_uid} | ({os.geteuid()} if or_ours else set())
    if not stat.S_ISREG(found.st_mode) or found.st_uid not in owners:
        os.close(file)
        return None
    return os.fdopen(file, "rb")


def _read(file: BinaryIO | None, *, offset: int = 0, limit: int = 2**16) -> bytes:
    if file is None:
        return b""
    with file:
        file.seek(max(0, offset))
        return file.read(max(0, limit))


def list_below(folder: Path, name: str) -> dict[str, int]:
    """Return name and size of each plain file below `folder/name`; no link is followed.

    A trouble of the machine is raised: what cannot be listed now is not gone.
    """
    found: dict[str, int] = {}
    try:
        with _opened(folder, name) as top:
            for place, folders, names, at in os.fwalk(".", dir_fd=top, onerror=raise_trouble):
                if place.count("/") >= DEEPEST:
                    folders.clear()
                found |= _measure_plain(Path(place), names, at)
    except OSError as problem:
        raise_trouble(problem)
        return {}
    return dict(sorted(found.items()))


def _measure_plain(place: Path, names: list[str], at: int) -> dict[str, int]:
    """Return path and size of the plain files among the names of an open folder."""
    found = {}
    for name in names:
        try:
            status = os.stat(name, dir_fd=at, follow_symlinks=False)
        except OSError as problem:
            raise_trouble(problem)
            continue
        if stat.S_ISREG(status.st_mode):
            found[(place / name).as_posix()] = status.st_size
    return found


@contextlib.contextmanager
def _opened(folder: Path, *parts: str) -> Iterator[int]:
    """Open a folder, then each one below it in turn; raises OSError where one is a link."""
    descriptor = os.open(folder, FOLDER)
    try:
        for part in parts:
            below = os.open(part, FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)
