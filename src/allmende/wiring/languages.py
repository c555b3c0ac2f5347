"""Sentences in the reader's language: the one place where templates meet their translation."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.apps import apps
from django.utils import formats, timezone, translation

from allmende.domain.basics.people import LANGUAGES
from allmende.domain.basics.sentences import Sentence

INSTANTS = {"en": "j M Y, H:i", "de": "d.m.Y H:i"}


def choose(wanted: str) -> str:
    """Return the language for a wish such as `de_DE.UTF-8`; English where it is none of ours."""
    short = wanted.replace("-", "_").split("_", maxsplit=1)[0].split(".", maxsplit=1)[0].lower()
    return short if short in LANGUAGES else "en"


def speak(language: str) -> None:
    """Use this language from here on, in this thread; before `wiring.start()` it is English."""
    if apps.ready:
        translation.activate(choose(language))


def get_language() -> str:
    """Return the language now spoken."""
    if not apps.ready:
        return "en"
    return choose(translation.get_language() or "")


def translate(sentence: Sentence) -> str:
    """Return a sentence in the language now spoken; facts that are sentences follow suit."""
    if not apps.ready:
        return sentence.english()
    facts = {name: _fact(fact) for name, fact in sentence.facts.items()}
    return translation.gettext(sentence.template).format(**facts)


def write_instant(instant: Any) -> str:
    """Return an instant in local time as the language writes it; no month reads as a day."""
    if not apps.ready:
        return str(instant.isoformat())
    written = INSTANTS[get_language()]
    return str(formats.date_format(timezone.localtime(instant), written))


def write_number(number: Decimal) -> str:
    """Return a number with its digits grouped as the language does."""
    if not apps.ready:
        return f"{number:,}"
    places = max(0, -int(number.as_tuple().exponent))
    return str(formats.number_format(number, decimal_pos=places, force_grouping=True))


def _fact(fact: Any) -> Any:
    if isinstance(fact, Sentence):
        return translate(fact)
    if isinstance(fact, Mapping):
        return fact[get_language()]
    if isinstance(fact, datetime):
        return write_instant(fact)
    if isinstance(fact, float | Decimal):
        places = max(0, -int(Decimal(str(fact)).normalize().as_tuple().exponent))
        return formats.number_format(fact, decimal_pos=places)
    return fact
