"""Numbers, amounts and instants as the reader's language writes them."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from allmende.domain.basics.powers import write_power
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import TimeUnit, hours_from_seconds, kwh_from_joules
from allmende.wiring.languages import translate

NARROW_SPACE = "\u202f"
LARGE, SMALL = 10**9, 10**-4
# Below this, hours would be nothing but noughts.
SHORT_SECONDS = 360


def write_number(value: Any, places: int | None = None) -> str:
    """Return a number with the language's separators; whole numbers without places."""
    value = Decimal(str(value))
    if places is None:
        value = value.normalize()
        places = max(0, -int(value.as_tuple().exponent))
    value = round(value, places)  # Django would cut what is too long
    return str(formats.number_format(value, decimal_pos=places, force_grouping=True))


def write_hours(seconds: int) -> str:
    """Return seconds as hours, precise enough to see small jobs."""
    hours = hours_from_seconds(seconds)
    return write_number(round(hours, 0 if hours >= 100 else 2))


def write_hours_with_unit(seconds: int, unit: TimeUnit | str) -> str:
    """Return seconds as hours of their unit: 12.5 GPU-h."""
    counts_gpus = TimeUnit(unit) is TimeUnit.GPU_SECONDS
    if 0 < abs(seconds) < SHORT_SECONDS:
        return write_seconds(seconds, unit)
    name = _("GPU-h") if counts_gpus else _("node-h")
    return f"{write_hours(seconds)}{NARROW_SPACE}{name}"


def write_seconds(seconds: int, unit: TimeUnit | str) -> str:
    """Return seconds to the second, with their unit."""
    name = _("GPU-s") if TimeUnit(unit) is TimeUnit.GPU_SECONDS else _("node-s")
    return f"{write_number(seconds)}{NARROW_SPACE}{name}"


def write_scientific(value: float | Decimal) -> str:
    """Return a large number as 3.1 × 10²³."""
    written = write_power(value)
    if isinstance(written, Sentence):
        return translate(written)
    return written if isinstance(written, str) else write_number(written)


def write_large(value: int | Decimal) -> str:
    """Return a number in full, or with powers of ten where nobody reads the noughts."""
    return write_scientific(value) if value >= LARGE else write_number(value)


def write_measure(value: float) -> str:
    """Return what code measured, with four digits that count, whatever its size."""
    if not value or SMALL <= abs(value) < LARGE:
        return write_number(float(f"{value:.4g}"))
    sign = "−" if value < 0 else ""
    return f"{sign}{write_scientific(abs(value))}"


def write_energy(joules: int) -> str:
    """Return joules as watt-hours or kilowatt-hours, whichever reads better."""
    kwh = kwh_from_joules(joules)
    if kwh < 1:
        return f"{write_number(kwh * 1000, 2)}{NARROW_SPACE}Wh"
    return f"{write_number(kwh, 1)}{NARROW_SPACE}kWh"


def write_bytes(number: int) -> str:
    """Return a file size."""
    size = Decimal(number)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{write_number(size, 0 if unit == 'B' else 1)}{NARROW_SPACE}{unit}"
        size /= 1000
    raise AssertionError("the last unit returns")


def write_money(cents: int) -> str:
    """Return euro cents as euros."""
    return f"{write_number(Decimal(cents) / 100, 2)}{NARROW_SPACE}€"


def write_euros(cents: int) -> str:
    """Return cents as whole euros."""
    return f"{write_number(Decimal(cents) / 100, 0)}{NARROW_SPACE}€"


def write_hundredths(number: int) -> str:
    """Return hundredths as a number."""
    return write_number(Decimal(number) / 100)


def write_duration(seconds: float) -> str:
    """Return a length of time in its two largest units."""
    whole = round(seconds)
    days, rest = divmod(whole, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, left = divmod(rest, 60)
    parts = [
        (days, ngettext("%(n)s day", "%(n)s days", days)),
        (hours, _("%(n)s h")),
        (minutes, _("%(n)s min")),
        (left, _("%(n)s s")),
    ]
    shown = [text % {"n": number} for number, text in parts if number][:2]
    return " ".join(shown) or _("%(n)s s") % {"n": 0}


def write_instant(instant: datetime) -> str:
    """Return an instant in local time, with its zone."""
    local = timezone.localtime(instant)
    zone = _("CEST") if local.dst() else _("CET")
    return f"{formats.date_format(local, 'DATE_FORMAT')}, {local:%H:%M} {zone}"


def write_short(value: float) -> str:
    """Return a number in few signs: three that count, thousands as k, millions as M."""
    for size, sign in ((1_000_000, "M"), (10_000, "k")):
        if abs(value) >= size:
            short = float(f"{value / (1_000_000 if sign == 'M' else 1000):.3g}")
            return f"{write_number(short)}{NARROW_SPACE}{sign}"
    return write_number(float(f"{value:.3g}"))


def write_change(seconds: float) -> str:
    """Return how much longer or shorter something takes, with its sign."""
    sign = "+" if seconds > 0 else "−"
    return f"{sign}{write_rough(abs(seconds))}" if round(seconds) else write_rough(0)


def write_rough(seconds: float) -> str:
    """Return a length of time in the one unit that suits it."""
    for size, text in ((86_400, _("%(n)s d")), (3_600, _("%(n)s h")), (60, _("%(n)s min"))):
        if seconds >= 2 * size:
            places = 0 if seconds >= 10 * size else 1
            return text % {"n": write_number(round(seconds / size, places), places)}
    return _("%(n)s s") % {"n": write_number(round(seconds))}
