"""The marks of the AI Act on training compute: dated rules, and whether a training reaches them."""

from dataclasses import dataclass
from datetime import datetime

from allmende.domain.access.working_days import day_of
from allmende.domain.basics.rules import RuleBook
from allmende.domain.basics.sentences import Sentence

HUNDRED_PERCENT = 100


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A mark of the AI Act: whether one training reaches it, and what follows."""

    flop: int
    is_reached: bool
    sentence: Sentence
    source: str


def find_modifier_mark(flop: int, book: RuleBook, now: datetime) -> Mark:
    """Return the mark for those who train a model of others further."""
    on = day_of(now)
    share = book.get("ai.modifier_share_percent", on=on)
    whole = book.number("ai.general_purpose_flop", on=on)
    mark = int(whole * book.number("ai.modifier_share_percent", on=on) / HUNDRED_PERCENT)
    return Mark(
        flop=mark,
        is_reached=flop > mark,
        sentence=Sentence(
            "From here on whoever trains a model of others further becomes its provider, where the"
            " compute of the original is not known."
        ),
        source=share.source,
    )


def list_marks(flop: int, book: RuleBook, now: datetime) -> tuple[Mark, ...]:
    """Return the marks of the AI Act that are in force, the lower one first."""
    on = day_of(now)
    days = book.number("ai.systemic_risk_notice_days", on=on)
    rows = (
        (
            "ai.general_purpose_flop",
            Sentence("From here on a model of language or images counts as general-purpose AI."),
        ),
        (
            "ai.systemic_risk_flop",
            Sentence(
                "From here on the AI Act presumes a systemic risk: notify the Commission within"
                " {days} days.",
                {"days": days},
            ),
        ),
    )
    return tuple(
        Mark(
            flop=int(book.number(rule, on=on)),
            is_reached=flop > book.number(rule, on=on),  # the Act says "greater than"
            sentence=sentence,
            source=book.get(rule, on=on).source,
        )
        for rule, sentence in rows
    )
