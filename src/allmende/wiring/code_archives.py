"""Where this installation keeps the code that jobs bring along."""

from pathlib import Path

from allmende.backends.jobs.code import count_entries, hash_for_setup
from allmende.storage.code_files import CodeShelves
from allmende.wiring import home


def shelves() -> CodeShelves:
    """Return the shelves in the home."""
    return CodeShelves(home.home() / "code", judge=count_entries)


def find_code(project_id: str, sha256: str) -> Path:
    """Return where an archive of a project lies, whether it is there or not."""
    return shelves().of(project_id).find(sha256)


def hash_setup_files(project_id: str, sha256: str, setup: str) -> str:
    """Return the hash of those files of an archive on which `setup` depends."""
    return hash_for_setup(find_code(project_id, sha256), setup)
