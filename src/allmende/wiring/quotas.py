"""Reads the quota styles of config/factory.toml, and gives partitions those that they name."""

from typing import Any

from allmende.domain.basics.quotas import QuotaStyle
from allmende.domain.basics.sites import EVERY_MODE, NO_QUOTA
from allmende.wiring.configuration import ConfigurationFile, Location

RANGES = {
    "debt_percent": (0, 1000),
    "stop_month_percent": (0, 100_000),
    "stop_whole_percent": (0, 100_000),
}


def hand_down_quotas(file: ConfigurationFile, row: dict[str, Any]) -> None:
    """Put the styles in the place of their names, mode by mode; they are checked on the way."""
    styles: dict[str, list[QuotaStyle]] = {NO_QUOTA: []}
    written = row.get("quota_styles", [])
    for number, each in enumerate(written if isinstance(written, list) else [written]):
        at: Location = ("quota_styles", number)
        style = file.build(each, QuotaStyle, at)
        _check(file, style, at)
        styles.setdefault(style.id, []).append(style)
    for place, site in enumerate(_tables(row.get("sites"))):
        for number, partition in enumerate(_tables(site.get("partitions"))):
            named = partition.get("quota_styles")
            if isinstance(named, dict):
                where: Location = ("sites", place, "partitions", number, "quota_styles")
                partition["quota_styles"] = {
                    mode: _find(file, name, styles, (*where, mode)) for mode, name in named.items()
                }


def _tables(value: Any) -> list[dict[str, Any]]:
    """Return the tables of a list; whatever else stands there is refused by its type."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _find(
    file: ConfigurationFile, name: Any, styles: dict[str, list[QuotaStyle]], at: Location
) -> tuple[QuotaStyle, ...]:
    if not isinstance(name, str) or name not in styles:
        known = ", ".join(styles)
        raise file.mistake(at, f"there is no quota style {name!r}; known: {known}.")
    return tuple(styles[name])


def _check(file: ConfigurationFile, style: QuotaStyle, at: Location) -> None:
    file.check_ranges(style, RANGES, at)
    if style.id in (NO_QUOTA, EVERY_MODE):
        raise file.mistake((*at, "id"), f'"{style.id}" has a meaning of its own; choose another.')
    if style.borrows and style.debt_percent < 100:
        problem = "what was borrowed must be missing in the next month: 100 or more."
        raise file.mistake((*at, "debt_percent"), problem)
    if not style.is_monthly and (style.carries_over or style.borrows or style.stop_month_percent):
        raise file.mistake((*at, "is_monthly"), "the other keys speak of months; take them out.")
