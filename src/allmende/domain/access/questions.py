"""What a form asks: each question stands once, as a field of a dataclass, with words and limits.

A section of the application is a dataclass whose fields come from the functions here, such as
`title: str = ask.line("Title of the project")`. Portal, API, command line and validation read the
same `Question` from there. Labels, hints and needs are templates that may use the facts of the
call: {unit}, {device}, {most}.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from decimal import Decimal
from enum import StrEnum
from typing import Any

from allmende.domain.access.modes import FormKind

LINE_LENGTH = 200
TEXT_LENGTH = 4_000
ROWS_MOST = 50
WHOLE_MOST = 10**15

BOTH = frozenset(FormKind)
FULL = frozenset({FormKind.FULL})
SHORT = frozenset({FormKind.SHORT})
NONE: frozenset[FormKind] = frozenset()  # set by other means than the form


class Kind(StrEnum):
    """What an answer looks like."""

    LINE = "line"
    TEXT = "text"
    WHOLE = "whole"
    DECIMAL = "decimal"
    YES_NO = "yes_no"
    TICK = "tick"
    CHOICE = "choice"
    MANY = "many"
    CODES = "codes"
    COUNTRY = "country"
    HOURS = "hours"  # people write hours, seconds are kept
    EUROS = "euros"  # people write euros, cents are kept
    MONTHS = "months"  # one of the durations of the call
    ROWS = "rows"


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question; `need` says what to do where it is not answered, empty: it may stay so."""

    kind: Kind
    name: str = ""
    label: str
    hint: str = ""
    need: str = ""
    forms: frozenset[FormKind] = BOTH
    length: int = LINE_LENGTH
    least: int = 0
    most: int = WHOLE_MOST
    choices: Mapping[str, str] = field(default_factory=dict)  # value and words
    options: type[StrEnum] | None = None
    row: type[Any] | None = None  # of ROWS: the dataclass of one row
    is_secret: bool = False  # nobody but the applicant and the office reads it

    @property
    def columns(self) -> tuple["Question", ...]:
        """Return the questions of one row."""
        return list_questions(self.row) if self.row else ()

    def is_asked(self, form: FormKind) -> bool:
        """Say whether that form has the question."""
        return form in self.forms


def list_questions(section: type[Any]) -> tuple[Question, ...]:
    """Return the questions of a section or of a row, in order."""
    found = []
    for part in fields(section):
        question: Question = part.metadata["question"]
        found.append(Question(**{**vars(question), "name": part.name}))
    return tuple(found)


def line(label: str, **rest: Any) -> Any:
    """Ask for a text of one line."""
    return _ask("", kind=Kind.LINE, label=label, **rest)


def text(label: str, *, length: int = TEXT_LENGTH, **rest: Any) -> Any:
    """Ask for a text of several lines."""
    return _ask("", kind=Kind.TEXT, label=label, length=length, **rest)


def whole(label: str, **rest: Any) -> Any:
    """Ask for a whole number."""
    return _ask(None, kind=Kind.WHOLE, label=label, **rest)


def decimal(label: str, **rest: Any) -> Any:
    """Ask for a number that may have decimals; it is kept exactly."""
    return _ask(None, kind=Kind.DECIMAL, label=label, **rest)


def yes_no(label: str, **rest: Any) -> Any:
    """Ask for yes or no; not answering is neither."""
    return _ask(None, kind=Kind.YES_NO, label=label, **rest)


def tick(label: str, *, default: bool = False, **rest: Any) -> Any:
    """Ask for a tick; where there is a need, only a tick fulfils it."""
    return _ask(default, kind=Kind.TICK, label=label, **rest)


def choice(options: type[StrEnum], choices: Mapping[Any, str], label: str, **rest: Any) -> Any:
    """Ask for one of several."""
    words = {str(value): words for value, words in choices.items()}
    return _ask(None, kind=Kind.CHOICE, label=label, options=options, choices=words, **rest)


def many(options: type[StrEnum], choices: Mapping[Any, str], label: str, **rest: Any) -> Any:
    """Ask for any of several."""
    words = {str(value): words for value, words in choices.items()}
    return _ask((), kind=Kind.MANY, label=label, options=options, choices=words, **rest)


def codes(label: str, **rest: Any) -> Any:
    """Ask for codes such as FR, NL."""
    return _ask((), kind=Kind.CODES, label=label, **rest)


def country(label: str, **rest: Any) -> Any:
    """Ask for a country, by its code of two letters."""
    return _ask("", kind=Kind.COUNTRY, label=label, length=2, **rest)


def hours(label: str, **rest: Any) -> Any:
    """Ask for hours, which are kept as seconds."""
    return _ask(None, kind=Kind.HOURS, label=label, **rest)


def euros(label: str, **rest: Any) -> Any:
    """Ask for euros, which are kept as cents."""
    return _ask(None, kind=Kind.EUROS, label=label, **rest)


def months(label: str, **rest: Any) -> Any:
    """Ask for one of the durations of the call."""
    return _ask(None, kind=Kind.MONTHS, label=label, **rest)


def rows(row: type[Any], label: str, **rest: Any) -> Any:
    """Ask for a table: any number of rows, each with the questions of a dataclass."""
    return _ask((), kind=Kind.ROWS, label=label, row=row, **rest)


def _ask(default: Any, **words: Any) -> Any:
    return field(default=default, metadata={"question": Question(**words)})


def default_of(section: type[Any], name: str) -> Any:
    """Return what an answer is before anybody gave it."""
    part = next(each for each in fields(section) if each.name == name)
    assert part.default is not MISSING, "every question starts unanswered"
    return part.default


def is_missing(question: Question, answer: object) -> bool:
    """Say whether a question that must be answered is not."""
    if question.kind is Kind.TICK:
        return answer is not True
    return answer in (None, "", ())


def is_empty_row(values: object) -> bool:
    """Say whether a row was left blank."""
    return all(part in (None, "", (), False) for part in vars(values).values())


def multiply(*factors: int | Decimal | None) -> Decimal | None:
    """Return the product, or None where a factor is not known."""
    product = Decimal(1)
    for factor in factors:
        if factor is None:
            return None
        product *= factor
    return product
