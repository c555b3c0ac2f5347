"""A sentence for a person: an English template and its facts, translated only at the edge."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Sentence:
    """What happened or why, said once; `template` is the key of its translation.

    A fact may itself be a `Sentence`, or names by language. Only literal templates can be
    translated: write `Sentence("{nodes} nodes are busy", {"nodes": 3})`, never an f-string.
    """

    template: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def english(self) -> str:
        """Return the sentence in English."""
        return self.template.format(**{name: _plain(fact) for name, fact in self.facts.items()})

    def __str__(self) -> str:
        return self.english()

    def to_json(self) -> dict[str, Any]:
        """Return a value that JSON can hold; `from_json` reads it back."""
        return {"template": self.template, "facts": {k: _to_json(v) for k, v in self.facts.items()}}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Sentence":
        """Read back what `to_json` wrote."""
        return cls(value["template"], {k: _from_json(v) for k, v in value["facts"].items()})


def quote(text: str) -> Sentence:
    """Return a text of the configuration as a sentence: translated where the catalogue has it."""
    return Sentence(text.replace("{", "{{").replace("}", "}}"))


def _plain(fact: Any) -> Any:
    if isinstance(fact, Mapping):
        return fact["en"]
    return fact.english() if isinstance(fact, Sentence) else fact


def _to_json(fact: Any) -> Any:
    if isinstance(fact, Sentence):
        return fact.to_json()
    if isinstance(fact, datetime):
        return {"instant": fact.isoformat()}  # the reader's language decides how it is written
    return fact if isinstance(fact, str | int | float | bool | None) else str(fact)


def _from_json(fact: Any) -> Any:
    if not isinstance(fact, Mapping):
        return fact
    if "instant" in fact:
        return datetime.fromisoformat(fact["instant"])
    return Sentence.from_json(fact)
