"""What a sweep tries: values from a list, values drawn from a range, and which of them go on."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from allmende.domain.training.fields import Fields

ParamValue = str | int | float | bool
MOST_DRAWS = 64
DRAWS = 8  # when the file does not say how many


@dataclass(frozen=True, kw_only=True)
class Range:
    """Values between two ends, both allowed; on a logarithmic scale each decade weighs the same.

    Whole ends give whole numbers.
    """

    low: int | float
    high: int | float
    is_log: bool = False

    def at(self, share: float) -> int | float:
        """Return the value that lies at a share of the way, from 0 to 1."""
        low, high = (math.log(end) if self.is_log else end for end in (self.low, self.high))
        found = low + share * (high - low)
        found = math.exp(found) if self.is_log else found
        if isinstance(self.low, int) and isinstance(self.high, int):
            return min(self.high, max(self.low, round(found)))
        return min(float(self.high), max(float(self.low), float(f"{found:.6g}")))

    def to_json(self) -> dict[str, Any]:
        """Return the range as a job file says it."""
        return {"from": self.low, "to": self.high} | ({"scale": "log"} if self.is_log else {})


Choices = tuple[ParamValue, ...] | Range


@dataclass(frozen=True, kw_only=True)
class Halving:
    """Which jobs of a sweep go on: at each rung those among the best 1/keep that came so far.

    Rungs lie at `first` steps, and at `keep` times the one before. Each job is judged when it gets
    there, without waiting for others (asynchronous successive halving in its stopping form: Li et
    al. 2020, "A System for Massively Parallel Hyperparameter Tuning").
    """

    metric: str
    goal: str = "min"  # or "max"
    first: int  # steps
    keep: int = 3

    def to_json(self) -> dict[str, Any]:
        """Return the rule as a job file says it."""
        rule = {"metric": self.metric, "goal": self.goal, "first": self.first, "keep": self.keep}
        return dict(rule)


def read_sweep(top: Fields) -> dict[str, Any]:
    """Return what a job file says about its sweep, noting every mistake."""
    section = top.section("sweep")
    sweep: dict[str, Choices] = {}
    for name, value in section.values.items():
        if isinstance(value, Mapping):
            sweep[name] = _range(section.section(name))
        else:
            sweep[name] = _values(section, name)
    draws = top.whole("draws", 0, most=MOST_DRAWS)
    has_range = any(isinstance(choices, Range) for choices in sweep.values())
    if top.has("draws") and not has_range:
        top.find("draws", "{key} belongs to a sweep over a range: give a parameter from and to.")
    seed = top.whole("sweep_seed", 0, least=0)
    return {
        "sweep": sweep,
        "draws": (draws or DRAWS) if has_range else 0,
        "sweep_seed": seed if has_range else 0,
        "halving": _halving(top),
    }


def write_sweep(
    sweep: Mapping[str, Choices], draws: int, seed: int, halving: Halving | None
) -> dict[str, Any]:
    """Return the keys of a job file that `read_sweep` reads back."""
    result: dict[str, Any] = {
        "sweep": {
            name: choices.to_json() if isinstance(choices, Range) else list(choices)
            for name, choices in sweep.items()
        }
    }
    if draws:
        result |= {"draws": draws, "sweep_seed": seed}
    return result | ({"halving": halving.to_json()} if halving else {})


def _values(section: Fields, name: str) -> tuple[ParamValue, ...]:
    values = section.items(name)
    if isinstance(section.values[name], str | int | float):
        return ()  # it was said already that this is no list
    if not values or not all(isinstance(value, str | int | float | bool) for value in values):
        section.find(name, "{key} takes a list of values to try, for example [8, 16, 32].")
    elif len({repr(value) for value in values}) < len(values):
        section.find(name, "{key} names a value twice. Name each value once.")
    return tuple(values)


def _range(section: Fields) -> Range:
    ends = [section.number(key) for key in ("from", "to")]
    is_log = section.choice("scale", ("linear", "log"), "linear") == "log"
    section.finish()
    low, high = ends
    if low is None or high is None:
        return Range(low=0, high=1)
    if not low < high:
        section.find("to", "{key} is {high}, which is not above {low}.", high=high, low=low)
    elif is_log and low <= 0:
        section.find("from", "{key} is {low}; on a logarithmic scale it is above zero.", low=low)
    else:
        return Range(low=low, high=high, is_log=is_log)
    return Range(low=0, high=1)


def _halving(top: Fields) -> Halving | None:
    section = top.section("halving")
    if not top.has("halving"):
        return None
    for key in ("metric", "first"):
        section.require(key)
    rule = Halving(
        metric=section.text("metric"),
        goal=section.choice("goal", ("min", "max"), "min"),
        first=section.whole("first", 1),
        keep=section.whole("keep", 3, least=2, most=16),
    )
    section.finish()
    return rule
