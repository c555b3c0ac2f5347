"""Environments are built once, whole or not at all, and the least recently used make room."""

import os
import random
import subprocess
import time
from pathlib import Path

import pytest

from allmende.backends.jobs import environments
from allmende.backends.jobs.environment_folders import Environments
from allmende.backends.jobs.wrapping import wrap_command
from tests.backends.contract import a_launch, wait_until

# Without python3 an environment is a plain folder, and made in no time.
TOOLS = "bash cat chmod date env find flock ls mkdir rm sh sleep sync tail touch uname"
BUILDS = 'echo building; sleep 0.2; echo "$WHAT" > "$ALLMENDE_ENVIRONMENT/what"'
READS = 'cat "$ALLMENDE_ENVIRONMENT/what"'
# A setup that lasts until its test has seen who waits for it.
HELD = 'until [ -e "$GO" ]; do sleep 0.1; done'
PATIENCE_SECONDS = 120


class Bench:
    """A node with a folder of environments."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "environments"
        self.tools = folder / "tools"
        self.started: list[subprocess.Popen[str]] = []
        self.folder.mkdir()
        self.tools.mkdir()
        for tool in TOOLS.split():
            (self.tools / tool).symlink_to(f"/bin/{tool}")

    def start(
        self, run: str = READS, *, setup: str = BUILDS, made: str = "e1", **variables: str
    ) -> subprocess.Popen[str]:
        launch = a_launch(run, setup=setup, environment_id=made)
        told = {"PATH": str(self.tools), "ALLMENDE_JOB_ID": "j-1", "WHAT": "glue"} | variables
        job = subprocess.Popen(
            wrap_command(launch, self.folder),
            env=told,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.started.append(job)
        return job

    def end(self) -> None:
        """End what a failed test left waiting."""
        for job in self.started:
            if job.poll() is None:
                os.killpg(job.pid, 9)

    def run(self, run: str = READS, **changes: str) -> tuple[int, str]:
        job = self.start(run, **changes)
        said, _ = job.communicate(timeout=PATIENCE_SECONDS)
        return job.returncode, said

    def list_kept(self) -> list[str]:
        found = (path.name for path in self.folder.iterdir() if path.is_dir())
        return sorted(name.partition("-")[0] for name in found)


def wait_for_word(job: subprocess.Popen[str], word: str) -> None:
    while (line := job.stdout.readline()) != f"{word}\n":
        assert line, "it ended before"


def read_until_it_waits(job: subprocess.Popen[str]) -> str:
    """Return the line that says for whom a job waits."""
    while "Waiting." not in (line := job.stdout.readline()):
        assert line, "it ended before"
    return line


@pytest.fixture
def bench(tmp_path) -> Bench:
    bench = Bench(tmp_path)
    yield bench
    bench.end()


def test_an_environment_is_built_once(bench):
    code, said = bench.run()
    assert (code, said.count("building"), said.splitlines()[-1]) == (0, 1, "glue")
    code, said = bench.run(WHAT="other glue")
    assert (code, said.count("building"), said.splitlines()[-1]) == (0, 0, "glue")
    assert "building" in bench.run(made="e2")[1]


def test_of_several_at_once_one_builds(bench):
    jobs = [bench.start(ALLMENDE_JOB_ID=f"j-{number}") for number in range(5)]
    said = [job.communicate(timeout=PATIENCE_SECONDS)[0] for job in jobs]
    assert [job.returncode for job in jobs] == [0] * 5
    assert sum(each.count("building") for each in said) == 1
    assert all(each.endswith("glue\n") for each in said)


def test_who_waits_says_for_whom(bench, tmp_path):
    go = {"GO": str(tmp_path / "go"), "ALLMENDE_JOB_ID": "j-8"}
    builder = bench.start(made="e2", setup=f"echo begun; {HELD}", run="true", **go)
    wait_for_word(builder, "begun")
    waiting = bench.start("true", made="e2")
    assert "is locked by job j-8, which builds it. Waiting." in read_until_it_waits(waiting)
    (tmp_path / "go").touch()
    for job in (builder, waiting):
        job.communicate(timeout=PATIENCE_SECONDS)
        assert job.returncode == 0


def test_what_was_killed_half_way_is_built_anew(bench):
    half = 'touch "$ALLMENDE_ENVIRONMENT/half"; echo half; sleep 60'
    job = bench.start(setup=half)
    wait_for_word(job, "half")
    os.killpg(job.pid, 9)
    job.communicate()
    code, said = bench.run('ls "$ALLMENDE_ENVIRONMENT"')
    assert (code, said.splitlines()[-2:]) == (0, ["DONE", "what"])


def test_whenever_builders_are_killed_nobody_gets_half_an_environment(bench):
    parts = (
        'for i in 1 2 3 4 5 6 7 8 9; do echo "$i" > "$ALLMENDE_ENVIRONMENT/$i"; sleep 0.01; done'
    )
    whole = 'ls "$ALLMENDE_ENVIRONMENT"'
    moments = random.Random(7)
    for number in range(12):
        jobs = [bench.start(whole, setup=parts, made=f"e{number // 3}") for _ in range(3)]
        time.sleep(moments.uniform(0, 0.3))
        for job in jobs[:-1]:
            os.killpg(job.pid, 9)
        for job in jobs:
            said, _ = job.communicate(timeout=PATIENCE_SECONDS)
            if job is jobs[-1] or said.endswith("DONE\n"):
                assert said.split()[-10:] == [*"123456789", "DONE"]
    assert bench.list_kept() == ["e0", "e1", "e2", "e3"]


def test_a_killed_job_keeps_its_lock_while_setup_still_writes(bench, tmp_path):
    job = bench.start(setup=f"echo begun; {HELD}", GO=str(tmp_path / "go"))
    wait_for_word(job, "begun")
    os.kill(job.pid, 15)
    job.wait()
    waiting = bench.start()
    read_until_it_waits(waiting)
    (tmp_path / "go").touch()
    assert waiting.communicate(timeout=PATIENCE_SECONDS)[0].endswith("glue\n")
    job.communicate()


def test_a_failed_setup_is_told_and_nothing_of_it_is_kept(bench):
    code, said = bench.run(setup="echo why; false | cat; echo never")
    assert code == 1
    assert "why\n" in said
    assert "never" not in said
    assert "setup ended with exit code 1" in said
    assert bench.list_kept() == []
    assert "building" in bench.run()[1]


def test_the_least_recently_used_make_room_but_never_one_in_use(bench, monkeypatch):
    monkeypatch.setattr(environments, "MOST_KEPT", 2)
    user = bench.start("echo mine; sleep 600", made="e1")
    wait_for_word(user, "mine")
    for number, made in enumerate(("e2", "e3")):
        bench.run(made=made)
        path = next(bench.folder.glob(f"{made}-*/"))
        os.utime(path, (1000 + number, 1000 + number))
    bench.run(made="e2")  # used again, so that e3 is the older one
    bench.run(made="e4")
    assert bench.list_kept() == ["e1", "e2", "e4"]
    os.killpg(user.pid, 9)
    user.communicate()


def test_what_a_project_had_made_goes_but_for_what_a_job_uses(bench):
    user = bench.start("echo mine; sleep 600", made="e1")
    wait_for_word(user, "mine")
    bench.run(made="e2")
    kept = Environments(bench.folder.parent)
    assert kept.has_environment("e2", account="", user_name="")
    assert (kept.remove_environments(""), bench.list_kept()) == (1, ["e1"])
    os.killpg(user.pid, 9)
    user.communicate()
    wait_until(lambda: kept.remove_environments("") == 1)  # once the last of it has let go
    assert kept.list_environments() == []
    assert (kept.remove_environments(""), bench.folder.exists()) == (0, False)


def test_nothing_goes_that_a_link_leads_to(tmp_path):
    theirs, outside = tmp_path / "environments/prj-1/games", tmp_path / "outside"
    theirs.mkdir(parents=True)
    outside.mkdir()
    (outside / "kept").touch()
    (theirs / "e1-a").symlink_to(outside)
    (theirs / "e1-a.lock").touch()
    (theirs / "e2-a.lock").symlink_to(outside / "kept")
    assert Environments(tmp_path).remove_environments("prj-1") == 1
    assert [path.name for path in theirs.iterdir()] == ["e2-a.lock"]
    assert (outside / "kept").exists()


def test_what_is_no_folder_of_environments_stays_and_stops_nothing(tmp_path):
    home, outside = tmp_path / "environments/prj-1", tmp_path / "outside"
    outside.mkdir()
    for folder in (home, outside):
        (folder / "e1-a").mkdir(parents=True)
        (folder / "e1-a.lock").touch()
    (home / "notes").touch()
    (home / "elsewhere").symlink_to(outside)
    kept = Environments(tmp_path)
    assert (kept.remove_environments("prj-1"), kept.list_environments()) == (1, ["prj-1"])
    assert sorted(path.name for path in home.iterdir()) == ["elsewhere", "notes"]
    assert (outside / "e1-a").exists()
    (tmp_path / "environments/stray").touch()
    assert kept.remove_environments("stray") == 0


def test_what_is_built_is_closed_to_run(bench):
    bench.run(setup='mkdir "$ALLMENDE_ENVIRONMENT/deep"')
    for folder in bench.folder.glob("*/**/"):
        if folder != bench.folder:
            assert folder.stat().st_mode & 0o222 == 0


def test_variables_of_any_name_reach_the_command(bench):
    names = dict.fromkeys(("name", "lock", "old", "code", "environments"), "x")
    _, said = bench.run("env", **names)
    assert {f"{name}=x" for name in names} <= set(said.splitlines())


def test_without_setup_nothing_is_put_before_the_command(tmp_path):
    launch = a_launch("true")
    assert wrap_command(launch, tmp_path) == launch.command
