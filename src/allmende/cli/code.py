"""The folder of a job file, brought along when it is submitted."""

import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from allmende.domain.basics.refusals import NotFound, Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.training.code_archives import CodeArchive, find_hash, is_own_folder
from allmende.domain.training.job_specs import JobSpec
from allmende.services import code_archives
from allmende.services.deeds import Deed
from allmende.wiring.code_archives import shelves
from allmende.wiring.code_folders import CodeFolder, open_folder
from allmende.wiring.languages import translate

PATIENCE_SECONDS = 1.0


def bring_code(deed: Deed, spec: JobSpec, beside: Path, *, project_id: str) -> JobSpec:
    """Return the job file with the hash of its folder, which the project has by then.

    `beside` is the folder of the job file. What the project has already is not sent again.
    """
    if not spec.workdir or find_hash(spec.workdir):
        return spec
    code_archives.check_may_send(deed.actor, project_id)
    folder = open_folder(beside / spec.workdir)
    try:
        archive = code_archives.get_archive(
            deed.actor, project_id, folder.hash(), shelves=shelves()
        )
    except NotFound:
        archive = _send(deed, folder, project_id)
    return replace(spec, workdir=archive.workdir)


def find_code(value: object, beside: Path) -> CodeFolder | Refusal | None:
    """Return the folder of a job file as it was read, or why it could not come along.

    Nothing is sent. None for a job file without one, or with the hash of one.
    """
    workdir = value.get("workdir") if isinstance(value, dict) else None
    if not isinstance(workdir, str) or not workdir or not is_own_folder(workdir):
        return None
    try:
        return open_folder(beside / workdir)
    except Refusal as refusal:
        return refusal


def _send(deed: Deed, folder: CodeFolder, project_id: str) -> CodeArchive:
    pieces = _show_progress(folder.pack(), most_bytes=folder.size_bytes)
    with shelves().of(project_id).receive(pieces) as incoming:
        return code_archives.add_archive(deed, project_id, incoming=incoming, shelves=shelves())


def _show_progress(pieces: Iterable[bytes], *, most_bytes: int) -> Iterator[bytes]:
    """Pass pieces on, and show on a terminal how far it is once that takes more than a second."""
    begun_at = time.monotonic()
    console = Console(stderr=True, quiet=not sys.stderr.isatty())
    with Progress(console=console, transient=True) as shown:
        words = translate(Sentence("The code is brought along."))
        task = shown.add_task(words, total=most_bytes, visible=False)
        for piece in pieces:
            yield piece
            is_long = time.monotonic() - begun_at > PATIENCE_SECONDS
            shown.update(task, advance=len(piece), visible=is_long)
