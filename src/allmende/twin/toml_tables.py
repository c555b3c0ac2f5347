"""Tables of scenarios and of files beside them: their keys and their numbers."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any


def check_table(name: str, table: Any, keys: Collection[str]) -> None:
    """Raise `ValueError` with what is wrong: no table, or a key that nobody knows."""
    if not isinstance(table, Mapping):
        raise ValueError(f"{name} must be written as [{name}]")
    check_keys(name, table, keys)


def check_keys(name: str, table: Mapping[str, Any], keys: Collection[str]) -> None:
    """Raise `ValueError` for a key that nobody knows."""
    unknown = [key for key in table if key not in keys]
    if unknown:
        close = get_close_matches(unknown[0], keys, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise ValueError(f"{name} has an unknown key {unknown[0]}{hint}")


def read_number(table: Mapping[str, Any], name: str, least: float, most: float) -> float:
    """Return a number of a table; `ValueError` when it is none, or out of bounds."""
    value = table.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ValueError(f"{name} must be a number between {least} and {most}")
    return float(value)
