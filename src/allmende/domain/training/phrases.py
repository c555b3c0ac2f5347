"""What a blueprint and its code say in English, in the language of the reader.

The record keeps the German of it, so that a card can be read in German as long as there is one.
"""

from collections.abc import Callable, Mapping
from typing import Any

SEPARATOR = "; "  # between phrases that were put together


def find_phrases(record: Mapping[str, Any], language: str) -> Callable[[str], str]:
    """Return what says a phrase of a record in a language; what it does not know, it leaves."""
    others = record["model"].get("in_other_languages", {})
    phrases: Mapping[str, str] = others.get(language, {}).get("phrases", {})

    def tell(text: str) -> str:
        parts = [text] if text in phrases else text.split(SEPARATOR)
        return SEPARATOR.join(phrases.get(part, part) for part in parts)

    return tell
