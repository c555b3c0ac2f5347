"""The marks of the AI Act on training compute: dated rules, and whether a training passes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from allmende.domain.basics.powers import write_power
from allmende.domain.basics.rules import RuleBook
from allmende.domain.basics.sentences import Sentence, quote

MODIFIER = "ai.modifier_share_percent"
GENERAL_PURPOSE = "ai.general_purpose_flop"
SYSTEMIC_RISK = "ai.systemic_risk_flop"
NOTICE_DAYS = "ai.systemic_risk_notice_days"
HUNDRED_PERCENT = 100


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A mark of the AI Act: whether one training passes it, and what follows."""

    rule: str
    flop: int
    is_reached: bool  # the Act says "greater than"
    sentence: Sentence
    source: str
    valid_from: date

    def say_passed(self, flop: int) -> Sentence:
        """Return that a training takes so many operations, and what follows."""
        return Sentence(
            "The training takes {flop} FLOP, more than {mark}. {follows}", self._facts(flop)
        )

    def say_possible(self, flop: int) -> Sentence:
        """Return that the hours asked for give so many operations, and what follows."""
        return Sentence(
            "The hours asked for are enough for {flop} FLOP, more than {mark}. {follows}",
            self._facts(flop),
        )

    def say_source(self) -> Sentence:
        """Return who says so, and since when."""
        return Sentence(
            "{source}; in force since {day}",
            {"source": quote(self.source), "day": self.valid_from.isoformat()},
        )

    def _facts(self, flop: int) -> Mapping[str, object]:
        follows = self.sentence
        return {"flop": write_power(flop), "mark": write_power(self.flop), "follows": follows}


def say_modifier() -> Sentence:
    """Return what follows for those who train a model of others further."""
    return Sentence(
        "From here on whoever trains a model of others further becomes its provider, where the"
        " compute of the original is not known."
    )


def say_provider() -> Sentence:
    """Return the same where the compute of the original is known."""
    return Sentence(
        "From here on whoever trains this original further becomes a provider, where the original"
        " is general-purpose AI."
    )


def say_general_purpose() -> Sentence:
    """Return what follows from the mark of general-purpose models."""
    return Sentence("From here on a model of language or images counts as general-purpose AI.")


def say_systemic_risk(days: int) -> Sentence:
    """Return what follows from the highest mark, and within how many days."""
    return Sentence(
        "From here on the AI Act presumes a systemic risk: notify the Commission within"
        " {days} days.",
        {"days": days},
    )


def list_marks(flop: int, book: RuleBook, *, on: date) -> tuple[Mark, ...]:
    """Return the marks that are in force on a day, the lowest first; `NoSuchRule` before any is."""
    general_purpose = book.number(GENERAL_PURPOSE, on=on)
    share = book.number(MODIFIER, on=on) / HUNDRED_PERCENT
    days = int(book.number(NOTICE_DAYS, on=on))
    rows = (
        (MODIFIER, int(general_purpose * share), say_modifier()),
        (GENERAL_PURPOSE, int(general_purpose), say_general_purpose()),
        (SYSTEMIC_RISK, int(book.number(SYSTEMIC_RISK, on=on)), say_systemic_risk(days)),
    )
    return tuple(
        Mark(
            rule=rule,
            flop=mark,
            is_reached=flop > mark,
            sentence=sentence,
            source=row.source,
            valid_from=row.valid_from,
        )
        for rule, mark, sentence in rows
        for row in (book.get(rule, on=on),)
    )
