"""Reads answers: typed values, or text as web forms and the command line give it."""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from allmende.domain.access.questions import (
    ROWS_MOST,
    Kind,
    Question,
    default_of,
    is_empty_row,
)
from allmende.domain.basics.characters import count_characters, find_unseen, tidy
from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import TooManyHours, seconds_from_hours

# Marks on letters are no characters of their own, but so many of them are no text either.
SIGNS_PER_CHARACTER = 8
DECIMAL_PLACES = 6
WORDS_OF_BOOL = {"true": True, "yes": True, "on": True, "1": True} | {
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


def read_answer(question: Question, value: object, *, section: type[Any]) -> Any:
    """Return the value as its question keeps it; `InvalidInput` names the question."""
    is_text = question.kind in (Kind.LINE, Kind.TEXT, Kind.COUNTRY)
    if value is None or (value == "" and not is_text):
        return default_of(section, question.name)
    return READERS[question.kind](question, value)


def read_hours(value: object, *, field: str = "requested_hours") -> int | None:
    """Return the seconds of a number of hours as people write it; None where nothing is written."""
    if value in (None, ""):
        return None
    try:
        hours = Decimal(str(value).replace(",", "."))
        return seconds_from_hours(hours)
    except TooManyHours as refusal:
        raise InvalidInput(field=field, problem=refusal.sentence) from refusal
    except (InvalidOperation, ValueError) as error:
        raise InvalidInput(field=field, problem=Sentence("Give a number such as 2.5.")) from error


def _refuse(question: Question, template: Sentence) -> InvalidInput:
    return InvalidInput(field=question.name, problem=template)


def _read_text(question: Question, value: object) -> str:
    text = tidy(str(value))
    unseen = find_unseen(text, is_line=question.kind is not Kind.TEXT)
    if unseen is not None:
        place, code = unseen
        before = text[max(0, place - 20) : place]
        facts = {"code": code, "before": before.splitlines()[-1] if before.strip() else "…"}
        problem = Sentence(
            "There is a character that nobody sees ({code}) after “{before}”. Delete it there, or"
            " type the words anew.",
            facts,
        )
        raise _refuse(question, problem)
    length = count_characters(text)
    if length > question.length or len(text) > question.length * SIGNS_PER_CHARACTER:
        counts = {"length": question.length, "written": length}
        problem = Sentence("Use at most {length} characters; there are {written}.", counts)
        raise _refuse(question, problem)
    return text


def _read_country(question: Question, value: object) -> str:
    code = str(value).strip().upper()
    if code and not (len(code) == 2 and code.isascii() and code.isalpha()):
        raise _refuse(question, Sentence("Give a country by its code of two letters, such as FR."))
    return code


def _read_number(question: Question, value: object) -> Decimal:
    """Return a number within the limits of its question."""
    try:
        number = Decimal(str(value).strip().replace(",", "."))
        is_small_enough = abs(number) <= question.most
    except InvalidOperation as error:
        raise _refuse(question, _ask_for_number(question)) from error
    if not is_small_enough:
        most = {"most": question.most}
        raise _refuse(question, Sentence("Give a number up to {most}.", most))
    if number < question.least:
        least = {"least": question.least}
        raise _refuse(question, Sentence("Give a number from {least} on.", least))
    return number


def _ask_for_number(question: Question) -> Sentence:
    if question.kind is Kind.DECIMAL:
        return Sentence("Give a number such as 2.5.")
    return Sentence("Give a whole number.")


def _read_whole(question: Question, value: object) -> int:
    number = _read_number(question, value)
    if number != int(number):
        raise _refuse(question, Sentence("Give a whole number."))
    return int(number)


def _read_decimal(question: Question, value: object) -> Decimal:
    return round(_read_number(question, value), DECIMAL_PLACES).normalize()


def _read_bool(question: Question, value: object) -> bool:
    word = str(value).strip().lower()
    if word not in WORDS_OF_BOOL:
        raise _refuse(question, Sentence("Answer yes or no."))
    return WORDS_OF_BOOL[word]


def _read_choice(question: Question, value: object) -> Any:
    assert question.options is not None, "a choice has options"
    try:
        return question.options(str(value))
    except ValueError as error:
        choices = {"choices": ", ".join(question.options)}
        raise _refuse(question, Sentence("Choose one of: {choices}.", choices)) from error


def _read_many(question: Question, value: object) -> tuple[Any, ...]:
    chosen = {_read_choice(question, each) for each in _split(question, value)}
    assert question.options is not None, "a choice has options"
    return tuple(each for each in question.options if each in chosen)


def _read_codes(question: Question, value: object) -> tuple[str, ...]:
    return tuple(str(each).upper() for each in _split(question, value))


def _split(question: Question, value: object) -> list[object]:
    parts = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        problem = (
            Sentence("Give codes such as FR, NL.")
            if question.kind is Kind.CODES
            else Sentence("Give a list, such as one, two.")
        )
        raise _refuse(question, problem)
    return list(parts)


def _read_rows(question: Question, value: object) -> tuple[Any, ...]:
    given = _parse_rows(question, value)
    if len(given) > ROWS_MOST:
        raise _refuse(question, Sentence("Give at most {most} rows.", {"most": ROWS_MOST}))
    rows = [_read_row(question, row, number) for number, row in enumerate(given, start=1)]
    return tuple(row for row in rows if not is_empty_row(row))


def _parse_rows(question: Question, value: object) -> list[Mapping[str, object]]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = None
    if not isinstance(value, list | tuple) or not all(isinstance(row, Mapping) for row in value):
        names = ", ".join(column.name for column in question.columns)
        problem = Sentence("Give a list of rows, each with keys of: {names}.", {"names": names})
        raise _refuse(question, problem)
    return list(value)


def _read_row(question: Question, given: Mapping[str, object], number: int) -> Any:
    assert question.row is not None, "rows have a dataclass"
    columns = {column.name: column for column in question.columns}
    values: dict[str, Any] = {}
    try:
        for name, value in given.items():
            if name not in columns:
                raise InvalidInput(field=name, problem=Sentence("There is no such question."))
            values[name] = read_answer(columns[name], value, section=question.row)
    except InvalidInput as refusal:
        facts = {"row": number, **refusal.facts}
        if facts["field"] in columns:
            facts["field"] = Sentence(columns[str(facts["field"])].label)
        raise _refuse(question, Sentence("Row {row}, {field}: {problem}", facts)) from refusal
    return question.row(**values)


READERS: Mapping[Kind, Callable[[Question, Any], Any]] = {
    Kind.LINE: _read_text,
    Kind.TEXT: _read_text,
    Kind.COUNTRY: _read_country,
    Kind.WHOLE: _read_whole,
    Kind.HOURS: _read_whole,
    Kind.EUROS: _read_whole,
    Kind.MONTHS: _read_whole,
    Kind.DECIMAL: _read_decimal,
    Kind.YES_NO: _read_bool,
    Kind.TICK: _read_bool,
    Kind.CHOICE: _read_choice,
    Kind.MANY: _read_many,
    Kind.CODES: _read_codes,
    Kind.ROWS: _read_rows,
}
