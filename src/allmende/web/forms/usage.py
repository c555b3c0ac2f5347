"""Which records of usage are looked at, and which month is compared."""

from datetime import datetime
from typing import Any

from django import forms
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from allmende.domain.access.working_days import BERLIN
from allmende.domain.accounting.usage import FINDINGS, UsageState
from allmende.web import states

NOT_CHARGED = "not_charged"
MONTHS = 13


class UsageForm(forms.Form):
    """A choice of records; without one, all of them."""

    project = forms.CharField(label=_("Project"), required=False, max_length=40)
    state = forms.ChoiceField(label=_("State"), required=False)
    foreign = forms.BooleanField(label=_("Only plain sbatch"), required=False)

    def __init__(self, *args: Any, with_project: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["state"].choices = [  # type: ignore[attr-defined]
            ("", gettext("all")),
            (NOT_CHARGED, gettext("could not be charged")),
            *((each.value, states.describe("usage", each.value).word) for each in UsageState),
        ]
        if not with_project:
            del self.fields["project"]
        for field in self.fields.values():
            field.is_silent = True  # type: ignore[attr-defined]

    def list_choices(self) -> dict[str, Any]:
        """Return what was chosen, as services take it."""
        facts = self.cleaned_data if self.is_valid() else {}
        state = facts.get("state", "")
        states_chosen = FINDINGS if state == NOT_CHARGED else [UsageState(state)] if state else []
        choices = {"states": states_chosen, "only_foreign": facts.get("foreign", False)}
        if "project" in self.fields:
            choices["project_id"] = facts.get("project", "").strip()
        return choices


class MonthForm(forms.Form):
    """A month of the last year, this one among them."""

    span = forms.ChoiceField(label=_("Month"))

    def __init__(self, *args: Any, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["span"].choices = [  # type: ignore[attr-defined]
            (f"{first:%Y-%m}", date_format(first, "F Y")) for first in _list_months(now)
        ]


def _list_months(now: datetime) -> list[datetime]:
    here = now.astimezone(BERLIN)
    whole = here.year * 12 + here.month - 1
    return [
        datetime((whole - back) // 12, (whole - back) % 12 + 1, 1, tzinfo=BERLIN)
        for back in range(MONTHS)
    ]
