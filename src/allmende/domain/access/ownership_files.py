"""An ownership graph as people write it in a file: each mistake is refused with its place."""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from allmende.domain.access.firms import OwnershipGraph
from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.basics.sentences import Sentence

WHOLE_FILE = "file"


def read_graph(plain: object) -> OwnershipGraph:
    """Return the graph that JSON or TOML holds; `InvalidInput` names the place of a mistake."""
    graph: OwnershipGraph = _read(OwnershipGraph, plain, "")
    return graph


def _read(kind: Any, value: object, at: str) -> Any:
    if isinstance(kind, UnionType):
        inner = next(part for part in get_args(kind) if part is not type(None))
        return None if value is None else _read(inner, value, at)
    if get_origin(kind) is tuple:
        if not isinstance(value, list | tuple):
            raise _wrong(at, Sentence("give a list."))
        part = get_args(kind)[0]
        return tuple(_read(part, each, f"{at}[{place}]") for place, each in enumerate(value))
    if is_dataclass(kind):
        return _read_record(kind, value, at)
    return _read_value(kind, value, at)


def _read_record(kind: Any, value: object, at: str) -> Any:
    if not isinstance(value, Mapping):
        raise _wrong(at, Sentence("give names with values."))
    hints = get_type_hints(kind)
    for name in value:
        if name not in hints:
            known = {"name": str(name), "known": ", ".join(hints)}
            raise _wrong(at, Sentence("there is no {name}; there is: {known}.", known))
    for part in fields(kind):
        if part.name not in value and part.default is MISSING:
            raise _wrong(at, Sentence("{name} is missing.", {"name": part.name}))
    known_parts = {
        name: _read(hints[name], part, f"{at}.{name}".lstrip(".")) for name, part in value.items()
    }
    try:
        return kind(**known_parts)
    except InvalidInput as refusal:
        raise _wrong(at, refusal.facts["problem"]) from refusal


def _read_value(kind: Any, value: object, at: str) -> Any:
    if kind is Decimal and isinstance(value, int | float | str | Decimal):
        try:
            return Decimal(str(value))
        except InvalidOperation as error:
            raise _wrong(at, Sentence("give a number such as 11.25.")) from error
    if kind is date:
        try:
            return value if isinstance(value, date) else date.fromisoformat(str(value))
        except ValueError as error:
            raise _wrong(at, Sentence("give a day such as 2025-12-31.")) from error
    if issubclass(kind, StrEnum) and value in list(kind):
        return kind(value)
    if type(value) is kind:  # True is no whole number here, and 2.0 neither
        return value
    raise _wrong(at, _wanted(kind))


def _wanted(kind: Any) -> Sentence:
    if issubclass(kind, StrEnum):
        return Sentence("choose one of: {choices}.", {"choices": ", ".join(kind)})
    return {
        int: Sentence("give a whole number."),
        bool: Sentence("give true or false."),
        str: Sentence("give a text."),
        Decimal: Sentence("give a number such as 11.25."),
    }[kind]


def _wrong(at: str, problem: Sentence) -> InvalidInput:
    return InvalidInput(field=at or WHOLE_FILE, problem=problem)
