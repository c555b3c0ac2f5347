"""Values to plain JSON and back, so that what a decision rests on can be kept whole."""

import hashlib
import json
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

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
    value: T = _read(kind, plain)
    return value


def render_canonical(value: Any) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces."""
    return json.dumps(
        to_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def hash_content(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON text, in hexadecimal digits."""
    return hashlib.sha256(render_canonical(value).encode()).hexdigest()


def _read(kind: Any, plain: Any) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return None if plain is None else _read(_only_part(kind), plain)
    if origin is tuple:
        return tuple(_read(get_args(kind)[0], part) for part in plain)
    if origin is frozenset:
        return frozenset(_read(get_args(kind)[0], part) for part in plain)
    if origin is not None:
        return {key: _read(get_args(kind)[1], part) for key, part in plain.items()}
    if kind is Sentence:
        return Sentence.from_json(plain)
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)
        names = [part.name for part in fields(kind) if part.name in plain]
        return kind(**{name: _read(hints[name], plain[name]) for name in names})
    if kind in (datetime, date):
        return kind.fromisoformat(plain)
    return kind(plain)


def _only_part(kind: Any) -> Any:
    parts = [part for part in get_args(kind) if part is not type(None)]
    assert len(parts) == 1, f"{kind} is optional and nothing else"
    return parts[0]
