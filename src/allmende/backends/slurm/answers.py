"""Single values in Slurm's answers, which each of its versions writes in its own way."""

import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from allmende.domain.basics.refusals import Refusal

NEVER = frozenset({"", "Unknown", "None", "N/A", "(null)", "NONE", "0"})


class UnreadableAnswer(Refusal):
    """Slurm gave an answer that Allmende cannot read: {problem}. Report it, with the version of
    Slurm; nothing was booked or changed, and it is asked again at the next heartbeat."""

    status = 503


def new_separator() -> str:
    """Return what separates columns in one answer; nobody can have guessed it beforehand."""
    return f"<{secrets.token_hex(8)}>"


def read_table(text: str, *, first: str, second: str, columns: int) -> list[list[str]]:
    """Return the rows of a table with headings, the row of headings first.

    The headings show what separates the columns. Names and comments are written by users, who may
    put anything into them, line ends too: rows are told apart by counting separators, never by line
    ends, so whoever cannot guess the separator (see `new_separator`) can forge no row. The first
    and the last column must be ones that users do not write.
    """
    found = re.match(rf"\s*{first}(?P<separator>.+?){second}", text)
    if found is None:
        raise UnreadableAnswer(problem=f"the headings {first} and {second} are not there")
    pieces = text.strip("\n").split(found["separator"])
    step = columns - 1
    if (len(pieces) - 1) % step:
        raise UnreadableAnswer(problem=f"a row does not have {columns} columns")
    rows = []
    for at in range(0, len(pieces) - 1, step):
        row = pieces[at : at + columns]
        # One piece holds the end of a row and the beginning of the next one.
        row[0] = row[0].rpartition("\n")[2]
        row[-1] = row[-1].partition("\n")[0]
        rows.append([field.strip() for field in row])
    return rows


def parse_instant(value: Any) -> datetime | None:
    """Return the instant of an epoch second, or of Slurm's own format in UTC; None for never."""
    if isinstance(value, int | float | Mapping) or value is None:
        seconds = read_number(value)
        return datetime.fromtimestamp(seconds, UTC) if seconds else None
    if value in NEVER:
        return None
    if value.isdecimal():
        return datetime.fromtimestamp(int(value), UTC)
    return datetime.fromisoformat(value).replace(tzinfo=UTC)


def read_number(value: Any) -> int | None:
    """Return a number of a JSON answer; None where it is not set, or without an end.

    Since 23.02 many are objects: {"set": true, "infinite": false, "number": 5}.
    """
    if isinstance(value, Mapping):
        is_known = value.get("set", True) and not value.get("infinite", False)
        return read_number(value.get("number")) if is_known else None
    return None if value is None else int(value)


def read_state(value: Any) -> str:
    """Return the state in capitals: from "CANCELLED by 0", ["RUNNING", "CONFIGURING"], or text."""
    if isinstance(value, Mapping):
        return read_state(value.get("current", ""))
    if isinstance(value, Sequence) and not isinstance(value, str):
        # The first is the state, the others are flags on it.
        return read_state(value[0]) if value else ""
    return str(value).split(" ")[0].split("+")[0].upper()


def parse_exit_code(text: str) -> int | None:
    """Return the exit code from "code:signal", where a signal n is 128 + n as in a shell."""
    code, _, number = text.partition(":")
    if not code.isdecimal():
        return None
    return 128 + int(number) if number.isdecimal() and int(number) else int(code)


def read_exit_code(value: Any) -> int | None:
    """Return the exit code of a JSON answer: a wait status until 22.05, an object since then."""
    if not isinstance(value, Mapping):
        status = read_number(value)
        return None if status is None else (128 + status % 128 if status % 128 else status >> 8)
    ended_by = value.get("signal") or {}
    number = read_number(ended_by.get("id", ended_by.get("signal_id")))
    return 128 + number if number else read_number(value.get("return_code"))
