"""Form fields as people fill them in here: German or English numbers, plain choices."""

import re
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

# More than anything that people count here, and little enough to round.
LARGEST = Decimal(10) ** 15
SPACES = (" ", "\u00a0", "\u202f")


# One separator before the decimals, or equal ones between thousands; a sign, to refuse it in words.
WRITTEN = re.compile(
    r"[+-]?([0-9]*[.,]?[0-9]+|[0-9]{1,3}(\.[0-9]{3})+(,[0-9]+)?|[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?)"
)
# It may be 1234 or 1 and a bit; where that is as likely, people have to say which.
EITHER = re.compile(r"0*[1-9][0-9]{0,2}[.,][0-9]{3}")


class AmountField(forms.Field):
    """A number of nought or more, with a point or a comma, with or without separators.

    Where `asks_which`, a number such as 1.234 is refused: in millions it may be either.
    """

    def __init__(self, *, places: int = 2, asks_which: bool = False, **kwargs: Any) -> None:
        self.places, self.asks_which = places, asks_which
        kwargs.setdefault("widget", forms.TextInput(attrs={"inputmode": "decimal"}))
        super().__init__(**kwargs)

    def to_python(self, value: Any) -> Decimal | None:
        """Return the number; one separator followed by three digits groups thousands."""
        text = str(value or "").strip()
        for space in SPACES:
            text = text.replace(space, "")
        if not text:
            return None
        if not WRITTEN.fullmatch(text):
            raise forms.ValidationError(_("Enter a number, such as 12 or 1.5."))
        if self.asks_which and EITHER.fullmatch(text):
            raise forms.ValidationError(
                _("Three digits behind the point may be thousands: write 1234, or 1.23.")
            )
        amount = Decimal(plain_number(text))
        if amount > LARGEST:
            raise forms.ValidationError(_("Enter a number of at most 15 digits."))
        if amount < 0:
            raise forms.ValidationError(_("Enter a number that is not below zero."))
        return round(amount, self.places)


def plain_number(text: str) -> str:
    """Return digits with a decimal point, whichever of "1.234,5" and "1,234.5" was written."""
    last = max(text.rfind("."), text.rfind(","))
    if last < 0:
        return text
    head, tail = text[:last].replace(".", "").replace(",", ""), text[last + 1 :]
    separators = text.count(".") + text.count(",")
    groups_thousands = len(tail) == 3 and (separators > 1 or head.lstrip("0") != "")
    both = "." in text and "," in text
    return head + tail if groups_thousands and not both else f"{head}.{tail}"


def radio(choices: Any, **kwargs: Any) -> forms.ChoiceField:
    """Return a field with one radio button for each choice."""
    return forms.ChoiceField(choices=choices, widget=forms.RadioSelect, **kwargs)


YES_NO = (("yes", _("Yes")), ("no", _("No")))
