"""Where the environments of projects lie on a disk: looked for, and removed once nobody runs."""

import contextlib
import fcntl
import os
from pathlib import Path

from allmende.backends.jobs import environments
from allmende.backends.jobs.outputs import remove_below

LOCK = ".lock"
# A job may have put anything there: no link is followed, and no pipe waited for.
OPENED = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Environments:
    """The part of a backend that keeps what `setup` made, for each project by itself."""

    def __init__(self, work_folder: Path) -> None:
        self.environments_folder = work_folder / environments.FOLDER

    def find_environments(self, account: str, user_name: str) -> Path:  # noqa: ARG002 - one runs all
        """Return the folder of those that a person's jobs of a project use."""
        return self.environments_folder / account

    def has_environment(self, environment_id: str, *, account: str, user_name: str) -> bool | None:
        """Say whether what `setup` makes lies there whole; None where that cannot be told."""
        return environments.is_built(self.find_environments(account, user_name), environment_id)

    def list_environments(self) -> list[str]:
        """Return the projects that have a folder of environments."""
        with contextlib.suppress(FileNotFoundError):
            return sorted(path.name for path in self.environments_folder.iterdir())
        return []

    def remove_environments(self, account: str) -> int:
        """Delete those of a project but for what a job uses; return how many are gone."""
        home = self.environments_folder / account
        folders = [*_list_folders_of_people(home), home]
        gone = sum(_remove_unused(folder) for folder in folders)
        for folder in folders:
            with contextlib.suppress(OSError):  # there is something in it
                folder.rmdir()
        return gone


def _list_folders_of_people(home: Path) -> list[Path]:
    """Return the folders that are no environment, for those have a lock beside them."""
    with contextlib.suppress(OSError), os.scandir(home) as entries:
        folders = {each.name: each.is_dir(follow_symlinks=False) for each in entries}
        return [home / name for name in folders if folders[name] and name + LOCK not in folders]
    return []


def _remove_unused(folder: Path) -> int:
    with contextlib.suppress(OSError):  # whoever owns it lets nobody else in
        names = [path.name for path in folder.iterdir()]
        return sum(_remove(folder, name) for name in names if name.endswith(LOCK))
    return 0


def _remove(folder: Path, lock: str) -> bool:
    """Delete an environment with its lock, unless a job holds that; say whether there was one."""
    name = lock.removesuffix(LOCK)
    is_there = os.path.lexists(folder / name)
    try:
        descriptor = os.open(folder / lock, OPENED)
    except OSError:  # a link or a folder, which is nobody's lock
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        remove_below(folder, (name, lock))
    except OSError:  # a job uses it, or it is not ours to delete
        return False
    finally:
        os.close(descriptor)
    return is_there
