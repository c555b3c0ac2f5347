"""By how much the priority of a waiting job is lowered: told to a cluster when it changes."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

from allmende.backends.nodes import files
from allmende.backends.slurm import notes
from allmende.backends.slurm.client import CommandRefused
from allmende.backends.slurm.notes import Attempt
from allmende.backends.slurm.places import Place

NOTE = "nice.json"
MOST_AT_ONCE = 500  # a command line has an end, and so has the time that a cluster takes for one


def note_nice(place: Place, number: int, nice: int) -> None:
    """Note what the cluster was told of an attempt."""
    files.write_whole(place.notes(number) / NOTE, {"nice": nice})


def tell_nice(run: Callable[..., str], work_folder: Path, wanted: Mapping[str, int]) -> None:
    """Tell the cluster what it was not told yet, with one command for those that want the same.

    What it refuses, such as for a job that has just begun, is refused here, and not tried again.
    What is too much for one command is left for the next time.
    """
    for nice, untold in _group_untold(work_folder, wanted).items():
        attempts = untold[:MOST_AT_ONCE]
        job_ids = ",".join(str(attempt.slurm_id) for attempt in attempts)
        try:
            run("scontrol", "update", f"jobid={job_ids}", f"nice={nice}")
        except CommandRefused:
            _note_all(attempts, nice)
            raise
        _note_all(attempts, nice)


def _group_untold(work_folder: Path, wanted: Mapping[str, int]) -> dict[int, list[Attempt]]:
    found: dict[int, list[Attempt]] = defaultdict(list)
    for key, nice in wanted.items():
        attempt = notes.find_attempt(work_folder, key)
        if attempt is None or attempt.slurm_id is None:
            continue
        # Nothing is noted of what the cluster requeued itself: it is told once more.
        told = files.find_json(attempt.notes / NOTE) or {}
        if told.get("nice") != nice:
            found[nice].append(attempt)
    return found


def _note_all(attempts: list[Attempt], nice: int) -> None:
    for attempt in attempts:
        note_nice(attempt.place, attempt.number, nice)
