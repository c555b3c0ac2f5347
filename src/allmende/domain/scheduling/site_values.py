"""Values as a site sends them: read one by one, and none is believed to be what it should be.

Each reader raises `TypeError` or `ValueError` for anything else.
"""

from datetime import datetime
from string import Formatter
from typing import Any

from allmende.domain.basics.sentences import Sentence

LONGEST_SENTENCE = 4000
LARGEST_NUMBER = 2**53


def read_text(value: Any) -> str:
    """Return a text; an error where it is none, or none that any database can hold."""
    if not isinstance(value, str):
        raise TypeError("this is no text")
    value.encode()  # what cannot be written is no text either
    if "\0" in value:
        raise ValueError("this is no text")
    return value


def read_whole(value: Any) -> int:
    """Return a whole number."""
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > LARGEST_NUMBER:
        raise TypeError("this is no whole number")
    return value


def read_number(value: Any) -> float:
    """Return a number that is not below 0."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("this is no number")
    if not 0 <= value <= LARGEST_NUMBER:  # neither infinite nor nothing at all
        raise ValueError("this number is out of bounds")
    return float(value)


def read_instant(value: Any) -> datetime | None:
    """Return an instant, None where there is none."""
    if value is None:
        return None
    instant = datetime.fromisoformat(read_text(value))
    if instant.tzinfo is None:
        raise ValueError("an instant has a time zone")
    return instant


def read_sentence(value: Any) -> Sentence | None:
    """Return a sentence that can be told to people, None where there is none."""
    if value is None:
        return None
    sentence = Sentence.from_json(value)
    _check_templates(sentence)
    # It is shown to people: one that cannot be told is found here, not on a page of theirs.
    if len(read_text(sentence.english())) > LONGEST_SENTENCE:
        raise ValueError("this sentence is too long")
    return sentence


def _check_templates(sentence: Sentence) -> None:
    """Refuse places that do more than stand for a fact: "{x:9999999999}" would fill the memory."""
    for _, name, width, conversion in Formatter().parse(read_text(sentence.template)):
        if width or conversion or not (name is None or name.isidentifier()):
            raise ValueError("this sentence does more than say something")
    for fact in sentence.facts.values():
        if isinstance(fact, Sentence):
            _check_templates(fact)
