"""When a job may start, as its file says: after others, beside how many, and how flexibly."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from allmende.domain.basics.refusals import Refusal
from allmende.domain.training.fields import (
    LONGEST_SECONDS,
    Fields,
    parse_duration,
    render_duration,
)

MOST_NAMES = 64
LONGEST_NAME = 100
LONGEST_WAIT_DAYS = 30
YEARS = range(2000, 2200)
RANGE = re.compile(r"(\d{1,6})-(\d{1,6})(?:%(\d{1,6}))?", re.ASCII)
MOST_PARALLEL = 999_999  # the most that an array itself can say
TASK = re.compile(r"(\d{1,6})/(\d{1,6})", re.ASCII)


class WaitsTooLong(Refusal):
    """A job waits by choice for {most} days at most; when.flexible_until lies further ahead."""

    status = 422


@dataclass(frozen=True)
class Array:
    """The indices from `first` to `last`, both included, of an array of `count` tasks."""

    first: int
    last: int
    count: int

    @property
    def tasks(self) -> int:
        """Return how many jobs it stands for."""
        return self.last - self.first + 1

    def task(self, index: int) -> "Array":
        """Return one task alone; it remembers how many there are."""
        return Array(index, index, self.count)

    def render(self) -> str:
        """Return it as job files have it: 1-20, or 7/20 for a task alone."""
        if self.tasks == 1:
            return f"{self.first}/{self.count}"
        return f"{self.first}-{self.last}"


def parse_array(text: str) -> tuple[Array, int] | None:
    """Read 1-20, 1-20%4 or 7/20; return the array and how many may run at once, 0 for all."""
    if found := RANGE.fullmatch(text):
        first, last, parallel = int(found[1]), int(found[2]), found[3]
        if first <= last and parallel != "0":
            return Array(first, last, last - first + 1), int(parallel or 0)
    elif (found := TASK.fullmatch(text)) and int(found[2]) > 0:
        return Array(int(found[1]), int(found[1]), int(found[2])), 0
    return None


def read_conditions(top: Fields) -> dict[str, Any]:
    """Return what a job file says about the start, noting every mistake."""
    array, parallel = _array(top)
    when = top.section("when")
    result = {
        "after": _names(top, "after"),
        "after_ok": _names(top, "after_ok"),
        "array": array,
        "max_parallel": top.whole("max_parallel", 0, most=MOST_PARALLEL) or parallel,
        "flexible_until": _until(when),
        "deadline": _deadline(when),
    }
    when.finish()
    sweep = top.values.get("sweep")  # read by others; an empty one is none
    if parallel and top.has("max_parallel"):
        top.find("max_parallel", "{key} is also in array, after the %. Keep one of the two.")
    if top.has("reservation") and when.has("flexible_until"):
        when.find(
            "flexible_until",
            "{key} waits for better hours, and a reservation has its own time. Keep one of "
            "the two.",
        )
    if top.has("reservation") and when.has("deadline"):
        when.find("deadline", "{key}: a reservation has its own time. Keep one of the two.")
    if top.has("max_parallel") and not (sweep or top.has("array")):
        top.find("max_parallel", "{key} belongs to several jobs: add sweep or array.")
    if array and sweep:
        top.find("array", "{key}: a sweep numbers its jobs itself. Leave out array or sweep.")
    elif array and top.has("blueprint"):
        top.find("array", "{key}: a blueprint does not read the index. Use sweep, or run.")
    return result


def read_until(text: str, *, now: datetime, zone: tzinfo) -> datetime:
    """Return the instant that `flexible_until` means: from now on, or on the clocks of a zone.

    Refuses what lies more than thirty days ahead.
    """
    until = read_instant(text, now=now, zone=zone)
    if until - now > timedelta(days=LONGEST_WAIT_DAYS):
        raise WaitsTooLong(most=LONGEST_WAIT_DAYS)
    return until


def read_instant(text: str, *, now: datetime, zone: tzinfo) -> datetime:
    """Return the instant that a duration from now on means, or an instant on a zone's clocks."""
    seconds = parse_duration(text)
    if seconds is not None:
        return now + timedelta(seconds=min(seconds, LONGEST_SECONDS))
    instant = datetime.fromisoformat(text)
    at = instant if instant.tzinfo else instant.replace(tzinfo=zone)
    return at.astimezone(now.tzinfo)


def _array(top: Fields) -> tuple[Array | None, int]:
    value = top.get("array")
    if value is None:
        return None, 0
    found = parse_array(value) if isinstance(value, str) else None
    if found is None:
        top.find(
            "array",
            "{key}: {value} is no range of indices. Write for example 1-20, or 1-20%4 for at most "
            "4 at once.",
            value=str(value)[:60],
        )
        return None, 0
    return found


def _names(top: Fields, key: str) -> tuple[str, ...]:
    names = top.items(key)
    if not all(isinstance(name, str) and 0 < len(name) <= LONGEST_NAME for name in names):
        top.find(key, "{key} takes a list of jobs: their ids, or the keys you submitted them with.")
        return ()
    if len(names) > MOST_NAMES:
        top.find(key, "{key} names {count} jobs; the most is {most}.",
                 count=len(names), most=MOST_NAMES)  # fmt: skip
    return tuple(dict.fromkeys(names))


def _until(when: Fields) -> str:
    text, time = _time(when.get("flexible_until"))
    if text and not time:
        when.find(
            "flexible_until",
            "{key}: {value} is no time. Write how long it may wait, such as 12h, or until when, "
            "such as 2026-12-01T08:00.",
            value=text[:60],
        )
    return time


def _deadline(when: Fields) -> str:
    text, time = _time(when.get("deadline"))
    if text and not time:
        when.find(
            "deadline",
            "{key}: {value} is no time. Write by when it must have ended, such as "
            "2026-12-01T08:00, or in how long, such as 2d.",
            value=text[:60],
        )
    return time


def _time(value: object) -> tuple[str, str]:
    """Return what was written, and the duration or instant that it means; "" if it is none."""
    if value is None:
        return "", ""
    text = str(value) or " "
    seconds = parse_duration(text)
    if seconds:
        return text, render_duration(seconds)
    instant = _instant(text)
    return text, instant.isoformat() if instant else ""


def _instant(text: str) -> datetime | None:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if instant.year in YEARS and ":" in text else None
