"""Public holidays in Germany: those of all Länder, and those of one.

Holidays that only some municipalities of a Land have (such as 15 August in most of Bavaria) count
as working days.
"""

from datetime import date, timedelta
from functools import cache

LAENDER = frozenset("BB BE BW BY HB HE HH MV NI NW RP SH SL SN ST TH".split())

# Month, day, the Länder (ISO 3166-2:DE), and the first year of it. From the holiday acts.
FIXED: tuple[tuple[int, int, str, int], ...] = (
    (1, 6, "BW BY ST", 1990),
    (3, 8, "BE", 2019),
    (3, 8, "MV", 2023),
    (8, 15, "SL", 1990),
    (9, 20, "TH", 2019),
    (10, 31, "BB MV SN ST TH", 1990),
    (10, 31, "HB HH NI SH", 2018),
    (11, 1, "BW BY NW RP SL", 1990),
)
CORPUS_CHRISTI = frozenset("BW BY HE NW RP SL".split())  # 60 days after Easter Sunday
REPENTANCE = frozenset({"SN"})  # the Wednesday before 23 November
ONCE = {"BE": (date(2020, 5, 8), date(2025, 5, 8), date(2028, 6, 17))}


def easter_sunday(year: int) -> date:
    """Return Easter Sunday (the Gregorian computus of Meeus, Jones and Butcher)."""
    golden = year % 19
    century, in_century = divmod(year, 100)
    leap_centuries, century_rest = divmod(century, 4)
    correction = (century - (century + 8) // 25 + 1) // 3
    moon = (19 * golden + century - leap_centuries - correction + 15) % 30
    leap_years, year_rest = divmod(in_century, 4)
    weekday = (32 + 2 * century_rest + 2 * leap_years - moon - year_rest) % 7
    shift = (golden + 11 * moon + 22 * weekday) // 451
    month, day = divmod(moon + weekday - 7 * shift + 114, 31)
    return date(year, month, day + 1)


@cache
def list_holidays(year: int, land: str = "") -> frozenset[date]:
    """Return the holidays of all sixteen Länder, and those of one if it is named."""
    easter = easter_sunday(year)
    movable = {easter + timedelta(days=days) for days in (-2, 1, 39, 50)}
    fixed = {date(year, *day) for day in ((1, 1), (5, 1), (10, 3), (12, 25), (12, 26))}
    return frozenset(movable | fixed | (_own_holidays(year, land) if land else set()))


def _own_holidays(year: int, land: str) -> set[date]:
    found = {
        date(year, month, day)
        for month, day, laender, since in FIXED
        if land in laender.split() and year >= since
    }
    if land in CORPUS_CHRISTI:
        found.add(easter_sunday(year) + timedelta(days=60))
    if land in REPENTANCE:
        before = date(year, 11, 22)
        found.add(before - timedelta(days=(before.weekday() - 2) % 7))
    return found | {day for day in ONCE.get(land, ()) if day.year == year}
