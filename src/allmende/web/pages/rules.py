"""The rules in force on a day: every number with its source."""

from itertools import groupby

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from allmende.domain.access.working_days import day_of
from allmende.services import rules
from allmende.web.acting import get_person
from allmende.wiring import now
from allmende.wiring.access_rules import load_access_rules


class DayForm(forms.Form):
    """Which day?"""

    on = forms.DateField(
        label=_("In force on"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )


def show_rules(request: HttpRequest) -> HttpResponse:
    """Show the dated rules, the access modes and the calls of a day, of today unless asked."""
    today = day_of(now())
    form = DayForm(request.GET if "on" in request.GET else {"on": today})
    day = form.cleaned_data["on"] if form.is_valid() else today
    found = rules.list_in_force(get_person(request), rules=load_access_rules(), on=day)
    groups = groupby(found.rules, key=lambda rule: rule.rule.partition(".")[0])
    context = {
        "today": today,
        "day": day,
        "form": form,
        "found": found,
        "groups": [(name, list(rows)) for name, rows in groups],
    }
    return render(request, "rules.html", context, status=200 if form.is_valid() else 422)
