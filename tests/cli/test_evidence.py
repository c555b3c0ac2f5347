"""`allmende promise`, `audit`, `export-evidence` and `verify`, as people and programs use them."""

import json
import os

import pytest
import typer
from django.db import connection
from typer.testing import CliRunner

from allmende.cli import audit, evidence, promises
from allmende.domain.basics.refusals import InvalidInput, NotFound
from allmende.domain.trust.records import ATTEMPTS, EVENTS, FILES
from tests.services import factory_story as story
from tests.tampering import lift_triggers

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def played():
    story.play()


def run(app, *arguments):
    return CliRunner().invoke(app, [str(each) for each in arguments], catch_exceptions=False)


def export(folder):
    return run(of(evidence.export_evidence), folder)


def verify(*arguments):
    return run(of(evidence.verify), *arguments)


def of(function) -> typer.Typer:
    app = typer.Typer()
    app.command()(function)
    return app


def test_an_exported_folder_verifies_and_says_what_to_compare(tmp_path):
    folder = tmp_path / "new" / "evidence"
    exported = export(folder)
    assert exported.exit_code == 0
    assert {path.name for path in folder.iterdir()} == {*FILES, "manifest.json"}
    head = exported.stdout.split()[-1]
    verified = verify(folder)
    assert verified.exit_code == 0
    assert verified.stdout.endswith(f"Compare the head with one that you noted elsewhere: {head}\n")
    assert verify(folder, "--head", head).exit_code == 0
    assert verify(folder, "--head", "0" * 64).exit_code == 1


def test_the_digests_are_those_that_sha256sum_prints(tmp_path):
    import hashlib

    export(tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert {name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in FILES} == {
        name: described["sha256"] for name, described in manifest["files"].items()
    }


def test_every_changed_byte_is_found(tmp_path):
    export(tmp_path)
    for name in FILES:
        true_bytes = (tmp_path / name).read_bytes()
        forgeries = {
            "a changed letter": true_bytes.replace(b"e", b"f", 1),
            "no last newline": true_bytes[:-1],
            "one newline more": true_bytes + b"\n",
            "no text": b"\xff" + true_bytes,
            "Windows lines": true_bytes.replace(b"\n", b"\r\n"),
            "nothing": b"",
        }
        for forgery, content in forgeries.items():
            (tmp_path / name).write_bytes(content)
            verified = verify(tmp_path, "--json")
            assert verified.exit_code == 1, (name, forgery)
            assert json.loads(verified.stdout)["findings"], (name, forgery)
        (tmp_path / name).write_bytes(true_bytes)
    assert verify(tmp_path).exit_code == 0


def test_whatever_is_no_plain_file_is_found(tmp_path):
    folder, elsewhere = tmp_path / "evidence", tmp_path / "elsewhere"
    export(folder)
    (folder / "more").mkdir()
    (folder / "more" / "jobs.jsonl").write_text("{}\n")
    os.mkfifo(folder / "pipe")
    (folder / EVENTS).rename(elsewhere)
    (folder / EVENTS).symlink_to(elsewhere)
    verified = verify(folder, "--json")
    assert verified.exit_code == 1
    found = [(each["place"], each["problem"]) for each in json.loads(verified.stdout)["findings"]]
    for name in ("more/", "pipe/", f"{EVENTS}/"):
        assert (name, "the file does not belong to the evidence") in found
    assert (EVENTS, "the file is missing") in found


def test_findings_are_shown_to_people(tmp_path):
    export(tmp_path)
    lines = (tmp_path / ATTEMPTS).read_text().splitlines(keepends=True)
    (tmp_path / ATTEMPTS).write_text("".join(reversed(lines)))
    verified = verify(tmp_path)
    assert verified.exit_code == 1
    assert "the file is not the one of the manifest" in verified.stdout
    assert "findings: this is not what was exported." in verified.stdout


def test_evidence_is_never_overwritten(tmp_path):
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(evidence.FolderIsNotEmpty):
        export(tmp_path)


def test_a_folder_without_a_readable_manifest_is_refused(tmp_path):
    with pytest.raises(NotFound):
        verify(tmp_path)
    for nonsense in ("{", "[]"):
        (tmp_path / "manifest.json").write_text(nonsense)
        with pytest.raises(InvalidInput, match="no JSON document"):
            verify(tmp_path)


def test_promises_are_judged_listed_and_opened():
    assert "No promise was judged yet." in run(promises.app, "list").stdout
    checked = run(promises.app, "check")
    assert checked.exit_code == 0
    assert checked.stdout.endswith("13 kept, 0 broken, 2 without evidence\n")
    assert len(json.loads(run(promises.app, "list", "--json").stdout)) == 15
    shown = run(promises.app, "show", "metered-once").stdout
    assert "80 s used, 80 s booked" in shown
    assert "attempt j-1.1" in shown
    assert json.loads(run(promises.app, "show", "metered-once", "--json").stdout)["checked"] == 3


def test_a_broken_promise_ends_with_1():
    with connection.cursor() as cursor:
        cursor.execute("UPDATE job_attempt SET energy_method = ''")
    assert run(promises.app, "check", "--json").exit_code == 1


def test_the_chain_is_listed_and_checked():
    assert run(audit.app, "check").stdout.startswith("The chain of ")
    events = json.loads(run(audit.app, "list", "--subject", "j-1", "--json").stdout)
    assert [event["action"] for event in events] == ["job.submitted"]
    head = json.loads(run(audit.app, "head", "--json").stdout)
    lift_triggers()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_event SET subject = 'j-9' WHERE subject = 'j-1'")
    broken = run(audit.app, "check")
    assert broken.exit_code == 1
    assert "was changed" in broken.stdout
    told = json.loads(run(audit.app, "check", "--json").stdout)
    assert (told["is_clean"], told["head"]) == (False, head)


def test_the_last_line_of_the_events_is_the_export(tmp_path):
    export(tmp_path)
    last = json.loads((tmp_path / EVENTS).read_text().splitlines()[-1])
    assert (last["action"], last["actor_id"]) == ("evidence.exported", "console")


def test_verify_needs_no_database(tmp_path):
    import subprocess
    import sys

    export(tmp_path / "evidence")
    # Neither a home nor a database could be made where this process runs.
    environment = {**os.environ, "ALLMENDE_HOME": "/proc/nowhere", "PYTHONPATH": "src"}
    environment["ALLMENDE_DATABASE_URL"] = "postgresql://nobody@nowhere.invalid/none"
    command = [sys.executable, "-m", "allmende", "verify", str(tmp_path / "evidence"), "--json"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout)["is_clean"] is True
