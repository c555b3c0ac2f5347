"""Values to plain JSON and back, so that what a decision rests on can be kept whole."""

import hashlib
import json
import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from allmende.domain.basics.rules import RuleValue, exact
from allmende.domain.basics.sentences import Sentence

T = TypeVar("T")


def to_plain(value: Any) -> Any:
    """Return the value as dictionaries, lists, texts and numbers that JSON can hold."""
    if isinstance(value, Sentence):
        return value.to_json()
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {part.name: to_plain(getattr(value, part.name)) for part in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(part) for key, part in value.items()}
    if isinstance(value, frozenset):
        return sorted(to_plain(part) for part in value)
    if isinstance(value, tuple | list):
        return [to_plain(part) for part in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    assert value is None or isinstance(value, str | int | bool), f"{value!r} has no plain form"
    return value


def from_plain(kind: type[T], plain: Any) -> T:
    """Return the value of that type which `to_plain` wrote."""
    read: Reader = _reader_of(kind)  # type: ignore[arg-type]
    value: T = read(plain)
    return value


def render_canonical(value: Any) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces."""
    return _render(to_plain(value))


def hash_content(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON text, in hexadecimal digits."""
    return hash_plain(to_plain(value))


def hash_plain(plain: Any) -> str:
    """Return the hash of what is plain already, such as a document out of the database."""
    return hashlib.sha256(_render(plain).encode()).hexdigest()


def _render(plain: Any) -> str:
    return json.dumps(
        plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


Reader = Callable[[Any], Any]


@cache
def _reader_of(kind: Any) -> Reader:
    """Return what reads values of a type; made once, because lists read the same type often."""
    if kind == RuleValue:
        return exact
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        part = _reader_of(_only_part(kind))
        return lambda plain: None if plain is None else part(plain)
    if origin in (tuple, frozenset):
        part = _reader_of(get_args(kind)[0])
        return lambda plain: origin(map(part, plain))
    if origin is not None:
        part = _reader_of(get_args(kind)[1])
        return lambda plain: {key: part(value) for key, value in plain.items()}
    if kind is Sentence:
        return Sentence.from_json
    if isinstance(kind, type) and is_dataclass(kind):
        return _reader_of_record(kind)
    return kind.fromisoformat if kind in (datetime, date) else kind  # type: ignore[no-any-return]


def _reader_of_record(kind: Any) -> Reader:
    hints = get_type_hints(kind)
    parts = {part.name: _reader_of(hints[part.name]) for part in fields(kind)}
    # What is not written takes its default: it was added since.
    return lambda plain: kind(
        **{name: read(plain[name]) for name, read in parts.items() if name in plain}
    )


def _only_part(kind: Any) -> Any:
    parts = [part for part in get_args(kind) if part is not type(None)]
    assert len(parts) == 1, f"{kind} is optional and nothing else"
    return parts[0]
