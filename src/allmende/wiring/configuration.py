"""Reads TOML into the domain's dataclasses; every mistake names file, line and key."""

import dataclasses
import difflib
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from allmende.domain.basics.refusals import Refusal

Value = TypeVar("Value")
Location = tuple[str | int, ...]
Range = tuple[int, int]
COUNTRY = re.compile("[A-Z]{2}")
LARGEST = 10**12  # more than anything that is configured


class ConfigurationMistake(Refusal):
    """{file}, line {line}, key "{key}": {problem}"""

    status = 500


class ConfigurationUnreadable(ConfigurationMistake):
    """{file}, line {line}: {problem}"""


class ConfigurationFile:
    """One TOML file, kept with its text so that mistakes can point into it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = ""
        try:
            self.text = path.read_text(encoding="utf-8")
            self.content: dict[str, Any] = tomllib.loads(self.text)
        except OSError as error:
            raise self.mistake((), f"cannot be read: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            raise self.mistake((), "this is no text in UTF-8.", line=line) from error
        except tomllib.TOMLDecodeError as error:
            told = re.search(r"line (\d+)", str(error))
            line = int(told[1]) if told else len(self.text.splitlines())  # "at end of document"
            raise self.mistake((), f"{error}.", line=line) from error

    def check_keys(self, row: Any, kind: Any, at: Location = ()) -> None:
        """Refuse a key that the dataclass does not have, at any depth."""
        if isinstance(row, list):
            for number, item in enumerate(row):
                self.check_keys(item, kind, (*at, number))
        if not isinstance(row, Mapping) or not dataclasses.is_dataclass(kind):
            return
        hints = get_type_hints(kind)
        for key, value in row.items():
            if key not in hints:
                close = difflib.get_close_matches(key, hints, n=1)
                hint = f'did you mean "{close[0]}"?' if close else f"known: {', '.join(hints)}."
                raise self.mistake((*at, key), f"is unknown here; {hint}")
            inner = next(iter(get_args(hints[key])), None)
            self.check_keys(value, inner, (*at, key))

    def build(self, row: Any, kind: type[Value], at: Location = ()) -> Value:
        """Return the row as a value of the dataclass, every type checked."""
        self.check_keys(row, kind, at)
        try:
            return TypeAdapter(kind).validate_python(row)
        except ValidationError as error:
            first = error.errors()[0]
            problem = first["msg"]
            if first["type"] != "missing":
                problem += f" (it is {first['input']!r})"
            raise self.mistake((*at, *first["loc"]), problem + ".") from error

    def check_ranges(self, value: Any, ranges: Mapping[str, Range], at: Location) -> None:
        """Refuse a number, alone or in a list, that is not in the range of its key."""
        for key, (least, most) in ranges.items():
            written = getattr(value, key)
            for number in written if isinstance(written, tuple) else (written,):
                # What is no number (NaN) lies in no range.
                if number is not None and not least <= number <= most:
                    problem = f"{float(number):g} is not between {least} and {most}."
                    raise self.mistake((*at, key), problem)

    def check_countries(self, codes: Iterable[str], at: Location) -> None:
        """Refuse what is no two-letter code: residency compares codes, and would let nothing in."""
        for code in codes:
            if not COUNTRY.fullmatch(code):
                raise self.mistake(at, f'"{code}" is no two-letter code such as DE.')

    def mistake(self, at: Location, problem: str, *, line: int = 0) -> ConfigurationMistake:
        """Return the refusal for something wrong at a place such as ("sites", 0, "name")."""
        key = next((str(part) for part in reversed(at) if isinstance(part, str)), "")
        kind = ConfigurationMistake if key else ConfigurationUnreadable
        return kind(file=self.path.name, line=line or self.line_of(at), key=key, problem=problem)

    def line_of(self, at: Location) -> int:
        """Return the line on which the value at a place is written, or the nearest above it."""
        places = dict(self._places())
        while at and at not in places:
            at = at[:-1]
        return places.get(at, 1)

    def _places(self) -> Iterator[tuple[Location, int]]:
        """Yield the place of every table and key with its line number, counted from 1."""
        counts: Counter[Location] = Counter()
        table: Location = ()
        for number, line in enumerate(self.text.splitlines(), start=1):
            if header := re.match(r"\s*(\[\[?)\s*([\w.-]+)\s*\]", line):
                table = ()
                *parents, last = header[2].split(".")
                for parent in parents:
                    table = (*table, parent)
                    if counts[table]:
                        table = (*table, counts[table] - 1)
                table = (*table, last)
                if header[1] == "[[":
                    counts[table] += 1
                    table = (*table, counts[table] - 1)
                yield table, number
            elif key := re.match(r"\s*([\w-]+)\s*=", line):
                yield (*table, key[1]), number
