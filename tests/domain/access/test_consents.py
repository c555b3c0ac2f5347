"""A consent is kept with its words and their version, and the letter tells it."""

import pytest

from allmende.domain.access.application_forms import QUESTIONS
from allmende.domain.access.consents import (
    PUBLICATION_TEXT,
    PUBLICATION_VERSION,
    answer_publication,
    tell_publication,
)
from allmende.domain.access.snapshots import from_plain, to_plain
from tests.domain.access.building import NOON


@pytest.mark.parametrize(("is_given", "word"), [(True, "You agreed"), (False, "You did not agree")])
def test_yes_and_no_are_kept_with_the_text(is_given, word):
    consent = answer_publication(is_given=is_given, by="p-1", now=NOON)
    assert (consent.version, consent.text) == (PUBLICATION_VERSION, PUBLICATION_TEXT)
    assert from_plain(type(consent), to_plain(consent)) == consent
    assert tell_publication(consent).english() == (
        f"{word}: “Our name and the title may be published” (version 2026-1 of the text)."
    )


def test_the_form_asks_with_the_very_words():
    assert QUESTIONS["publish_names"].label == PUBLICATION_TEXT.template
