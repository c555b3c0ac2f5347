"""The rules in force today: every number with its source."""

from itertools import groupby

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from allmende.services import eligibility
from allmende.wiring import now
from allmende.wiring.access_rules import load_access_rules


class DayForm(forms.Form):
    """Of which day?"""

    on = forms.DateField(
        label=_("Another day"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d"],
        error_messages={"invalid": _("Give a day such as 2026-01-31.")},
    )


def show_rules(request: HttpRequest) -> HttpResponse:
    """Show the dated rules and access modes of today, or of another day, and today's calls."""
    instant, rules = now(), load_access_rules()
    form = DayForm(request.GET) if "on" in request.GET else DayForm()
    on = instant.date()
    if form.is_bound and form.is_valid():
        on = form.cleaned_data["on"]
    in_force = eligibility.list_rules(rules=rules, on=on)
    groups = groupby(in_force, key=lambda rule: rule.rule.partition(".")[0])
    context = {
        "form": form,
        "on": on,
        "is_today": on == instant.date(),
        "groups": [(name, list(rows)) for name, rows in groups],
        "modes": rules.modes.in_force(on),
        "calls": [call for call in rules.calls if call.is_open(instant)],
    }
    return render(request, "rules.html", context, status=422 if form.errors else 200)
