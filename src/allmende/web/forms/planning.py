"""The form of the training planner; its answers stand in the address."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.training.counts import GPUS_MAX, LARGEST, PARAMETERS_MAX, read_count
from allmende.domain.training.planning import PlanningFacts
from allmende.domain.training.published_runs import Precision
from allmende.services.planning import PlanQuestion
from allmende.wiring.languages import translate

# Where one begins: a model that Europe has trained, on the machine that would train the next one.
FIRST = {"params": "70B", "tokens": "15T", "on": "machine:jupiter", "precision": Precision.BF16}


class CountField(forms.Field):
    """A large number as people write it, such as 70e9 or 70B; what was written stays written."""

    def __init__(self, *, most: int, powers: tuple[int, int], **kwargs: Any) -> None:
        self.most = most
        least, highest = powers
        slider = {"data-least": least, "data-most": highest, "autocomplete": "off"}
        super().__init__(widget=forms.TextInput(attrs={"data-log-slider": "", **slider}), **kwargs)

    def clean(self, value: Any) -> int | None:
        """Return the number, or None where nothing is written."""
        text = str(value or "").strip()
        if not text:
            self.validate(None)  # refuses what is required
            return None
        try:
            return read_count("", text, most=self.most)
        except InvalidInput as refusal:
            raise forms.ValidationError(translate(refusal.facts["problem"])) from refusal


class PlanForm(forms.Form):
    """What is trained, on what; what is left out of an address is as it is where one begins."""

    params = CountField(
        label=_("Parameters of the model"),
        help_text=_("70B is seventy billion."),
        most=PARAMETERS_MAX,
        powers=(8, 13),
    )
    tokens = CountField(
        label=_("Tokens that the training sees"),
        help_text=_("15T is fifteen trillion. Repeats count again."),
        most=LARGEST,
        powers=(9, 14),
    )
    active = CountField(
        label=_("Active parameters"),
        help_text=_("Only for a mixture of experts: those that one token meets."),
        most=PARAMETERS_MAX,
        powers=(8, 13),
        required=False,
    )
    on = forms.ChoiceField(label=_("On what?"))
    gpus = CountField(
        label=_("GPUs at once"),
        help_text=_("Empty: as many as let it end within two months."),
        most=GPUS_MAX,
        powers=(0, 5),
        required=False,
    )
    precision = forms.ChoiceField(
        label=_("Number format"), choices=[(each.value, each.value.upper()) for each in Precision]
    )

    def __init__(self, data: Any, *, facts: PlanningFacts) -> None:
        super().__init__({**FIRST, **{name: data[name] for name in data}})
        self.fields["on"].choices = [
            (
                _("Machines"),
                [(f"machine:{each.id}", each.name) for each in facts.machines.values()],
            ),
            (_("GPUs"), [(f"gpu:{each.id}", each.name) for each in facts.gpus.values()]),
        ]

    def question(self) -> PlanQuestion:
        """Return what was asked; the form is valid."""
        given = self.cleaned_data
        kind, _colon, name = given["on"].partition(":")
        return PlanQuestion(
            parameters=given["params"],
            tokens=given["tokens"],
            active_parameters=given["active"],
            precision=Precision(given["precision"]),
            gpus=given["gpus"],
            **{kind: name},
        )
