"""Numbers that nobody reads in full, in powers of ten: 3.3 × 10²², 2 × 10⁻¹⁷."""

from decimal import Decimal

from allmende.domain.basics.sentences import Sentence

SMALL, LARGE = 0.001, 10_000
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def write_power(value: float | Decimal) -> int | float | str | Sentence:
    """Return a number of any size as a fact of a sentence, with three digits that count.

    From 0.001 to 9,999 it stays a plain number.
    """
    if not value or SMALL <= value < LARGE:
        return _shorten(value)
    digits, _, power = f"{value:.2e}".partition("e")
    ten = f"10{str(int(power)).translate(SUPERSCRIPTS)}"
    if digits == "1.00":
        return ten
    # A number is one after JSON, too: a frozen reason is written in the reader's language.
    return Sentence("{digits} × {ten}", {"digits": _shorten(float(digits)), "ten": ten})


def write_share(part: float) -> Sentence | str | float:
    """Return a part of a whole: in per cent, or in a power of ten where that would be noughts."""
    if part < SMALL:
        return write_power(part)
    return Sentence("{percent} %", {"percent": _shorten(100 * part)})


def _shorten(value: float | Decimal) -> int | float:
    if isinstance(value, int):
        return value
    short = float(f"{value:.3g}")
    return int(short) if short.is_integer() else short
