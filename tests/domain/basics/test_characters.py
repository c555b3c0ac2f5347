"""Characters are counted as people see them."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.basics.characters import count_characters


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("", 0),
        ("Wärme", 5),
        (unicodedata.normalize("NFD", "Wärme"), 5),
        ("x\u0323\u0307", 1),  # one letter, two marks that compose with nothing
        ("\u0301", 0),  # a mark without a letter hangs on what stands before it
        ("a\r\nb", 3),
        ("👩\u200d👩\u200d👧 ok", 4),
        ("👍🏽", 1),
        ("🇩🇪🇫🇷", 2),
        ("❤\ufe0f", 1),
    ],
)
def test_what_is_one_sign_for_the_eye_counts_once(text, seen):
    assert count_characters(text) == seen


@given(st.text())
def test_nothing_counts_for_more_than_its_code_points(text):
    assert 0 <= count_characters(text) <= len(text)


@given(st.text(alphabet=st.characters(max_codepoint=0x24F, exclude_characters="\r")))
def test_a_text_in_latin_letters_counts_alike_however_it_is_composed(text):
    assert count_characters(unicodedata.normalize("NFD", text)) == count_characters(text)
