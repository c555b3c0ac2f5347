"""The resource calculator: by itself for everybody, and inside an application."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from allmende import wiring
from allmende.domain.access.application_forms import Section
from allmende.domain.access.applications import Application, ApplicationState
from allmende.domain.basics.refusals import Refusal
from allmende.services import applications, sizes
from allmende.services.sizes import SizeEstimate, SizeQuestion
from allmende.web.acting import begin_deed, get_person
from allmende.web.forms.sizes import SizeForm, initial_of
from allmende.web.pages.applications import load_call
from allmende.wiring.access_rules import load_access_rules
from allmende.wiring.blueprints import load_trainings
from allmende.wiring.factory import load_factory

FIRST = "devices"  # stands in the address of every answer


def show_sizes(request: HttpRequest) -> HttpResponse:
    """Work out hours, days, energy and price from the address."""
    return _show(request, SizeQuestion(partition_id=_first_machine()))


def size_application(request: HttpRequest, application_id: str) -> HttpResponse:
    """Do the same for an application, and take the figures over."""
    application = applications.get_application(get_person(request), application_id)
    if application.state is not ApplicationState.DRAFT:
        return redirect("application", application_id)
    if request.method != "POST":
        return _show(request, sizes.prefill(application, load_call(application)), application)
    form = _bind(request.POST)
    if not form.is_valid():
        return _show(request, SizeQuestion(), application, form=form)
    sizes.take_over(begin_deed(request), application_id, form.question(), **_known())
    return redirect("application_section", application_id, Section.RESOURCES.value)


def _show(
    request: HttpRequest,
    start: SizeQuestion,
    application: Application | None = None,
    *,
    form: SizeForm | None = None,
) -> HttpResponse:
    refusal, estimate = None, None
    if form is None:
        form = _bind(request.GET) if FIRST in request.GET else _bind(None, initial_of(start))
    if form.is_bound and form.is_valid():
        try:
            estimate = sizes.estimate_size(
                get_person(request), form.question(), **_known(), now=wiring.now()
            )
        except Refusal as error:
            refusal = error.sentence
    context = {
        "form": form,
        "estimate": estimate,
        "refusal": refusal,
        "application": application,
        "obstacle": _find_obstacle(application, estimate),
        "given": [(name, request.GET.get(name, "")) for name in form.fields],
    }
    status = 422 if form.errors or refusal else 200
    return render(request, "sizes/show.html", context, status=status)


def _find_obstacle(application: Application | None, estimate: SizeEstimate | None) -> Any:
    if application is None or estimate is None:
        return None
    return sizes.find_obstacle(application, load_call(application), estimate)


def _bind(data: Any, initial: dict[str, Any] | None = None) -> SizeForm:
    return SizeForm(data, initial=initial, factory=load_factory(), blueprints=load_trainings())


def _known() -> dict[str, Any]:
    return {
        "factory": load_factory(),
        "blueprints": load_trainings(),
        "rules": load_access_rules(),
    }


def _first_machine() -> str:
    """Return a machine whose speed is known, to start with."""
    known = (each for each in load_factory().partitions if each.peak_teraflops_per_device)
    return next((each.id for each in known), "")
