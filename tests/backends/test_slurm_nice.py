"""A cluster is told by how much the priority of what waits is lowered: once, and never too much."""

from datetime import UTC, datetime

from allmende.backends.slurm import nice, notes
from allmende.backends.slurm.places import Place
from tests.backends.contract import a_launch


def test_of_many_that_wait_some_are_told_at_a_time_and_each_once(tmp_path, monkeypatch):
    monkeypatch.setattr(nice, "MOST_AT_ONCE", 2)
    launches, told = [a_launch() for _ in range(5)], []
    for number, launch in enumerate(launches):  # of a version that noted nothing of it
        place = Place(tmp_path / launch.job_id)
        place.notes(1).mkdir(parents=True)
        notes.note_intent(launch, place, user_name="", now=datetime.now(UTC))
        notes.note_job(place, 1, slurm_id=number, first=1)
    for _ in range(4):
        nice.tell_nice(lambda *words: told.append(words), tmp_path, {e.key: 0 for e in launches})
    assert told == [
        ("scontrol", "update", f"jobid={numbers}", "nice=0") for numbers in ("0,1", "2,3", "4")
    ]
