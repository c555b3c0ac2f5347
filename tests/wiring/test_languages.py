"""Sentences in the reader's language."""

import subprocess
import sys
from datetime import UTC, datetime

import pytest
from django.utils import translation

from allmende.domain.basics.sentences import Sentence
from allmende.wiring import languages


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [("de", "de"), ("de_DE.UTF-8", "de"), ("de-AT", "de"), ("C", "en"), ("", "en"), ("fr", "en")],
)
def test_a_wish_becomes_one_of_our_languages(wanted, chosen):
    assert languages.choose(wanted) == chosen


def test_facts_that_are_sentences_are_translated_too():
    inner = Sentence("{n} nodes", {"n": 3})
    outer = Sentence("waits for {what}", {"what": inner})
    assert languages.translate(outer) == "waits for 3 nodes"


def test_an_instant_is_written_in_local_time():
    noon = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    with translation.override("de"):
        assert languages.write_instant(noon) == "22.11.2026 13:00"
    with translation.override("en"):
        assert languages.write_instant(noon) == "22 Nov 2026, 13:00"


def test_before_the_start_everything_is_english():
    script = (
        "from datetime import datetime, UTC; from allmende.wiring import languages;"
        "from allmende.domain.basics.sentences import Sentence;"
        "languages.speak('de');"
        "print(languages.translate(Sentence('{n} nodes', {'n': 3})),"
        " languages.write_instant(datetime(2026, 1, 1, tzinfo=UTC)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "3 nodes 2026-01-01T00:00:00+00:00\n"
