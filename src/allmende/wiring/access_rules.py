"""Reads config/rules/*.toml, modes.toml and calls.toml: everything that decides on access."""

import dataclasses
import itertools
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any

from allmende.domain.access.calls import (
    AccessRules,
    Call,
    CallBeyondMode,
    check_call_within_mode,
    needs_cut_offs,
)
from allmende.domain.access.modes import AccessMode, Modes, Price, Selection
from allmende.domain.access.review_plans import SCORE_MAX, ReviewPlan
from allmende.domain.access.working_days import BERLIN
from allmende.domain.basics.rules import Rule, RuleBook
from allmende.domain.basics.sites import Factory
from allmende.domain.basics.units import TooManyHours, seconds_from_hours
from allmende.wiring import home
from allmende.wiring.configuration import LARGEST, ConfigurationFile, Location
from allmende.wiring.factory import load_factory

# People write hours; the domain counts seconds.
HOURS = {
    "size_min_hours": "size_min_seconds",
    "size_above_hours": "size_min_seconds",
    "size_max_hours": "size_max_seconds",
    "contingent_hours": "contingent_seconds",
}

MODE_RANGES = {"durations_months": (1, 1200), "decision_working_days": (0, LARGEST)}
REVIEW_RANGES = {
    "reviews_per_application": (1, 20),
    "assessment_working_days": (0, LARGEST),
    "review_working_days": (0, LARGEST),
    "panel_working_days": (0, LARGEST),
    "rebuttal_working_days": (0, LARGEST),
}
CRITERION_RANGES = {"weight": (1, 100), "threshold": (0, SCORE_MAX)}
CALL_RANGES = {**MODE_RANGES, "price_cents_per_hour": (0, LARGEST)}


@cache
def load_access_rules(folder: Path | None = None) -> AccessRules:
    """Return rules, modes and calls of a folder; `ConfigurationMistake` if one is invalid."""
    folder = folder or home.config_folder()
    rules: list[Rule] = []
    for path in sorted((folder / "rules").glob("*.toml")):
        rules += _read_rules(ConfigurationFile(path), rules)
    modes = _read_modes(ConfigurationFile(folder / "modes.toml"))
    factory = load_factory(folder / "factory.toml")
    calls = _read_calls(ConfigurationFile(folder / "calls.toml"), modes, factory)
    return AccessRules(
        book=RuleBook(tuple(rules)),
        modes=modes,
        calls=calls,
        partitions=factory.partitions,
        authority=factory.operator,
    )


def _read_rules(file: ConfigurationFile, earlier: Iterable[Rule]) -> list[Rule]:
    rules = list(earlier)
    known = len(rules)
    for number, row in enumerate(_rows(file, "rules")):
        at: Location = ("rules", number)
        value = row.get("value")
        if isinstance(value, float):
            raise file.mistake((*at, "value"), f'write "{value}" in quotes: floats are not exact.')
        rule = file.build({**row, "value": _exact(value)}, Rule, at)
        for other in rules:
            if _overlap(rule, other):
                raise file.mistake((*at, "rule"), f"{rule.rule} has another row for the same days.")
        rules.append(rule)
    return rules[known:]


def _exact(value: Any) -> Any:
    """Return numbers, written as such or in quotes, as exact decimals."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return value
    try:
        number = Decimal(value)
    except InvalidOperation:
        return value
    return number if number.is_finite() else value


def _overlap(one: Rule, other: Rule) -> bool:
    if (one.rule, one.applies_if, one.status) != (other.rule, other.applies_if, other.status):
        return False
    return one.valid_from < (other.valid_to or date.max) and other.valid_from < (
        one.valid_to or date.max
    )


def _read_modes(file: ConfigurationFile) -> Modes:
    modes = [
        _build_with_hours(file, row, AccessMode, ("modes", number))
        for number, row in enumerate(_rows(file, "modes"))
    ]
    for number, mode in enumerate(modes):
        at = ("modes", number)
        _check_names(file, mode.names, (*at, "names"))
        _check_names(file, mode.audience, (*at, "audience"))
        file.check_ranges(mode, MODE_RANGES, at)
        _check_durations(file, mode.durations_months, at)
        if mode.size_max_seconds is not None and mode.size_max_seconds < mode.size_min_seconds:
            raise file.mistake((*at, "size_max_hours"), "is below the least size.")
        _check_selection(file, mode, at)
        same = [m for m in modes[:number] if m.id == mode.id]
        if any(m.valid_to is None or mode.valid_from < m.valid_to for m in same):
            raise file.mistake((*at, "id"), f'"{mode.id}" is in force already on these days.')
    return Modes(tuple(modes))


def _check_selection(file: ConfigurationFile, mode: AccessMode, at: Location) -> None:
    """Refuse a mode whose way of choosing and whose steps do not belong together."""
    if (mode.selection is Selection.PEER_REVIEW) is not (mode.review is not None):
        problem = "a mode with peer review has a [modes.review], another one has none."
        raise file.mistake((*at, "selection"), problem)
    if mode.review is None:
        return
    if not needs_cut_offs(mode):
        raise file.mistake((*at, "calendar"), "peer review compares: it needs cut-offs.")
    _check_plan(file, mode.review, (*at, "review"))
    _check_clock(file, mode.review, mode.decision_working_days, (*at, "review"))


def _check_plan(file: ConfigurationFile, plan: ReviewPlan, at: Location) -> None:
    file.check_ranges(plan, REVIEW_RANGES, at)
    ids = [criterion.id for criterion in plan.criteria]
    if not ids or len(set(ids)) < len(ids):
        raise file.mistake((*at, "criteria"), "name one criterion at least, and each once.")
    for number, criterion in enumerate(plan.criteria):
        _check_names(file, criterion.names, (*at, "criteria", number, "names"))
        file.check_ranges(criterion, CRITERION_RANGES, (*at, "criteria", number))
    if not set(plan.tie_breaks) <= set(ids):
        known = ", ".join(ids)
        raise file.mistake((*at, "tie_breaks"), f"no such criterion; known: {known}.")
    file.check_ranges(plan, {"sum_threshold": (0, plan.sum_max)}, at)


def _check_clock(
    file: ConfigurationFile, plan: ReviewPlan, decision_days: int, at: Location
) -> None:
    """Refuse steps that are not over one after the other, and before the decision."""
    names = ("assessment_working_days", "review_working_days", "panel_working_days")
    days = [*(getattr(plan, name) for name in names), decision_days]
    for name, (earlier, later) in zip(names, itertools.pairwise(days), strict=True):
        if earlier >= later:
            problem = f"{earlier} is not before the next step, which has {later}."
            raise file.mistake((*at, name), problem)
    if plan.review_working_days + plan.rebuttal_working_days > plan.panel_working_days:
        problem = f"with the reviews it is not over by day {plan.panel_working_days} of the panel."
        raise file.mistake((*at, "rebuttal_working_days"), problem)


def _read_calls(file: ConfigurationFile, modes: Modes, factory: Factory) -> tuple[Call, ...]:
    calls: list[Call] = []
    for number, row in enumerate(_rows(file, "calls")):
        at: Location = ("calls", number)
        call = _build_with_hours(file, _with_terms(file, _in_utc(row), at), Call, at)
        if call.id in {each.id for each in calls}:
            raise file.mistake((*at, "id"), f'"{call.id}" names two calls.')
        _check_names(file, call.names, (*at, "names"))
        file.check_ranges(call, CALL_RANGES, at)
        _check_durations(file, call.durations_months, at)
        _check_call(file, call, at, modes=modes, factory=factory)
        machine = factory.get_partition(call.partition_id)
        bought, land = machine.bought_after_2020, machine.land
        calls.append(dataclasses.replace(call, bought_after_2020=bought, land=land))
    return tuple(calls)


def _check_call(
    file: ConfigurationFile, call: Call, at: Location, *, modes: Modes, factory: Factory
) -> None:
    """Refuse a call that its mode or its partition does not carry."""
    mode = modes.find(call.mode_id, on=call.opens_at.date())
    if mode is None:
        known = ", ".join(each.id for each in modes.in_force(call.opens_at.date()))
        raise file.mistake((*at, "mode_id"), f"no such mode when the call opens; known: {known}.")
    partition = next((each for each in factory.partitions if each.id == call.partition_id), None)
    if partition is None:
        known = ", ".join(each.id for each in factory.partitions)
        raise file.mistake((*at, "partition_id"), f"no such partition; known: {known}.")
    if call.unit is not partition.unit:
        problem = f"{partition.id} counts {partition.unit.value}."
        raise file.mistake((*at, "unit"), problem)
    if partition.access_shares and call.access_share not in partition.access_shares:
        known = ", ".join(partition.access_shares)
        raise file.mistake((*at, "access_share"), f"no such share of {partition.id}: {known}.")
    try:
        check_call_within_mode(call, mode, gpus_per_node=partition.gpus_per_node)
    except CallBeyondMode as error:
        raise file.mistake((*at, "size_max_hours"), str(error)) from error
    if mode.review is not None:
        _check_call_clock(file, mode.review, call, at)
    if needs_cut_offs(mode) is not bool(call.cut_offs):
        problem = "this mode needs cut-offs." if needs_cut_offs(mode) else "this mode has none."
        raise file.mistake((*at, "cut_offs"), problem)
    if list(call.cut_offs) != sorted(set(call.cut_offs)):
        raise file.mistake((*at, "cut_offs"), "give the instants in order, each once.")
    if (mode.price is Price.PAID) is not (call.price_cents_per_hour > 0):
        problem = "a paid mode has a price above 0, a free one has none."
        raise file.mistake((*at, "price_cents_per_hour"), problem)


def _check_call_clock(file: ConfigurationFile, plan: ReviewPlan, call: Call, at: Location) -> None:
    """Refuse a call that decides before its panel has closed."""
    if call.decision_working_days <= plan.panel_working_days:
        problem = f"the panel of the mode takes {plan.panel_working_days}: decide after it."
        raise file.mistake((*at, "decision_working_days"), problem)


def _build_with_hours(file: ConfigurationFile, row: Any, kind: Any, at: Location) -> Any:
    """Build a value whose sizes are written in hours."""
    parts = [part.name for part in dataclasses.fields(kind) if part.name not in HOURS.values()]
    names = [*parts, *(hours for hours, each in HOURS.items() if each in kind.__annotations__)]
    file.check_keys(row, dataclasses.make_dataclass(kind.__name__, [(n, Any) for n in names]), at)
    values = dict(row)
    for hours, in_seconds in HOURS.items():
        if hours in values:
            value = values.pop(hours)
            if (
                isinstance(value, bool)
                or not isinstance(value, int | str)
                or _exact(value) is value
            ):
                raise file.mistake((*at, hours), f"{value!r} is no number of hours.")
            try:
                # More than so many hours: the least size is the next second.
                values[in_seconds] = seconds_from_hours(value) + (hours == "size_above_hours")
            except TooManyHours as error:
                raise file.mistake((*at, hours), str(error)) from error
            if values[in_seconds] < 0:
                raise file.mistake((*at, hours), f"{value} is below 0.")
    return file.build(values, kind, at)


def _rows(file: ConfigurationFile, name: str) -> list[dict[str, Any]]:
    for key in file.content:
        if key != name:
            raise file.mistake((key,), f"is unknown here; this file holds [[{name}]].")
    rows = file.content.get(name, [])
    if not isinstance(rows, list):
        raise file.mistake((name,), f"write it as [[{name}]].")
    return rows


def _in_utc(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row with its instants in UTC; those without a zone are Berlin's."""
    return {key: _instant_in_utc(value) for key, value in row.items()}


def _instant_in_utc(value: Any) -> Any:
    if isinstance(value, list):
        return [_instant_in_utc(each) for each in value]
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=BERLIN)
        return aware.astimezone(UTC)
    return value


def _with_terms(file: ConfigurationFile, row: dict[str, Any], at: Location) -> dict[str, Any]:
    """Return the row with the text of its terms instead of the name of their file."""
    name = row.get("terms")
    path = file.path.parent / "terms" / str(name)
    if not isinstance(name, str) or not path.is_file():
        raise file.mistake((*at, "terms"), f"there is no file config/terms/{name}.")
    rest = {key: value for key, value in row.items() if key != "terms"}
    return {**rest, "terms_version": path.stem, "terms_text": path.read_text()}


def _check_names(file: ConfigurationFile, names: Any, at: Location) -> None:
    for language in ("en", "de"):
        if not names.get(language):
            raise file.mistake(at, f'the language "{language}" is missing.')


def _check_durations(file: ConfigurationFile, months: tuple[int, ...], at: Location) -> None:
    """Refuse an offer without any duration: nobody could apply for it."""
    if not months:
        raise file.mistake((*at, "durations_months"), "name one duration at least.")
