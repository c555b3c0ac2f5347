"""The rules in force today: every number with its source."""

from itertools import groupby

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from allmende.wiring import now
from allmende.wiring.access_rules import load_access_rules


def show_rules(request: HttpRequest) -> HttpResponse:
    """Show the dated rules, the access modes and the calls of today."""
    instant = now()
    rules = load_access_rules()
    in_force = sorted(rules.book.in_force(instant.date()), key=lambda rule: rule.rule)
    groups = groupby(in_force, key=lambda rule: rule.rule.partition(".")[0])
    context = {
        "today": instant.date(),
        "groups": [(name, list(rows)) for name, rows in groups],
        "modes": rules.modes.in_force(instant.date()),
        "calls": [call for call in rules.calls if call.is_open(instant)],
    }
    return render(request, "rules.html", context)
