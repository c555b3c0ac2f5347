"""Reads config/rules/*.toml, modes, calls and cut-offs: everything that decides on access."""

import dataclasses
from collections.abc import Iterable
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from allmende.domain.access.calls import AccessRules, Call, CutOffCalendar, on_its_machine
from allmende.domain.access.flaws import Flaw, list_call_flaws, list_mode_flaws, list_step_flaws
from allmende.domain.access.modes import AccessMode, Modes
from allmende.domain.access.onboarding_steps import OnboardingStep
from allmende.domain.access.working_days import BERLIN
from allmende.domain.basics.rules import Rule, RuleBook, exact
from allmende.domain.basics.sites import Partition
from allmende.domain.basics.units import TooManyHours, seconds_from_hours
from allmende.wiring import home
from allmende.wiring.configuration import ConfigurationFile, Location
from allmende.wiring.factory import load_factory

# People write hours; the domain counts seconds.
HOURS = {
    "size_min_hours": "size_min_seconds",
    "size_above_hours": "size_min_seconds",
    "size_max_hours": "size_max_seconds",
    "contingent_hours": "contingent_seconds",
}


def load_access_rules() -> AccessRules:
    """Return what decides on access now: the configuration, and the modes that the office added."""
    from allmende.services import modes  # noqa: PLC0415 - Django must be ready

    rules = read_access_rules()
    added = modes.list_added_modes()
    return dataclasses.replace(rules, modes=rules.modes.with_added(added)) if added else rules


@cache
def read_access_rules(folder: Path | None = None) -> AccessRules:
    """Return rules, modes and calls of a folder; `ConfigurationMistake` if one is invalid."""
    folder = folder or home.config_folder()
    rules: list[Rule] = []
    for path in sorted((folder / "rules").glob("*.toml")):
        rules += _read_rules(ConfigurationFile(path), rules)
    modes = Modes(read_modes(folder / "modes.toml"))
    factory = load_factory(folder / "factory.toml")
    calls = read_calls(folder / "calls.toml", modes, factory.partitions)
    return AccessRules(
        book=RuleBook(tuple(rules)),
        modes=modes,
        calls=calls,
        onboarding=read_onboarding(folder / "onboarding.toml", factory.partitions),
        calendars=_read_calendars(ConfigurationFile(folder / "cut_offs.toml"), modes),
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
        rule = file.build({**row, "value": exact(value)}, Rule, at)
        for other in rules:
            if _overlap(rule, other):
                raise file.mistake((*at, "rule"), f"{rule.rule} has another row for the same days.")
        rules.append(rule)
    return rules[known:]


def _overlap(one: Rule, other: Rule) -> bool:
    if (one.rule, one.applies_if, one.status) != (other.rule, other.applies_if, other.status):
        return False
    return one.valid_from < (other.valid_to or date.max) and other.valid_from < (
        one.valid_to or date.max
    )


def read_modes(path: Path) -> tuple[AccessMode, ...]:
    """Return the modes of a file; `ConfigurationMistake` if one is invalid."""
    file = ConfigurationFile(path)
    modes: list[AccessMode] = []
    for number, row in enumerate(_rows(file, "modes")):
        at: Location = ("modes", number)
        mode = _build_with_hours(file, row, AccessMode, at)
        _refuse_flaws(file, list_mode_flaws(mode), at)
        same = [each for each in modes if each.id == mode.id]
        if any(each.valid_to is None or mode.valid_from < each.valid_to for each in same):
            raise file.mistake((*at, "id"), f'"{mode.id}" is in force already on these days.')
        modes.append(mode)
    return tuple(modes)


def read_calls(path: Path, modes: Modes, partitions: tuple[Partition, ...]) -> tuple[Call, ...]:
    """Return the calls of a file, whose terms stand in the folder `terms` beside it."""
    file = ConfigurationFile(path)
    calls: list[Call] = []
    for number, row in enumerate(_rows(file, "calls")):
        at: Location = ("calls", number)
        if "mode" in row:  # the call gets it when it is opened
            raise file.mistake((*at, "mode"), 'is unknown here; did you mean "mode_id"?')
        call = _build_with_hours(file, _with_terms(file, _in_utc(row), at), Call, at)
        if call.id in {each.id for each in calls}:
            raise file.mistake((*at, "id"), f'"{call.id}" names two calls.')
        _refuse_flaws(file, list_call_flaws(call, modes=modes, partitions=partitions), at)
        calls.append(on_its_machine(call, partitions))
    return tuple(calls)


def read_onboarding(path: Path, partitions: tuple[Partition, ...]) -> tuple[OnboardingStep, ...]:
    """Return the steps of a file; none where there is no such file."""
    if not path.exists():
        return ()
    file, steps = ConfigurationFile(path), list[OnboardingStep]()
    known = {each.id for each in partitions}
    for number, row in enumerate(_rows(file, "onboarding")):
        at: Location = ("onboarding", number)
        step = file.build(row, OnboardingStep, at)
        if step.id in {each.id for each in steps}:
            raise file.mistake((*at, "id"), f'"{step.id}" names two steps.')
        _refuse_flaws(file, list_step_flaws(step), at)
        for unknown in sorted(set(step.partitions) - known):
            raise file.mistake((*at, "partitions"), f'"{unknown}" is no partition.')
        steps.append(step)
    return tuple(steps)


def _read_calendars(file: ConfigurationFile, modes: Modes) -> tuple[CutOffCalendar, ...]:
    calendars = []
    for number, row in enumerate(_rows(file, "cut_offs")):
        at: Location = ("cut_offs", number)
        calendar = file.build(_in_utc(row), CutOffCalendar, at)
        if not modes.versions(calendar.mode_id):
            raise file.mistake((*at, "mode_id"), "no such mode in modes.toml.")
        if list(calendar.instants) != sorted(set(calendar.instants)):
            raise file.mistake((*at, "instants"), "give the instants in order, each once.")
        calendars.append(calendar)
    return tuple(calendars)


def _refuse_flaws(file: ConfigurationFile, flaws: list[Flaw], at: Location) -> None:
    """Refuse the first flaw, under the key as people write it: in hours."""
    written = {seconds: hours for hours, seconds in reversed(HOURS.items())}
    for flaw in flaws:
        place = tuple(written.get(str(part), part) for part in flaw.at)
        raise file.mistake((*at, *place), str(flaw.sentence))


def _build_with_hours(file: ConfigurationFile, row: Any, kind: Any, at: Location) -> Any:
    """Build a value whose sizes are written in hours."""
    parts = [part.name for part in dataclasses.fields(kind) if part.name not in HOURS.values()]
    names = [*parts, *(hours for hours, each in HOURS.items() if each in kind.__annotations__)]
    file.check_keys(row, dataclasses.make_dataclass(kind.__name__, [(n, Any) for n in names]), at)
    values = dict(row)
    for hours, in_seconds in HOURS.items():
        if hours in values:
            value = values.pop(hours)
            if isinstance(value, bool) or not isinstance(value, int | str) or exact(value) is value:
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
