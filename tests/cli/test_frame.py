"""The command line as a whole: help, exit codes, languages, refusals."""

import errno
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time

import pytest
from tools.messages import texts_of_commands
from typer import rich_utils

from allmende import cli
from allmende.cli.commands import COMMANDS, load
from allmende.cli.exits import CODE_WORDS, ExitCode, exit_code_for
from allmende.cli.helps import FRAME_WORDS, find_words
from allmende.domain.basics.refusals import InvalidInput, NotFound, NotPermitted, Refusal
from allmende.services import people
from allmende.wiring import database_version, troubles


def test_help_names_every_command_and_every_exit_code(capsys):
    assert cli.run(["--help"]) == ExitCode.OK
    text = capsys.readouterr().out
    assert [name for name in COMMANDS if f" {name} " not in text] == []
    assert [code for code in CODE_WORDS if str(code.value) not in text] == []


def test_help_needs_no_database_and_imports_no_django():
    script = (
        "import sys; from allmende import cli; cli.run(['--help']); "
        "sys.exit('django' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_blueprints_are_listed_in_english_without_django():
    script = "import sys; from allmende import cli; sys.exit(cli.run(['blueprint', 'list']))"
    environment = {"PYTHONPATH": ":".join(sys.path), "LANG": "C.UTF-8"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert "medicine@1" in done.stdout, done.stderr
    assert done.returncode == ExitCode.OK


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_can_be_loaded_and_explains_itself(name):
    command = load(name)
    subcommands = getattr(command, "commands", {"": command})
    assert subcommands
    assert [sub for sub, each in subcommands.items() if not each.help] == []


@pytest.fixture
def english_again(monkeypatch):
    for name in FRAME_WORDS:
        monkeypatch.setattr(rich_utils, name, getattr(rich_utils, name))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--help"], ("Rechenzeit gerecht geteilt", "Jobs einreichen", "2 der Befehl war falsch")),
        (["job", "submit", "--help"], ("Eine Jobdatei einreichen", "Das Projekt, das dafür zahlt")),
        (["job"], ("Befehle", "Einen Job sofort abbrechen.")),
        (["project", "onboarding", "--help"], ("Was ein Projekt tut, bevor es beginnt.",)),
        (["verify", "--help"], ("Optionen", "Diese Hilfe zeigen", "[nötig]")),
        (["appeal", "list", "--help"], ("--after", "--limit")),  # of which nothing is said
    ],
)
@pytest.mark.usefixtures("english_again")
def test_help_is_written_in_the_language_that_was_asked_for(arguments, said, capsys, monkeypatch):
    cli.run(["--language", "de", *arguments])
    text = capsys.readouterr().out
    assert [each for each in said if each not in text] == []
    assert "charset" not in text  # what a catalogue says for no text is its own head
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    monkeypatch.setenv("ALLMENDE_LANGUAGE", "")
    cli.run(arguments)
    assert capsys.readouterr().out == text


def test_the_help_of_every_command_is_there_in_german():
    say = find_words("de_DE.UTF-8")
    assert {text for text in texts_of_commands() if text and say(text) == text} == {"EUR."}
    assert find_words("C.UTF-8") is None


def test_the_version_is_printed(capsys):
    assert cli.run(["--version"]) == ExitCode.OK
    assert capsys.readouterr().out == "0.1.0\n"


def test_a_misspelt_command_is_a_usage_error_with_a_hint(capsys):
    assert cli.run(["jbo"]) == ExitCode.USAGE
    assert "job" in capsys.readouterr().err


@pytest.mark.django_db
def test_a_noun_may_be_written_in_the_plural(capsys):
    assert cli.run(["persons", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.django_db
def test_what_is_not_there_is_said_in_a_sentence(capsys):
    assert cli.run(["person", "show", "p-none"]) == ExitCode.NOT_FOUND
    assert capsys.readouterr().err == (
        "There is no person p-none. Check the spelling, or list what there is.\n"
    )


@pytest.mark.django_db
def test_an_empty_list_says_so_in_the_language_that_was_asked_for(capsys):
    assert cli.run(["--language", "de", "incident", "list"]) == 0
    assert capsys.readouterr().out == "Bisher keine Störung.\n"


@pytest.mark.django_db
def test_programs_get_a_refusal_as_json(capsys):
    assert cli.run(["person", "show", "p-none", "--json"]) == ExitCode.NOT_FOUND
    assert json.loads(capsys.readouterr().err) == {
        "error": {
            "code": "NotFound",
            "sentence": "There is no person p-none. Check the spelling, or list what there is.",
            "facts": {"kind": "person", "id": "p-none"},
        }
    }


@pytest.mark.django_db
def test_the_environment_in_the_way_is_exit_code_5(capsys, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(people, "list_people", full)
    assert cli.run(["person", "list"]) == ExitCode.ENVIRONMENT
    assert capsys.readouterr().err.startswith("The disk is full, so nothing was changed.")


@pytest.mark.django_db
def test_ctrl_c_is_exit_code_130(monkeypatch):
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(people, "list_people", stop)
    assert cli.run(["person", "list"]) == ExitCode.INTERRUPTED


@pytest.mark.django_db
def test_ctrl_c_counts_though_it_ends_as_another_error(monkeypatch, capsys):
    def stop(*_: object, **__: object) -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        except KeyboardInterrupt:
            raise sqlite3.OperationalError("user-defined function raised exception") from None

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(people, "list_people", stop)
    try:
        assert cli.run(["person", "list"]) == ExitCode.INTERRUPTED
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # nothing interrupts the way out
    finally:
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().err == ""


@pytest.mark.django_db
def test_a_mistake_of_ours_is_not_hidden(monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(people, "list_people", broken)
    with pytest.raises(ValueError, match="a bug"):
        cli.run(["person", "list"])


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (NotFound(kind="job", id="j-1"), ExitCode.NOT_FOUND),
        (NotPermitted(deed="x", roles="y"), ExitCode.NOT_PERMITTED),
        (InvalidInput(field="x", problem="y"), ExitCode.REFUSED),
        (Refusal(), ExitCode.REFUSED),
        (database_version.NoDatabaseYet(), ExitCode.ENVIRONMENT),
        (troubles.DiskIsFull(folder="var"), ExitCode.ENVIRONMENT),
    ],
)
def test_each_kind_of_refusal_has_its_exit_code(refusal, code):
    assert exit_code_for(refusal) == code


def test_completion_knows_nouns_and_verbs():
    def complete(words: str, number: int) -> list[str]:
        script = "import sys; from allmende import cli; sys.exit(cli.run([]))"
        done = subprocess.run(
            [sys.executable, "-c", script],
            env={
                "_ALLMENDE_COMPLETE": "complete_bash",
                "COMP_WORDS": words,
                "COMP_CWORD": str(number),
                "PYTHONPATH": ":".join(sys.path),
                "ALLMENDE_HOME": "/tmp/allmende-completion",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.split()

    assert complete("allmende perso", 1) == ["person"]
    assert "give-role" in complete("allmende person ", 2)
