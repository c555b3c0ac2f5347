"""What commands print: tables for people, one JSON document for programs."""

import json as json_format
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import IO, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from allmende.domain.basics.refusals import InvalidInput, Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.wiring import languages

# Every command that prints takes `json: AsJson = False` and hands it to `show`.
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def show(
    value: Any,
    *,
    json: bool = False,
    columns: Sequence[str] = (),
    empty: Sentence = Sentence("Nothing."),
) -> None:
    """Print a value: a sentence, a record, or a list of records.

    `columns` chooses and orders the fields of a table; programs always get every field.
    """
    if json:
        sys.stdout.write(to_json_text(value) + "\n")
    elif isinstance(value, str | Sentence):
        say(value)
    elif isinstance(value, Iterable) and not isinstance(value, Mapping):
        _print_table(list(value), columns=columns, empty=empty)
    else:
        _print_record(value, columns=columns)


def say(text: str | Sentence, *, style: str = "") -> None:
    """Print a sentence for people, in their language; in colour where it goes to a terminal."""
    _console().print(_text(text), style=style, markup=False, highlight=False, soft_wrap=True)


def write_new(file: Path, content: bytes) -> None:
    """Write a file that is not there yet; nothing is ever written over."""
    with new_file(file) as opened:
        opened.write(content)


@contextmanager
def new_file(file: Path) -> Iterator[IO[bytes]]:
    """Open a file that is not there yet; where writing it fails, it is gone again."""
    try:
        opened = file.open("xb")
    except FileExistsError as error:
        problem = Sentence("There is a file already.")
        raise InvalidInput(field=file.name, problem=problem) from error
    try:
        with opened:
            yield opened
    except BaseException:
        file.unlink(missing_ok=True)
        raise


def show_refusal(refusal: Refusal, *, json: bool) -> None:
    """Print why something was refused, to the error stream."""
    if json:
        error = {
            "code": refusal.code(),
            "sentence": languages.translate(refusal.sentence),
            "facts": to_json(refusal.facts),
        }
        sys.stderr.write(to_json_text({"error": error}) + "\n")
    else:
        text = languages.translate(refusal.sentence)
        Console(stderr=True).print(text, style="red", markup=False, highlight=False, soft_wrap=True)


def to_json_text(value: Any) -> str:
    """Return one JSON document, keys as they come, umlauts as they are."""
    return json_format.dumps(to_json(value), ensure_ascii=False, indent=2)


def to_json(value: Any) -> Any:
    """Return a value that JSON can hold; exact decimals and instants become text."""
    if isinstance(value, Sentence):
        return languages.translate(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(name): to_json(item) for name, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, frozenset | set):
        return sorted(to_json(item) for item in value)
    if isinstance(value, list | tuple) or (
        isinstance(value, Iterable) and not isinstance(value, str | bytes)
    ):
        return [to_json(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def _print_table(rows: list[Any], *, columns: Sequence[str], empty: Sentence) -> None:
    if not rows:
        say(empty)
        return
    names = list(columns) or list(_facts(rows[0]))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        table.add_column(_title(name), justify="right" if _is_number(rows[0], name) else "left")
    for row in rows:
        facts = _facts(row)
        table.add_row(*(_text(facts.get(name)) for name in names))
    _console().print(table, markup=False, highlight=False)


def _print_record(value: Any, *, columns: Sequence[str]) -> None:
    facts = _facts(value)
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column()
    for name in columns or facts:
        table.add_row(_title(name), _text(facts.get(name)))
    _console().print(table, markup=False, highlight=False)


def _facts(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return {"value": value}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Sentence):
        return languages.translate(value)
    if isinstance(value, bool):
        return languages.translate(Sentence("yes") if value else Sentence("no"))
    if isinstance(value, datetime):
        return languages.write_instant(value)
    if isinstance(value, Enum):
        return str(value.value).replace("_", " ")
    if isinstance(value, frozenset | set | tuple | list):
        return ", ".join(
            sorted(map(_text, value)) if isinstance(value, frozenset | set) else map(_text, value)
        )
    if is_dataclass(value) or isinstance(value, Mapping):
        return ", ".join(f"{_title(k)}: {_text(v)}" for k, v in _facts(value).items())
    return str(value)


def _title(name: str) -> str:
    return name.replace("_", " ")


def _is_number(row: Any, name: str) -> bool:
    value = _facts(row).get(name)
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _console() -> Console:
    # Made anew each time: a test, or a pipe, may have changed where the output goes.
    return Console(width=None if sys.stdout.isatty() else 200)
