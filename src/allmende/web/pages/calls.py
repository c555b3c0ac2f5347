"""Calls, for the programme office: all of them, one of them, and opening one from a mode."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from allmende.domain.access.modes import AccessMode
from allmende.domain.access.working_days import day_of
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sites import Partition
from allmende.domain.trust.permissions import Permission, can_do, check_permission
from allmende.services import calls
from allmende.web.acting import begin_deed, get_person
from allmende.web.forms.calls import CallChoiceForm, CallForm
from allmende.wiring import now
from allmende.wiring.access_rules import load_access_rules
from allmende.wiring.languages import translate

PAGE_SIZE = 50


def list_calls(request: HttpRequest) -> HttpResponse:
    """Show every call, and those of the configuration that are not open yet."""
    reader = get_person(request)
    check_permission(reader, Permission.SEE_MODES)
    found = calls.list_calls(reader, now=now(), after=request.GET.get("after", ""), limit=PAGE_SIZE)
    may_open = can_do(reader, Permission.OPEN_CALL)
    context = {
        "views": found,
        "more": found[-1].call.id if len(found) == PAGE_SIZE else "",
        "may_open": may_open,
        "prepared": calls.list_prepared(reader, rules=load_access_rules()) if may_open else (),
    }
    return render(request, "calls/list.html", context)


def show_call(request: HttpRequest, call_id: str) -> HttpResponse:
    """Show a call; a POST opens one of the configuration."""
    reader = get_person(request)
    check_permission(reader, Permission.SEE_MODES)
    rules = load_access_rules()
    if request.method == "POST":
        calls.open_call(begin_deed(request), call_id, rules=rules)
        return redirect("call", call_id)
    view = calls.get_call(reader, call_id, now=now())
    context = {"view": view, "call": view.call, "mode": rules.get_mode_of(view.call)}
    return render(request, "calls/show.html", context)


def new_call(request: HttpRequest) -> HttpResponse:
    """Ask for mode and machine, then for the call; show it, and open it when it was seen."""
    reader = get_person(request)
    check_permission(reader, Permission.OPEN_CALL)
    instant, rules = now(), load_access_rules()
    offered = {each.id: each for each in rules.modes.list_offered(day_of(instant))}
    asked = "mode" in request.GET or "partition" in request.GET
    choice = CallChoiceForm(request.GET if asked else None, rules=rules, modes=offered.values())
    if not choice.is_valid():
        status = 422 if choice.errors else 200
        return render(request, "calls/choose.html", {"form": choice}, status=status)
    mode = offered[choice.cleaned_data["mode"]]
    partition = rules.get_partition(choice.cleaned_data["partition"])
    data = request.POST if request.method == "POST" else None
    form = CallForm(data, mode=mode, partition=partition, rules=rules, now=instant)
    step = request.POST.get("step")
    if step == "open" and form.is_valid():
        try:
            call = calls.open_new_call(begin_deed(request), form.to_call(), rules=rules)
            return redirect("call", call.id)
        except Refusal as refusal:
            form.add_error(None, translate(refusal.sentence))
    return _answer(request, form, mode, partition, is_seen=step == "preview")


def _answer(
    request: HttpRequest, form: CallForm, mode: AccessMode, partition: Partition, *, is_seen: bool
) -> HttpResponse:
    context = {"form": form, "mode": mode, "partition": partition}
    if is_seen and form.is_valid():
        return render(request, "calls/preview.html", {**context, "call": form.to_call()})
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "calls/new.html", context, status=status)
