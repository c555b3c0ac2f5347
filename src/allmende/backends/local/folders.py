"""Where the files of a job and of its attempts lie."""

from pathlib import Path

from allmende.backends.jobs.keys import JOB, KEY

# Beside the attempts, not above them: a job that clears its home leaves its runner's files alone.
HOME = "home"


class Folders:
    """The layout of `work/`. Names that could lead out of it are nobody's names: None."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def find_home(self, job_id: str) -> Path | None:
        """Return the folder that is a job's own, whether it exists or not."""
        return self.root / job_id / HOME if JOB.fullmatch(job_id) else None

    def find_attempt(self, key: str) -> Path | None:
        """Return the folder of an attempt, whether it exists or not."""
        parts = KEY.fullmatch(key)
        return self.root / parts["job"] / "attempts" / parts["number"] if parts else None
