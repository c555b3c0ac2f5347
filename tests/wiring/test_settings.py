"""Settings that come from the environment."""

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from allmende.wiring import home

PROGRAM = """
import json
from allmende.wiring import settings
print(json.dumps([settings.CSRF_TRUSTED_ORIGINS, settings.SESSION_COOKIE_SECURE,
                  settings.CSRF_COOKIE_SECURE]))
"""


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("", [[], False, False]),
        ("https://ai.example.org/", [["https://ai.example.org"], True, True]),
        ("http://ai.intern", [["http://ai.intern"], False, False]),
    ],
)
def test_behind_https_forms_are_trusted_and_cookies_are_secure(
    tmp_path: Path, address: str, expected: list[object]
):
    printed = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "ALLMENDE_HOME": str(tmp_path), "ALLMENDE_ADDRESS": address},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(printed.stdout) == expected


def test_all_who_start_at_once_read_one_whole_secret(tmp_path: Path, monkeypatch):
    for number in range(50):
        folder = tmp_path / str(number)
        monkeypatch.setenv("ALLMENDE_HOME", str(folder))
        together = threading.Barrier(8)

        def start(together: threading.Barrier = together) -> str:
            together.wait()
            return home.secret_key()

        with ThreadPoolExecutor(8) as threads:
            read = {each.result() for each in [threads.submit(start) for _ in range(8)]}
        assert len(read) == 1
        assert len(read.pop()) == 64
        assert [path.name for path in folder.iterdir()] == ["secret.key"]
        assert (folder / "secret.key").stat().st_mode & 0o077 == 0
