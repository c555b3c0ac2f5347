"""A declaration is kept with its words, their version and their hash, and the letter tells it."""

from dataclasses import replace
from datetime import date

import pytest

from allmende.domain.access.application_forms import QUESTIONS
from allmende.domain.access.consents import (
    PUBLICATION,
    TERMS,
    Consent,
    answer_declarations,
    find_publication,
    read_declarations,
    tell_publication,
)
from allmende.domain.access.modes import FormKind
from allmende.domain.access.snapshots import from_plain, to_plain
from allmende.domain.basics.rules import NoSuchRule, RuleBook
from allmende.wiring import languages
from tests.domain.access.building import BOOK, NOON, PLAYGROUND, form


def declare(book=BOOK, asked=FormKind.SHORT, **changes):
    declarations = read_declarations(PLAYGROUND, asked, book=book)
    return answer_declarations(form(**changes), declarations, by="p-1", now=NOON)


@pytest.mark.parametrize(("is_given", "word"), [(True, "You agreed"), (False, "You did not agree")])
def test_yes_and_no_are_kept_with_the_text(is_given, word):
    consent = find_publication(declare(publish_names=is_given))
    assert (consent.answered_by, consent.answered_at) == ("p-1", NOON)
    assert from_plain(Consent, to_plain(consent)) == consent
    assert tell_publication(consent).english() == (
        f"{word}: “Our name and the title may be published” (version 2025-01-01 of the text)."
    )


def test_the_german_letter_quotes_the_german_words():
    consent = find_publication(declare(publish_names=True))
    languages.speak("de")
    try:
        assert languages.translate(consent.text) == consent.texts["de"]
    finally:
        languages.speak("en")
    assert QUESTIONS[PUBLICATION].label == consent.texts["en"]


def test_each_form_declares_its_own():
    short = [each.name for each in declare()]
    assert short == ["publish_names", "declares_correct", "accepts_terms"]
    assert {each.name for each in declare(asked=FormKind.FULL)} - set(short) == {
        "declares_team_eligible"
    }
    assert find_publication(()) is None


def test_the_terms_are_part_of_what_is_hashed():
    def hash_of(call):
        found = read_declarations(call, FormKind.SHORT, book=BOOK)
        return next(each.content_hash for each in found if each.name == TERMS)

    other = replace(PLAYGROUND, terms_text=PLAYGROUND.terms_text + "8. One more.")
    assert hash_of(PLAYGROUND) != hash_of(other)
    assert hash_of(PLAYGROUND) == hash_of(replace(PLAYGROUND))


def test_a_new_wording_is_a_new_version_and_the_old_one_stays_with_older_calls():
    opened = PLAYGROUND.opens_at.date()

    def reworded(row, day):
        is_it = row.rule == "declaration.publish_names"
        if not is_it:
            return (row,)
        return (replace(row, valid_to=day), replace(row, valid_from=day, value="New words"))

    def words_after(day):
        book = RuleBook(tuple(new for row in BOOK.rules for new in reworded(row, day)))
        return find_publication(declare(book=book))

    before, after = words_after(opened), words_after(date(2026, 6, 1))
    assert (before.version, before.texts["de"]) == (opened.isoformat(), "New words")
    assert after == find_publication(declare())
    assert before.content_hash != after.content_hash


def test_a_declaration_without_words_is_refused():
    with pytest.raises(NoSuchRule):
        declare(book=RuleBook(()))
