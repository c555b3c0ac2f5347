"""Access modes, for the programme office: their versions, what changed, and writing a new one."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from allmende.domain.access.modes import Change, list_changes
from allmende.domain.access.working_days import day_of
from allmende.domain.basics.refusals import NotFound, Refusal
from allmende.domain.trust.permissions import Permission, can_do, check_permission
from allmende.services import modes
from allmende.web.acting import begin_deed, get_person
from allmende.web.forms.modes import ModeForm
from allmende.web.states import KINDS, describe
from allmende.web.wording import write_hours, write_number
from allmende.wiring import now
from allmende.wiring.access_rules import load_access_rules
from allmende.wiring.languages import translate


def list_modes(request: HttpRequest) -> HttpResponse:
    """Show every mode with the version of today and those to come."""
    reader = get_person(request)
    check_permission(reader, Permission.SEE_MODES)
    rules, today = load_access_rules(), day_of(now())
    current = modes.list_modes(reader, rules=rules, on=today)
    ids = dict.fromkeys(mode.id for mode in rules.modes.modes)
    later = {mode.id: mode for mode in reversed(rules.modes.modes) if mode.valid_from > today}
    in_force = {mode.id: mode for mode in current}
    context = {"rows": [(in_force.get(id_), later.get(id_)) for id_ in ids]}
    return render(request, "modes/list.html", context)


def show_mode(request: HttpRequest, mode_id: str) -> HttpResponse:
    """Show every version of a mode: what it changed, since when, by whom, on whose word."""
    reader = get_person(request)
    versions = modes.list_versions(reader, mode_id, rules=load_access_rules())
    today = day_of(now())
    context = {
        "versions": [(each, describe_changes(each.changes)) for each in versions],
        "mode": next((each.mode for each in versions if each.mode.holds(today)), versions[0].mode),
        "today": today,
        "may_edit": can_do(reader, Permission.EDIT_MODES),
    }
    return render(request, "modes/show.html", context)


def new_version(request: HttpRequest, mode_id: str) -> HttpResponse:
    """Ask for a new version, show what it changes, and write it when that was seen."""
    reader = get_person(request)
    check_permission(reader, Permission.EDIT_MODES)
    rules, today = load_access_rules(), day_of(now())
    versions = rules.modes.versions(mode_id)
    if not versions:
        raise NotFound(kind="access mode", id=mode_id)
    data = request.POST if request.method == "POST" else None
    form = ModeForm(data, mode=versions[-1], rules=rules, today=today)
    step = request.POST.get("step")
    if step == "write" and form.is_valid():
        try:
            added = modes.add_mode_version(begin_deed(request), form.to_mode(), rules=rules)
            return redirect("mode", added.id)
        except Refusal as refusal:
            form.add_error(None, translate(refusal.sentence))
    context = {"form": form, "mode": versions[-1]}
    if step == "preview" and form.is_valid():
        mode = form.to_mode()
        before = rules.modes.versions(mode.id)
        changes = list_changes(before[-1], mode) if before else ()
        seen = {"new": mode, "is_new": not before, "changes": describe_changes(changes)}
        return render(request, "modes/preview.html", {**context, **seen})
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "modes/new.html", context, status=status)


def describe_changes(changes: tuple[Change, ...]) -> list[tuple[str, str, str]]:
    """Return each change as a label, what was, and what is."""
    return [
        (_label(each.field), _value(each.field, each.before), _value(each.field, each.after))
        for each in changes
        if not each.field.endswith("checked_on")
    ]


def _label(field: str) -> str:
    if field.startswith("review.criteria."):
        return _("Criterion %(name)s") % {"name": field.removeprefix("review.criteria.")}
    names = {
        "names": "name_en",
        "audience": "audience_en",
        "size_min_seconds": "size_from_hours",
        "size_max_seconds": "size_max_hours",
        "review.source": "plan_source",
        "review.note": "plan_note",
    }
    both = {"names": _("Name"), "audience": _("For whom")}
    name = names.get(field, field.removeprefix("review."))
    known = ModeForm.base_fields.get(name)
    return both.get(field) or (str(known.label) if known else field)


def _value(field: str, value: Any) -> str:
    if value is None or value in ("", []):
        return "–"
    if isinstance(value, Mapping):
        return "; ".join(_value(key, part) for key, part in value.items())
    if isinstance(value, list):
        return ", ".join(_value(field, part) for part in value)
    if field.endswith("_seconds"):
        return write_hours(value)
    kind = "route" if field == "routes" else field
    if kind in KINDS:
        return describe(kind, str(value)).word
    labels = {"weight": _("Weight"), "threshold": _("Least mean score")}
    written = write_number(value) if isinstance(value, int) else str(value)
    return f"{labels[field]}: {written}" if field in labels else written
