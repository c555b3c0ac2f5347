"""What jobs write on a cluster: logs, progress and what they leave, read from the shared folder."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from allmende.backends.jobs.environment_folders import Environments
from allmende.backends.jobs.outputs import open_progress, read_piece, remove_below
from allmende.backends.slurm import notes
from allmende.backends.slurm.places import find_place, list_below, open_below
from allmende.domain.basics.refusals import NotFound
from allmende.domain.scheduling.backends import MOST_PROGRESS_BYTES, ProgressFile
from allmende.domain.training.code_archives import CODE_FOLDER


class Outputs(Environments):
    """The part of a backend that needs the folder of its jobs, and asks the cluster nothing."""

    def __init__(self, work_folder: Path) -> None:
        super().__init__(work_folder)
        self.work_folder = work_folder

    def read_log(self, key: str, *, offset: int, limit: int) -> bytes:
        """Return up to `limit` bytes of the attempt's output from `offset`; empty at the end."""
        attempt = notes.find_attempt(self.work_folder, key)
        if attempt is None:
            return b""
        name = f"{attempt.number}.log"
        return attempt.place.read(attempt.place.runs, name, offset=offset, limit=limit)

    def measure_log(self, key: str) -> int:
        """Return how many bytes of the attempt's output there are; 0 before its first word."""
        attempt = notes.find_attempt(self.work_folder, key)
        return attempt.place.measure(attempt.place.runs, f"{attempt.number}.log") if attempt else 0

    def read_progress(
        self, job_id: str, *, offset: int = 0, limit: int = MOST_PROGRESS_BYTES
    ) -> bytes:
        """Return up to `limit` bytes of the job's progress.jsonl, over all attempts."""
        place = find_place(self.work_folder, job_id)
        where = {"offset": offset, "limit": limit}
        return place.read(place.home, "progress.jsonl", **where) if place else b""

    def measure_progress(self, job_id: str) -> int:
        """Return how many bytes of progress.jsonl there are; 0 before its first line."""
        place = find_place(self.work_folder, job_id)
        return place.measure(place.home, "progress.jsonl") if place else 0

    def open_progress(self, job_ids: Iterable[str]) -> Iterator[ProgressFile]:
        """Look up the progress.jsonl of each job, in that order."""
        return open_progress(self.measure_progress, self.read_progress, job_ids)

    def list_output(self, job_id: str) -> dict[str, int]:
        """Return the files that the job left in its output folder, and their sizes in bytes."""
        place = find_place(self.work_folder, job_id)
        return list_below(place.home, "out") if place else {}

    def read_output(
        self, job_id: str, name: str, *, offset: int = 0, limit: int | None = None
    ) -> bytes:
        """Return up to `limit` bytes of one file of the output folder; empty at its end."""
        place = find_place(self.work_folder, job_id)
        file = open_below(place.home, f"out/{name}") if place and name else None
        if file is None:
            raise NotFound(kind="file", id=name)
        return read_piece(file, name, offset=offset, limit=limit)

    def remove_output(self, job_id: str) -> Mapping[str, str]:
        """Delete for good what an ended job left: output, checkpoints, the folder of its code."""
        place = find_place(self.work_folder, job_id)
        if place is not None:
            remove_below(place.home, ("out", "checkpoints", CODE_FOLDER))
        return {}

    def forget_output(self, job_id: str) -> None:
        """Do nothing: there are no copies."""
