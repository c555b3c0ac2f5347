"""Settings that come from the environment."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

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
