"""What a user writes into his own folder, and what a cluster forgets, stops nobody else's jobs.

The cluster is played by two commands, for it has to say what a sound one says once a year.
"""

import errno
import os
import pwd
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from allmende.backends.slurm import notes, places
from allmende.backends.slurm.accounting import SACCT_FIELDS
from allmende.backends.slurm.backend import SlurmBackend
from allmende.backends.slurm.client import SlurmClient
from allmende.backends.slurm.places import (
    Place,
    UserIsTheMachine,
    find_place,
    find_user,
    list_below,
)
from allmende.backends.slurm.queue import SQUEUE_COLUMNS
from allmende.domain.basics.sites import RunAs, SlurmCluster
from allmende.domain.scheduling.backends import AttemptState, EndReason
from tests.backends.contract import a_launch

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
KEY = "j-1.1"


class Stage:
    """A cluster that says what it is told to say, and a backend on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = NOON
        cluster = SlurmCluster(
            cluster="stage", bin_folder=str(folder), work_folder=str(folder), run_as=RunAs.NOBODY
        )
        self.backend = SlurmBackend(SlurmClient(cluster), cluster, lambda: self.now)
        self.say("squeue", "|".join(["JOBID", "STATE", *list(SQUEUE_COLUMNS)[2:], ""]))
        self.say("sbatch", "7")

    def say(self, command: str, text: str, *, code: int = 0) -> None:
        path = self.folder / command
        path.write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\nexit {code}\n")
        path.chmod(0o755)

    def finish(self, name: str, *, code: str = "3:0") -> None:
        """Let accounting say that job 7 has failed."""
        begin = int(NOON.timestamp())
        row = ["7", "stage", name, "p", "main", "normal", "FAILED", code, f"{begin}", f"{begin}"]
        row += [f"{begin + 9}", "cpu=1,node=1", "n1", KEY, "", "9"]
        self.say("sacct", "|".join(SACCT_FIELDS) + "\n" + "|".join(row))
        runs, path = f"sacct.{len(row)}", self.folder / "sacct"
        path.rename(self.folder / runs)
        # Asked for steps, it has none: they come without a heading.
        path.write_text(
            f'#!/bin/sh\ncase "$*" in *--noheader*) ;; *) exec "$0.{len(row)}" ;; esac\n'
        )
        path.chmod(0o755)

    def start(self, key: str = KEY) -> Place:
        place = find_place(self.folder, "j-1")
        assert place is not None
        number = int(key.rpartition(".")[2])
        self.backend.start(a_launch("true", job_id="j-1", attempt=number))
        return place

    def look(self):
        (seen,) = self.backend.observe([KEY])
        return seen


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def owner_of(stage: Stage) -> str:
    attempt = notes.find_attempt(stage.folder, KEY)
    assert attempt is not None
    return attempt.user_name


@pytest.mark.parametrize(
    "written",
    [
        "0 1 paid_holiday n1",
        f"0 {10**30} exit_code n1",
        "0 1 exit_code n\0",
        f"{'9' * 4400} 1 exit_code n1",
        "0 -7 exit_code n1",
        "nothing of the kind",
    ],
)
def test_a_trace_that_a_user_made_up_says_nothing(stage, written):
    place = stage.start()
    (place.runs / "1.0.end").write_text(written)
    (place.runs / "1.slurm.log").write_text("slurmstepd: it\0 broke\x1b[2J\n")
    stage.finish(owner_of(stage))
    seen = stage.look()
    assert (seen.reason, seen.exit_code) == (EndReason.FAILED, 3)
    assert "it broke[2J" in seen.sentence.english()


def test_only_nodes_of_the_job_leave_traces(stage):
    place = stage.start()
    (place.runs / "1.0.end").write_text("2 5 exit_code n1")
    (place.runs / "1.1.end").write_text("1 9 exit_code n1")  # there is but one node
    stage.finish(owner_of(stage))
    assert stage.look().exit_code == 5


def save_checkpoint(folder: Path) -> None:
    (folder / "step-1").mkdir(parents=True)
    (folder / "step-1/state.json").write_text('{"end": "completed"}')
    (folder / "step-1/DONE").touch()


@pytest.mark.parametrize(("is_link", "reason"), [(False, "completed"), (True, "preempted")])
def test_what_a_preempted_job_has_saved_is_not_looked_for_behind_links(stage, is_link, reason):
    place = stage.start()
    (place.runs / "1.asked").write_text("1 preempted")
    checkpoints = place.home / "checkpoints"
    elsewhere = stage.folder / "of another"
    save_checkpoint(elsewhere if is_link else checkpoints / ".")
    if is_link:
        checkpoints.rmdir()
        checkpoints.symlink_to(elsewhere)
    stage.now = NOON
    stage.finish(owner_of(stage), code="0:0")
    os.utime(checkpoints / "step-1/DONE", (NOON.timestamp() + 1,) * 2)
    assert stage.look().reason == reason


@pytest.mark.parametrize(("is_link", "reason"), [(False, "completed"), (True, "preempted")])
def test_progress_behind_a_link_says_nothing_of_how_a_job_ended(stage, is_link, reason):
    place = stage.start()
    (place.runs / "1.asked").write_text("1 preempted")
    file = stage.folder / "elsewhere" if is_link else place.home / "progress.jsonl"
    file.write_text('{"step": 1, "total": 9}\n' * 2000 + '{"step": 9, "total": 9}\n')
    if is_link:
        (place.home / "progress.jsonl").symlink_to(file)
    stage.finish(owner_of(stage), code="0:0")
    assert stage.look().reason == reason


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has users")
def test_a_file_of_the_machine_that_a_user_has_linked_is_not_read_to_him(tmp_path):
    place = Place(tmp_path / "j-1")
    place.prepare(1, user_name="games")
    secret = tmp_path / "secret"
    secret.write_text("secret")
    os.link(secret, place.home / "progress.jsonl")
    assert place.read(place.home, "progress.jsonl") == b""
    assert place.claim(1, "7") == "7"  # this one is the machine's own, and meant to be read


@pytest.mark.parametrize("written", ["9" * 5000, "99999999999", "٣", "0", "-1", "me"])
def test_a_claim_that_a_user_made_up_is_none(stage, written):
    stage.start()
    place = stage.start()
    (place.runs / "2.job").write_text(written)
    stage.finish(owner_of(stage))
    assert stage.look().state is AttemptState.ENDED
    stage.say("sbatch", "8")
    stage.start("j-1.2")
    attempt = notes.find_attempt(stage.folder, "j-1.2")
    assert attempt is not None
    assert attempt.slurm_id == 8


@pytest.mark.parametrize("name", ["1.log", "1.asked"])  # asked before the end, and for it
def test_files_that_cannot_be_read_now_keep_back_the_end_of_their_own_job_alone(
    stage, monkeypatch, name
):
    place = stage.start()
    stage.backend.start(a_launch("true", job_id="j-2", attempt=1))
    stage.finish(owner_of(stage))
    ask = places.open_below

    def fail(folder, asked, **options):
        if (folder, asked) == (place.runs, name):
            raise OSError(errno.EIO, "the disk does not answer")
        return ask(folder, asked, **options)

    with monkeypatch.context() as trouble:
        trouble.setattr(places, "open_below", fail)
        troubled, other = stage.backend.observe([KEY, "j-2.1"])
    assert (troubled.state, other.state) == (AttemptState.QUEUED, AttemptState.ENDED)
    assert "cannot be read now" in str(troubled.wait)
    assert stage.look().state is AttemptState.ENDED


def test_while_accounting_is_away_no_job_is_lost_however_long_ago_it_was_ordered(stage):
    stage.start()
    stage.now += timedelta(days=3)
    stage.say("sacct", "", code=1)
    (stage.folder / "sacct").write_text("#!/bin/sh\necho slurmdbd is down >&2\nexit 1\n")
    assert stage.look().state is AttemptState.QUEUED
    stage.finish(owner_of(stage))
    assert stage.look().state is AttemptState.ENDED


def test_a_job_that_neither_controller_nor_accounting_knows_is_lost_after_a_day(stage):
    stage.start()
    stage.say("sacct", "|".join(SACCT_FIELDS))
    assert stage.look().state is AttemptState.QUEUED
    stage.now += timedelta(days=2)
    assert stage.look().state is AttemptState.UNKNOWN


def test_a_double_that_ended_before_it_was_cancelled_stops_nothing(stage):
    stage.start()
    begin = int(NOON.timestamp())
    rows = [
        [number, "RUNNING", "0", "None", owner_of(stage), "p", f"{begin}", f"{begin}", "n1", tag]
        for number, tag in (("7", f"allmende:{KEY}"), ("9", f"allmende:{KEY}"))
    ]
    heading = ["JOBID", "STATE", *list(SQUEUE_COLUMNS)[2:]]
    stage.say("squeue", "\n".join("|".join([*row, ""]) for row in [heading, *rows]))
    (stage.folder / "scancel").write_text("#!/bin/sh\necho Invalid job id >&2\nexit 1\n")
    (stage.folder / "scancel").chmod(0o755)
    assert stage.look().state is AttemptState.RUNNING


def test_no_job_runs_as_the_machine_whatever_the_centre_orders(tmp_path):
    with pytest.raises(UserIsTheMachine):
        find_user("root")
    own = pwd.getpwuid(os.geteuid()).pw_name
    with pytest.raises(UserIsTheMachine):
        Place(tmp_path / "j-1").prepare(1, user_name=own)


def test_folders_however_deep_a_user_made_them_end_the_search(tmp_path):
    (tmp_path / "out").mkdir()
    at = os.open(tmp_path / "out", os.O_RDONLY)
    for _ in range(150):  # a thousand would be too many for Python's walk
        os.mkdir("a", dir_fd=at)
        below = os.open("a", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(os.open("deep", os.O_CREAT, dir_fd=at))
    os.close(at)
    (tmp_path / "out/a/plain").touch()
    assert list_below(tmp_path, "out") == {"a/plain": 0}
