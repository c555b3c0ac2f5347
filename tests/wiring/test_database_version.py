"""Program and database have to be of the same age."""

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from allmende.wiring.home import config_folder


@pytest.fixture
def allmende(tmp_path: Path):
    def type_in(*words: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "ALLMENDE_HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path)}
        env.pop("ALLMENDE_DATABASE_URL", None)
        env["ALLMENDE_LANGUAGE"] = "en"
        command = [sys.executable, "-m", "allmende", *words]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False)

    return type_in


def change(home: Path, statement: str) -> None:
    with sqlite3.connect(home / "allmende.sqlite3") as database:
        database.execute(statement)


def test_a_database_has_to_be_there_first_and_init_makes_it(allmende, tmp_path):
    missing = allmende("person", "list")
    assert (missing.returncode, missing.stderr) == (
        5,
        "There is no database here yet. Run: allmende init.\n",
    )
    assert allmende("serve").stderr == missing.stderr
    made = allmende("init")
    assert made.returncode == 0, made.stderr
    assert "/first-administrator/allmende_" in made.stdout
    assert allmende("person", "list").returncode == 0

    # A newer version of Allmende has been here.
    change(
        tmp_path,
        "INSERT INTO django_migrations (app, name, applied)"
        " VALUES ('storage', '9999_future', '2030-01-01')",
    )
    for words in (("person", "list"), ("init",)):
        refused = allmende(*words)
        assert refused.returncode == 5
        assert "written by a newer Allmende (storage.9999_future)" in refused.stderr

    # And this one is older than the program.
    change(tmp_path, "DELETE FROM django_migrations WHERE app = 'storage'")
    older = allmende("person", "list")
    assert older.returncode == 5
    assert "Run: allmende init." in older.stderr


def test_init_names_the_line_of_a_mistake_in_the_configuration(allmende, tmp_path, monkeypatch):
    config = tmp_path / "config"
    shutil.copytree(config_folder(), config)
    text = (config / "factory.toml").read_text()
    line = text[: text.index("hosting_entity")].count("\n") + 1
    (config / "factory.toml").write_text(text.replace("hosting_entity", "hosting_entty", 1))
    monkeypatch.setenv("ALLMENDE_CONFIG", str(config))
    refused = allmende("init")
    assert refused.returncode == 5
    assert refused.stderr.startswith(f'factory.toml, line {line}, key "hosting_entty":')
    assert not (tmp_path / "allmende.sqlite3").exists()
