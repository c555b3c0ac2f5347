"""One way to write a value down, so that its digest is the same everywhere and always."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, TypeAlias

from allmende.domain.basics.sentences import Sentence

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"


def render_instant(at: datetime) -> str:
    """Return an instant in UTC with microseconds, always of the same length."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_instant(text: str) -> datetime:
    """Read back what `render_instant` wrote."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def to_json(value: Any) -> Json:
    """Return a value that JSON can hold; sets are sorted, dataclasses become objects."""
    if type(value) is str or type(value) is int:  # most of what is written, and no StrEnum
        return value
    if isinstance(value, Enum):
        return to_json(value.value)
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Sentence):
        return to_json(value.to_json())
    if is_dataclass(value):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(to_json(name)): to_json(item) for name, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((to_json(item) for item in value), key=render)
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    return _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, datetime):
        return render_instant(value)
    if isinstance(value, date):
        return value.isoformat()
    assert isinstance(value, Decimal), f"no canonical form for {type(value).__name__}"
    return str(value)


def render(value: Any) -> str:
    """Return the canonical JSON of a value: one line, sorted names, no spare spaces."""
    return json.dumps(
        to_json(value),
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
    )


def digest(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
