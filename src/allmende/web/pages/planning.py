"""The training planner: a form in the address, and its answer beside it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from allmende import wiring
from allmende.domain.basics.refusals import Refusal
from allmende.services import planning
from allmende.web.acting import get_person
from allmende.web.forms.planning import PlanForm
from allmende.web.planning_pictures import draw_days
from allmende.wiring.access_rules import load_access_rules
from allmende.wiring.planning import load_planning


@require_GET
def show_plan(request: HttpRequest) -> HttpResponse:
    """Work a training out from the address; without one, a large European model."""
    facts = load_planning()
    form = PlanForm(request.GET, facts=facts)
    refusal, answer = None, None
    if form.is_valid():
        try:
            answer = planning.plan(
                get_person(request),
                form.question(),
                facts=facts,
                rules=load_access_rules(),
                now=wiring.now(),
            )
        except Refusal as error:
            refusal = error.sentence
    context = {
        "form": form,
        "answer": answer,
        "refusal": refusal,
        "picture": draw_days(answer) if answer else None,
        "options": _list_options(form) if answer else (),
    }
    return render(request, "planning/show.html", context, status=200 if answer else 422)


def _list_options(form: PlanForm) -> list[tuple[str, str]]:
    """Return the options of the same question at the command line."""
    kind, _colon, name = form.data["on"].partition(":")
    written = {
        "params": form.data["params"],
        "active-params": form.data.get("active"),
        "tokens": form.data["tokens"],
        kind: name,
        "gpus": form.data.get("gpus"),
    }
    options = [(option, "".join(text.split())) for option, text in written.items() if text]
    precision = str(form.data["precision"])
    return [*options, ("precision", precision)] if precision != "bf16" else options
