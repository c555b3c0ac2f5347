"""`allmende job`, `allmende model` and `allmende site`, as somebody types them."""

import io
import json
from dataclasses import replace

import pytest

from allmende import cli, wiring
from allmende.cli import job_watching
from allmende.domain.scheduling.jobs import JobState
from allmende.domain.training.courses import TimeLeft
from allmende.domain.training.job_files import parse_job_file
from allmende.services import project_secrets, runs
from allmende.storage import jobs as job_store
from allmende.storage.trained_models import TrainedModelRow
from tests.domain.training.test_data_sets import ROADS
from tests.web.world import World, build_world

pytestmark = pytest.mark.django_db

JOB_FILE = "name: hello\nrun: echo hello\nmax_duration: 30s\n"


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def allmende(capsys, world):
    def type_in(*words: str, expect: int = 0, who: str = "applicant"):
        code = cli.run(["--as", world.people[who].id, *words, "--json"])
        printed = capsys.readouterr()
        assert code == expect, printed.err
        return json.loads(printed.out or printed.err)

    return type_in


def test_a_job_is_submitted_once_for_one_key(allmende, world, tmp_path):
    file = tmp_path / "job.yaml"
    file.write_text(JOB_FILE)
    words = ("job", "submit", str(file), "--project", world.ids["project_id"], "--key", "k1")
    (first,) = allmende(*words)
    (again,) = allmende(*words)
    assert first["id"] == again["id"]
    assert (first["name"], first["state"]) == ("hello", "pending")
    file.write_text(JOB_FILE.replace("echo hello", "echo other"))
    assert allmende(*words, expect=1)["error"]["code"] == "DifferentJob"


def test_the_folder_of_a_job_file_comes_along_once(allmende, world, tmp_path):
    file = tmp_path / "job.yaml"
    (tmp_path / "code").mkdir()
    (tmp_path / "code/train.py").write_text("")
    file.write_text(JOB_FILE + "workdir: code\n")
    words = ("job", "submit", str(file), "--project", world.ids["project_id"])
    (first,) = allmende(*words, "--key", "k1")
    (again,) = allmende(*words, "--key", "k1")
    (other,) = allmende(*words, "--key", "k2")
    assert (first["id"] == again["id"], first["id"] == other["id"]) == (True, False)
    named = {allmende("job", "show", job["id"])["job"]["spec"]["workdir"] for job in (first, other)}
    assert named.pop().startswith("sha256:")
    assert named == set()
    (tmp_path / "code/train.py").write_text("pass")
    assert allmende(*words, "--key", "k1", expect=1)["error"]["code"] == "DifferentJob"
    assert allmende(*words, expect=3, who="foreign")["error"]["code"] == "NotFound"
    check = ("job", "check", *words[2:])
    assert allmende(*check)["code"] == {"files": 1, "size_bytes": 4}
    file.write_text(JOB_FILE + "workdir: none\n")
    (problem,) = allmende(*check, expect=1)["problems"]
    assert (problem["key"], problem["line"]) == ("workdir", len(JOB_FILE.splitlines()) + 1)
    assert allmende(*words, expect=1)["error"]["code"] == "NoSuchFolder"


def test_a_job_waits_for_the_ones_that_the_command_names(allmende, world, tmp_path):
    file = tmp_path / "job.yaml"
    file.write_text(JOB_FILE + "after: [first]\n")
    words = ("job", "submit", str(file), "--project", world.ids["project_id"])
    (job,) = allmende(*words, "--after", world.ids["job_id"], "--after-ok", "first", "--key", "k")
    assert (job["after"], job["after_ok"]) == ([world.ids["job_id"]], [world.ids["job_id"]])
    assert allmende("job", "show", job["id"])["job"]["spec"]["after_ok"] == ["first"]
    refused = allmende(*words, "--after", "j-nobody", expect=1)["error"]
    assert refused["code"] == "NothingToWaitFor"
    file.write_text("- no mapping")
    assert allmende(*words, "--after", "first", expect=1)["error"]["code"] == "InvalidJobFile"


def test_an_array_is_listed_and_cancelled_as_one(allmende, world, tmp_path):
    file = tmp_path / "job.yaml"
    file.write_text(JOB_FILE + "array: 1-3%2\n")
    tasks = allmende("job", "submit", str(file), "--project", world.ids["project_id"])
    sweep_id = tasks[0]["sweep_id"]
    listed = allmende("job", "list", "--sweep", sweep_id)
    assert {job["id"] for job in listed} == {job["id"] for job in tasks}
    refused = allmende("job", "cancel-sweep", sweep_id, expect=3, who="foreign")["error"]
    assert refused["code"] == "NotFound"
    for _ in range(2):
        cancelled = allmende("job", "cancel-sweep", sweep_id)
        assert [job["state"] for job in cancelled] == ["cancelled"] * 3


def test_the_jobs_of_a_sweep_are_compared_side_by_side(allmende, world, tmp_path):
    file = tmp_path / "job.yaml"
    file.write_text(JOB_FILE + "sweep: {lr: [1e-3, 1e-4], layers: [2]}\n")
    jobs = allmende("job", "submit", str(file), "--project", world.ids["project_id"])
    rows = allmende("job", "compare", jobs[0]["sweep_id"])
    assert [row["values"] for row in rows] == [{"lr": 0.001}, {"lr": 0.0001}]
    assert [row["job"]["id"] for row in rows] == [job["id"] for job in jobs]
    assert allmende("job", "compare", "s-none", expect=3)["error"]["code"] == "NotFound"


def test_what_a_job_tries_is_told_apart_from_what_it_reports(allmende, world, tmp_path, capsys):
    file = tmp_path / "job.yaml"
    file.write_text(JOB_FILE + "sweep: {step: [31, 41]}\n")
    jobs = allmende("job", "submit", str(file), "--project", world.ids["project_id"])
    cli.run(["--as", world.people["applicant"].id, "job", "compare", jobs[0]["sweep_id"]])
    head, *rows = (line.split() for line in capsys.readouterr().out.splitlines())
    assert head == ["job", "number", "step=", "state", "step"]
    assert [row[2:] for row in rows] == [["31", "pending", "0"], ["41", "pending", "0"]]


def test_a_misspelt_key_is_refused_with_a_hint(allmende, world, tmp_path):
    file = tmp_path / "job.yaml"
    file.write_text(JOB_FILE.replace("max_duration", "max_durration"))
    words = ("job", "submit", str(file), "--project", world.ids["project_id"])
    refused = allmende(*words, expect=1)["error"]
    assert refused["code"] == "InvalidJobFile"
    assert "max_duration" in refused["sentence"]


def test_a_key_given_twice_is_refused_with_its_line(allmende, world, tmp_path):
    file = tmp_path / "job.yaml"
    file.write_text(JOB_FILE + "run: echo other\n")
    words = ("job", "submit", str(file), "--project", world.ids["project_id"])
    refused = allmende(*words, expect=1)["error"]
    assert refused["code"] == "JobFileIsUnreadable"
    assert "Line 4 gives the key run once more." in refused["sentence"]


@pytest.mark.parametrize("content", [None, "a: [", "a: b: c"])
def test_a_job_file_that_cannot_be_read_is_said_so(allmende, world, tmp_path, content):
    file = tmp_path / "job.yaml"
    if content is not None:
        file.write_text(content)
    words = ("job", "submit", str(file), "--project", world.ids["project_id"])
    assert allmende(*words, expect=1)["error"]["code"] == "JobFileIsUnreadable"


def test_a_job_file_is_checked_with_the_line_of_each_mistake(allmende, world, tmp_path, capsys):
    file = tmp_path / "job.yaml"
    file.write_text(JOB_FILE)
    words = ("job", "check", str(file), "--project", world.ids["project_id"])
    good = allmende(*words)
    assert (good["ok"], good["problems"], good["held_seconds"]) == (True, [], 35)
    assert cli.run(["--as", world.people["applicant"].id, *words]) == 0
    assert "Nothing has been submitted." in capsys.readouterr().out
    file.write_text(JOB_FILE + "resources:\n  cpus: 99\n  memory: 900T\nsecrets: [NONE]\n")
    problems = allmende(*words, expect=1)["problems"]
    lines = {problem["key"]: problem["line"] for problem in problems}
    assert lines == {"resources.cpus": 5, "resources.memory": 6, "secrets": 7}
    assert cli.run(["--as", world.people["applicant"].id, *words]) == 1
    assert "Line 5: The job asks for 99 cores" in capsys.readouterr().out
    assert len(allmende("job", "list")) == 1


def test_when_a_job_would_start_is_said_alone(allmende, world, tmp_path, capsys):
    file = tmp_path / "job.yaml"
    file.write_text(JOB_FILE)
    words = ("job", "when", str(file), "--project", world.ids["project_id"])
    assert allmende(*words)[0]["nodes"] == 1
    assert cli.run(["--as", world.people["applicant"].id, *words]) == 0
    assert "four times in five" in capsys.readouterr().out


def test_the_schema_is_printed_as_the_portal_serves_it(allmende, client):
    answer = client.get("/api/v1/job-file.schema.json")
    assert answer["Cache-Control"] == "public, max-age=86400"
    assert allmende("job", "schema") == answer.json()


def test_a_job_is_listed_shown_explained_cancelled_and_run_again(allmende, world):
    job_id = world.ids["job_id"]
    assert [job["id"] for job in allmende("job", "list")] == [job_id]
    assert allmende("job", "show", job_id)["job"]["id"] == job_id
    assert allmende("job", "why", job_id)["state"] == "pending"
    assert len(allmende("job", "events", job_id)) == 1
    assert allmende("job", "log", job_id) == {"log": "", "next_offset": 0}
    assert allmende("job", "cancel", job_id)["state"] == "cancelled"
    assert allmende("job", "cancel", job_id)["state"] == "cancelled"
    again = allmende("job", "again", job_id, "--key", "k2")
    assert again["id"] != job_id
    assert allmende("job", "stop", again["id"])["state"] == "cancelled"


def test_a_list_tells_how_far_those_are_that_run(allmende, world, capsys, monkeypatch):
    monkeypatch.setattr(runs, "read_latest", lambda found, **_: [runs.Progress(step=2, total=5)])
    assert allmende("job", "list")[0]["progress"] == {"step": 0, "total": 0}
    job_store.JobRow.objects.update(state=JobState.RUNNING.value)
    assert allmende("job", "list")[0]["progress"] == {"step": 2, "total": 5}
    assert cli.run(["--as", world.people["applicant"].id, "job", "list"]) == 0
    assert "40 %" in capsys.readouterr().out


def test_watch_tells_how_a_job_ended_by_its_exit_code(capsys, world, monkeypatch):
    monkeypatch.setattr("allmende.cli.job_watching.POLL_SECONDS", 0.01)
    who, job_id = world.people["applicant"].id, world.ids["job_id"]
    assert cli.run(["--as", who, "job", "watch", job_id, "--seconds", "0.01"]) == 1
    assert "is still pending" in capsys.readouterr().err
    job_store.JobRow.objects.filter(id=job_id).update(state=JobState.COMPLETED.value)
    assert cli.run(["--as", who, "job", "watch", job_id]) == 0
    job_store.JobRow.objects.filter(id=job_id).update(state=JobState.FAILED.value)
    assert cli.run(["--as", who, "job", "watch", job_id]) == 1
    assert f"Job {job_id} ended as failed." in capsys.readouterr().err


def test_watch_tells_programs_one_document_a_line(capsys, world):
    job_id = world.ids["job_id"]
    job_store.JobRow.objects.filter(id=job_id).update(state=JobState.COMPLETED.value)
    who = world.people["applicant"].id
    assert cli.run(["--as", who, "job", "watch", job_id, "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [list(line) for line in lines] == [["event"], ["job"]]
    assert lines[-1]["job"]["id"] == job_id


def test_a_curve_in_letters_and_how_far_a_job_is():
    assert job_watching.draw_bars([(0, 0.0), (1, 0.5), (2, 1.0)]) == "▁▅█"
    assert job_watching.draw_bars([(0, 3.0)]) == "▁"
    left = TimeLeft(least_seconds=20, most_seconds=4000)
    sayings = [
        (runs.Progress(step=4), "Step 4."),
        (runs.Progress(step=4, total=8), "Step 4 of 8, 50 %."),
        (
            runs.Progress(step=4, total=8, time_left=left),
            "Step 4 of 8, 50 %, 20 s to 67 min left.",
        ),
    ]
    for progress, words in sayings:
        assert job_watching.say_progress(progress).english() == words


def test_the_job_of_others_does_not_exist(allmende, world):
    for verb in ("show", "why", "events", "log", "watch", "cancel", "stop", "again"):
        refused = allmende("job", verb, world.ids["job_id"], expect=3, who="foreign")
        assert refused["error"]["code"] == "NotFound"
    assert allmende("job", "list", who="foreign") == []


def test_people_read_tables(capsys, world):
    who, job_id = world.people["applicant"].id, world.ids["job_id"]
    for words in (["job", "list"], ["job", "show", job_id], ["job", "why", job_id]):
        assert cli.run(["--as", who, *words]) == 0
    assert cli.run(["--as", who, "job", "log", job_id]) == 0
    assert job_id in capsys.readouterr().out


def test_a_model_is_listed_shown_checked_and_downloaded(allmende, world, tmp_path):
    model_id = world.ids["model_id"]
    assert [model["id"] for model in allmende("model", "list")] == [model_id]
    assert allmende("model", "show", model_id)["card"] == "# hello"
    assert allmende("model", "download", model_id, str(tmp_path / "out")) == []
    refused = allmende("model", "show", model_id, expect=3, who="foreign")
    assert refused["error"]["code"] == "NotFound"


def test_a_model_whose_record_was_changed_fails_the_check(capsys, world):
    row = TrainedModelRow.objects.get(id="m-1")
    row.record |= {"purpose": "another one"}
    row.save()
    code = cli.run(["--as", world.people["applicant"].id, "model", "check", "m-1"])
    assert code == 1
    assert "is not as it was registered" in capsys.readouterr().err


def test_sites_are_listed_and_shown(allmende, capsys):
    sites = {view["site"]["id"]: view for view in allmende("site", "list")}
    assert set(sites) == {site.id for site in wiring.workshop().factory.sites}
    assert allmende("site", "show", "werkstatt")["site"]["id"] == "werkstatt"
    assert allmende("site", "show", "atlantis", expect=3)["error"]["code"] == "NotFound"
    assert cli.run(["site", "list"]) == 0
    assert cli.run(["site", "show", "juelich"]) == 0
    assert "JUPITER" in capsys.readouterr().out


def test_the_catalogue_of_data_sets_is_listed(allmende, monkeypatch):
    assert allmende("data", "list") == []
    known = replace(wiring.workshop(), data_sets={"roads": ROADS})
    monkeypatch.setattr(wiring, "workshop", lambda: known)
    (row,) = allmende("data", "list")
    assert (row["uri"], row["sites"]) == ("allmende:roads@2", ["here"])
    assert "folders" not in row


def test_a_secret_comes_from_standard_input_and_is_told_by_name(allmende, world, monkeypatch):
    project_id = world.ids["project_id"]
    monkeypatch.setattr("sys.stdin", io.StringIO("hush\n"))
    assert allmende("secret", "set", project_id, "TOKEN")["name"] == "TOKEN"
    assert [row["name"] for row in allmende("secret", "list", project_id)] == ["TOKEN"]
    seal = wiring.workshop().seal
    spec = parse_job_file({"name": "a", "run": "true", "secrets": ["TOKEN"]})
    assert project_secrets.open_secrets(spec, project_id, seal=seal) == {"TOKEN": "hush"}
    assert allmende("secret", "remove", project_id, "TOKEN") == {"removed": "TOKEN"}
    refused = allmende("secret", "remove", project_id, "TOKEN", expect=3)
    assert refused["error"]["code"] == "NotFound"
