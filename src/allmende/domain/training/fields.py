"""Reads a mapping that a person wrote, key by key, and collects every mistake instead of one."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from types import MappingProxyType
from typing import Any

from allmende.domain.basics.sentences import Sentence

SECONDS_PER = {"s": 1, "m": 60, "h": 3600, "d": 86400}
BYTES_PER = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
# The digits are bounded, for Python itself reads no number of thousands of them.
DURATION = re.compile(r"([0-9]{1,15}[dhms])+")
LONGEST_SECONDS = 10 * 365 * 86_400  # more than anybody means, and less than a database holds
DEEPEST = 20  # lists and mappings in each other; no file that is read here needs more than four
UNSTORABLE = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True)
class Finding:
    """One mistake: the key where it is, and what to do about it."""

    key: str
    sentence: Sentence


def is_plain(value: object) -> bool:
    """Say whether every text in a value can be stored: no NUL, no half of a character."""
    if isinstance(value, str):
        return not UNSTORABLE.search(value)
    if isinstance(value, Mapping):
        return all(is_plain(part) for pair in value.items() for part in pair)
    if isinstance(value, list | tuple):
        return all(is_plain(item) for item in value)
    return True


def is_deep(value: object, most: int = DEEPEST) -> bool:
    """Say whether a value has more lists and mappings in each other than `most`."""
    below = value.values() if isinstance(value, Mapping) else value
    if not isinstance(below, Iterable) or isinstance(below, str | bytes):
        return False
    return most == 0 or any(is_deep(each, most - 1) for each in below)


class Fields:
    """A mapping while it is read: what is never asked for is unknown, and said to be so."""

    def __init__(
        self,
        values: Mapping[Any, Any],
        *,
        findings: list[Finding],
        path: str = "",
        habits: Mapping[str, str] = MappingProxyType({}),
    ):
        """`habits`: words that mean a key elsewhere, each with the path of the key here."""
        self.values = {_key(key): value for key, value in values.items()}
        self.findings = findings
        self.path = path
        self.habits = habits
        self.asked: list[str] = []

    def has(self, key: str) -> bool:
        """Say whether the key is there and not empty."""
        return self.values.get(key) is not None

    def find(self, key: str, template: str, **facts: Any) -> None:
        """Note a mistake; the template may use {key}."""
        place = self.path + key
        self.findings.append(Finding(place, Sentence(template, {"key": place, **facts})))

    def get(self, key: str) -> Any:
        """Return the raw value, or None."""
        self.asked.append(key)
        return self.values.get(key)

    def require(self, key: str) -> None:
        """Note that the key is missing, if it is."""
        if not self.has(key):
            self.find(key, "{key} is missing.")

    def text(self, key: str, default: str = "") -> str:
        """Return a text."""
        value = self.get(key)
        if value is None:
            return default
        if isinstance(value, list | tuple):
            self.find(
                key,
                "{key} takes a text, not a list. For several lines write {key}: | and begin each "
                "line below it with two spaces.",
            )
            return default
        if not isinstance(value, str) or not value.strip():
            self.find(key, "{key}: {value} is no text. Put it in quotes.", value=show(value))
            return default
        return value

    def choice(self, key: str, choices: Iterable[str], default: str) -> str:
        """Return one of the choices."""
        value, allowed = self.text(key, default), list(choices)
        if value in allowed:
            return value
        self.find(
            key,
            "{key}: there is no {value}. {hint}",
            value=value,
            hint=did_you_mean(value, allowed),
        )
        return default

    def whole(self, key: str, default: int, *, least: int = 1, most: int | None = None) -> int:
        """Return a whole number from `least` to `most`, both allowed."""
        value = self.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int):
            self.find(key, "{key}: {value} is no whole number.", value=show(value))
            return default
        if value < least:
            self.find(key, "{key} is {value}; the least is {least}.", value=value, least=least)
            return default
        if most is not None and value > most:
            self.find(key, "{key} is {value}; the most is {most}.", value=value, most=most)
            return default
        return value

    def number(self, key: str) -> int | float | None:
        """Return a number, or None where there is none; a missing one is a mistake."""
        self.require(key)
        value = self.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            self.find(key, "{key}: {value} is no number.", value=show(value))
            return None
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.find(key, "{key}: write true or false, not {value}.", value=show(value))
            return default
        return value

    def duration(self, key: str, default: int | None) -> int | None:
        """Return seconds from a text such as 90s, 30m, 6h, 2d or 1h30m."""
        value = self.get(key)
        if value is None:
            return default
        seconds = parse_duration(value) if isinstance(value, str) else None
        if seconds and seconds <= LONGEST_SECONDS:
            return seconds
        if seconds:
            most = render_duration(LONGEST_SECONDS)
            self.find(
                key, "{key}: {value} is too long; the most is {most}.", value=show(value), most=most
            )
        elif seconds == 0:
            self.find(key, "{key}: a duration is longer than nothing; write for example 30m.")
        else:
            self.find(
                key,
                "{key}: {value} is no duration. Write a number with its unit, "
                "s, m, h or d: for example 90s, 30m or 1h30m.",
                value=show(value),
            )
        return default

    def section(self, key: str) -> "Fields":
        """Return the fields below a key; an empty section when it is missing."""
        return self._below(self.mapping(key), f"{key}.")

    def mapping(self, key: str) -> Mapping[str, Any]:
        """Return a mapping with keys of our own choosing."""
        value = self.get(key)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.find(key, "{key} takes keys and values, not {value}.", value=show(value))
            return {}
        return {_key(name): item for name, item in value.items()}

    def sections(self, key: str) -> "list[Fields]":
        """Return the fields of each item of a list."""
        result = []
        for number, item in enumerate(self.items(key)):
            if isinstance(item, Mapping):
                result.append(self._below(item, f"{key}[{number}]."))
            else:
                self.find(
                    f"{key}[{number}]",
                    "{key} takes keys and values, not {value}.",
                    value=show(item),
                )
        return result

    def items(self, key: str) -> list[Any]:
        """Return a list."""
        value = self.get(key)
        if value is None:
            return []
        if not isinstance(value, list | tuple):
            self.find(key, "{key} takes a list, not {value}.", value=show(value))
            return []
        return list(value)

    def finish(self) -> None:
        """Note every key that was never asked for, with the key that was probably meant."""
        for key in self.values:
            if key not in self.asked:
                meant = self.habits.get(key.lower().replace("-", "_"))
                if meant:
                    meant = meant.removeprefix(re.sub(r"\[\d+\]", "[]", self.path))
                hint = did_you_mean(meant or key, [meant] if meant else self.asked)
                self.find(key, "{key}: there is no such key. {hint}", hint=hint)

    def _below(self, values: Mapping[Any, Any], path: str) -> "Fields":
        return Fields(values, findings=self.findings, path=self.path + path, habits=self.habits)


def did_you_mean(word: str, known: Iterable[str]) -> Sentence:
    """Return the nearest known word as a question, or all known words, if there are any."""
    words = list(dict.fromkeys(known))
    if not words:
        return Sentence("There are none yet.")
    close = difflib.get_close_matches(word.lower(), words, n=1)
    if close:
        return Sentence("Did you mean {suggestion}?", {"suggestion": close[0]})
    return Sentence("Known are: {known}.", {"known": ", ".join(words)})


def parse_duration(text: str) -> int | None:
    """Return the seconds of a text such as 1h30m, or None when it is no duration."""
    if not DURATION.fullmatch(text):
        return None
    return sum(int(part[:-1]) * SECONDS_PER[part[-1]] for part in re.findall(r"[0-9]+[dhms]", text))


def render_duration(seconds: int) -> str:
    """Return a duration as people write it: 5400 becomes 1h30m."""
    text = ""
    for unit in ("d", "h", "m", "s"):
        count, seconds = divmod(seconds, SECONDS_PER[unit])
        text += f"{count}{unit}" if count else ""
    return text


def render_memory(amount_bytes: int) -> str:
    """Return an amount of memory in the largest unit that leaves no fraction."""
    for unit in ("T", "G", "M"):
        if amount_bytes % BYTES_PER[unit] == 0:
            return f"{amount_bytes // BYTES_PER[unit]}{unit}"
    return f"{amount_bytes // BYTES_PER['K']}K"


def join(findings: Iterable[Finding]) -> Sentence:
    """Return all mistakes as one sentence, in the order in which they were found."""
    sentences = [finding.sentence for finding in findings]
    joined = sentences[0]
    for sentence in sentences[1:]:
        joined = Sentence("{first} {rest}", {"first": joined, "rest": sentence})
    return joined


def _key(key: object) -> str:
    # YAML 1.1 reads the bare word `on` as true.
    return "on" if key is True else str(key)


def render_value(value: object) -> str:
    """Return a plain value as a job file writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def show(value: object) -> str:
    """Return a wrong value as a mistake shows it: not too long."""
    text = render_value(value)
    return text if len(text) <= 60 else text[:57] + "..."
