"""The migrations build exactly the tables that the models describe, with their triggers."""

import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

from allmende.storage import models


def django(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "django", *arguments],
        env={
            **os.environ,
            "ALLMENDE_HOME": str(home),
            "DJANGO_SETTINGS_MODULE": "allmende.wiring.settings",
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_no_model_has_changed_without_a_migration(tmp_path: Path):
    checked = django(tmp_path, "makemigrations", "--check", "--dry-run")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_migrated_database_refuses_to_edit_what_is_append_only(tmp_path: Path):
    migrated = django(tmp_path, "migrate", "--verbosity", "0")
    assert migrated.returncode == 0, migrated.stdout + migrated.stderr
    with sqlite3.connect(tmp_path / "allmende.sqlite3") as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(audit_event)")]
        triggers = {
            row[0]
            for row in database.execute("SELECT name FROM sqlite_master WHERE type='trigger'")
        }
    assert "hash" in columns
    for table in ("audit_event", "ledger_transfer"):
        assert {f"{table}_no_update", f"{table}_no_delete"} <= triggers


def test_django_finds_nothing_wrong(tmp_path: Path):
    checked = django(tmp_path, "check", "--fail-level", "WARNING")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_table_is_known_from_the_start():
    """One that is only met by whoever imports its file would be missing in a test's database."""
    folder = Path(models.__file__).parent
    declared = {
        name
        for path in folder.glob("*.py")
        for name in re.findall(r"^class (\w+)\(models\.Model\)", path.read_text(), re.M)
    }
    assert declared == set(models.__all__)
