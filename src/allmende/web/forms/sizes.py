"""The form of the resource calculator; its answers stand in the address."""

from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from allmende.domain.basics.sites import Factory, PartitionStatus
from allmende.domain.training.blueprints import Blueprint
from allmende.services.sizes import UTILISATION_PERCENT, SizeQuestion
from allmende.web.forms.fields import plain_number
from allmende.web.wording import write_large


class LargeNumberField(forms.Field):
    """A number as people write large ones: 7e9, 7.000.000.000 or 7,000,000,000."""

    def __init__(self, *, least: int, most: int, is_whole: bool = True, **kwargs: Any) -> None:
        self.least, self.most, self.is_whole = Decimal(least), Decimal(most), is_whole
        super().__init__(required=False, **kwargs)

    def to_python(self, value: Any) -> Decimal | None:
        """Return the number, or None where nothing is written."""
        text = "".join(str(value or "").split())
        if not text:
            return None
        digits, e, power = text.lower().partition("e")
        try:
            number = Decimal(plain_number(digits) + e + power)
            fits = self.least <= number <= self.most
        except InvalidOperation:
            raise forms.ValidationError(_("Enter a number, such as 12 or 7e9.")) from None
        if not fits:
            limits = {"least": write_large(self.least), "most": write_large(self.most)}
            problem = _("Enter a number between %(least)s and %(most)s.")
            raise forms.ValidationError(problem, params=limits)
        if self.is_whole and number != int(number):
            raise forms.ValidationError(_("Enter a whole number."))
        return number


class SizeForm(forms.Form):
    """What is trained, on what."""

    blueprint = forms.ChoiceField(label=_("What will you train?"), required=False)
    parameters = LargeNumberField(
        label=_("Parameters of the model"),
        help_text=_("Without a blueprint. Write 7e9 for seven billion."),
        least=1,
        most=10**15,
    )
    tokens = LargeNumberField(
        label=_("Tokens that the training sees"),
        help_text=_("Without a blueprint. Repeats count again."),
        least=1,
        most=10**18,
    )
    partition = forms.ChoiceField(label=_("On which machine?"), required=False)
    peak = LargeNumberField(
        label=_("Speed of one device, in 10¹² operations a second"),
        help_text=_("Only for another machine: its peak in BF16 without sparsity."),
        least=0,
        most=10**9,
        is_whole=False,
    )
    utilisation = LargeNumberField(
        label=_("How much of that speed does your training reach, in per cent?"),
        help_text=_(
            "Measured is best. Over their whole run, published trainings on Hopper GPUs reached 30."
        ),
        least=0,
        most=100,
        is_whole=False,
    )
    devices = LargeNumberField(label=_("On how many GPUs or nodes at once?"), least=1, most=10**6)
    runs = LargeNumberField(
        label=_("How many such trainings?"),
        help_text=_("With those for trying out and for what fails."),
        least=1,
        most=10**6,
    )

    def __init__(
        self, *args: Any, factory: Factory, blueprints: dict[str, Blueprint], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        language = "de" if get_language() == "de" else "en"
        self.fields["blueprint"].choices = [
            ("", _("A model of my own, by its figures")),
            *((each.id, getattr(each.name, language)) for each in blueprints.values()),
        ]
        self.fields["partition"].choices = [
            *(
                (p.id, p.name)
                for p in factory.partitions
                if p.status is not PartitionStatus.PLANNED
            ),
            ("", _("Another machine, by its figures")),
        ]
        for field in self.fields.values():
            field.is_silent = True

    def question(self) -> SizeQuestion:
        """Return what was asked; the form is valid."""
        given = self.cleaned_data
        return SizeQuestion(
            blueprint_id=given["blueprint"],
            partition_id=given["partition"],
            parameters=_whole(given["parameters"]),
            tokens=_whole(given["tokens"]),
            runs=_whole(given["runs"]) or 1,
            devices=_whole(given["devices"]) or 1,
            utilisation_percent=given["utilisation"] or UTILISATION_PERCENT,
            peak_teraflops=given["peak"] or None,
        )


def initial_of(question: SizeQuestion) -> dict[str, Any]:
    """Return the fields of a calculator that knows something already."""
    return {
        "blueprint": question.blueprint_id,
        "partition": question.partition_id,
        "parameters": question.parameters or "",
        "tokens": question.tokens or "",
        "runs": question.runs,
        "devices": question.devices,
        "utilisation": f"{question.utilisation_percent:f}",
    }


def _whole(number: Decimal | None) -> int | None:
    return None if number is None else int(number)
