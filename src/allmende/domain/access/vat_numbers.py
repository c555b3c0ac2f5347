"""VAT identification numbers: written in one way, and refused where they cannot be right.

Formats are those of the member states; whether a number is given out, only VIES knows.
"""

import re

from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.basics.sentences import Sentence

PREFIX_OF = {"GR": "EL"}  # Greece alone has another code here than ISO 3166
FORMATS = {
    "AT": r"U[0-9]{8}",
    "BE": r"[01][0-9]{9}",
    "BG": r"[0-9]{9,10}",
    "CY": r"[0-9]{8}[A-Z]",
    "CZ": r"[0-9]{8,10}",
    "DE": r"[1-9][0-9]{8}",
    "DK": r"[0-9]{8}",
    "EE": r"[0-9]{9}",
    "EL": r"[0-9]{9}",
    "ES": r"[0-9A-Z][0-9]{7}[0-9A-Z]",
    "FI": r"[0-9]{8}",
    "FR": r"[0-9A-Z]{2}[0-9]{9}",
    "HR": r"[0-9]{11}",
    "HU": r"[0-9]{8}",
    "IE": r"[0-9][0-9A-Z+*][0-9]{5}[A-Z]{1,2}",
    "IT": r"[0-9]{11}",
    "LT": r"([0-9]{9}|[0-9]{12})",
    "LU": r"[0-9]{8}",
    "LV": r"[0-9]{11}",
    "MT": r"[0-9]{8}",
    "NL": r"[0-9A-Z+*]{10}[0-9]{2}",
    "PL": r"[0-9]{10}",
    "PT": r"[0-9]{9}",
    "RO": r"[0-9]{2,10}",
    "SE": r"[0-9]{12}",
    "SI": r"[0-9]{8}",
    "SK": r"[0-9]{10}",
}
ELSEWHERE = re.compile(r"[0-9A-Z]{4,20}")
_FILLERS = re.compile(r"[\s.\-/]")


def normalise_vat_number(text: str, *, country: str) -> str:
    """Return the number in capitals without fillers, with the code of its country in front.

    `InvalidInput` where it has not the form of its country, or a German check digit is wrong.
    Countries outside the Union have forms of their own, which are not checked.
    """
    number = _FILLERS.sub("", text).upper()
    if not number:
        return ""
    prefix = PREFIX_OF.get(country, country)
    if prefix not in FORMATS:
        if not ELSEWHERE.fullmatch(number):
            raise _wrong(Sentence("use letters and digits only, at most 20."))
        return number
    if not re.fullmatch(prefix + FORMATS[prefix], number):
        facts = {"number": number[:30], "prefix": prefix}
        raise _wrong(
            Sentence(
                "{number} is no VAT number of that country: it begins with {prefix}, and has its "
                "number of digits.",
                facts,
            )
        )
    if prefix == "DE" and not _has_right_check_digit(number[2:]):
        raise _wrong(
            Sentence(
                "{number} has a digit that is wrong: its check digit does not fit.",
                {"number": number},
            )
        )
    return number


def _has_right_check_digit(digits: str) -> bool:
    """Say whether the ninth digit follows from the eight before it (ISO 7064, MOD 11,10)."""
    product = 10
    for digit in digits[:-1]:
        total = (int(digit) + product) % 10 or 10
        product = 2 * total % 11
    return (11 - product) % 10 == int(digits[-1])


def _wrong(problem: Sentence) -> InvalidInput:
    return InvalidInput(field="vat_number", problem=problem)
