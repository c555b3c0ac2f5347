"""What if: the form, how far the answer is, and what came of it."""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_POST

from allmende import wiring
from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import InvalidInput, NotFound
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import outcomes, what_if
from allmende.services.outcomes import Outcome
from allmende.services.pictures import draw_pictures
from allmende.services.studio import State, View
from allmende.services.what_if import Finding, WhatIf
from allmende.twin.findings import SENTENCES
from allmende.web.acting import get_person
from allmende.web.comparisons import compare_groups
from allmende.web.forms.what_if import WhatIfForm
from allmende.web.wording import write_short
from allmende.wiring.factory import load_factory
from allmende.wiring.languages import translate


@require_GET
def show_question(request: HttpRequest) -> HttpResponse:
    """Show the form, and where a question is asked, its answer or how far it is."""
    reader = _reader(request)
    form = WhatIfForm(request.GET, factory=load_factory())
    if not request.GET:
        return render(request, "what_if/show.html", {"form": form})
    view = _ask(reader, form)
    if view is None:
        return render(request, "what_if/show.html", {"form": form}, status=422)
    if view.question.to_query() != request.GET.dict():
        return redirect(_address("what_if", view.question))
    return render(request, "what_if/show.html", {"form": form, **_context(view)})


@require_GET
def show_live(request: HttpRequest) -> HttpResponse:
    """Return the part of the page that changes while the answer is computed."""
    question = _question(request.GET)
    view = wiring.studio().look(_reader(request).id, question)
    if view is None:  # forgotten, or asked of another process
        view = View(question=question, state=State.CANCELLED)
    return render(request, "what_if/live.html", {"is_live": True, **_context(view)})


@require_POST
def cancel_question(request: HttpRequest) -> HttpResponse:
    """Stop waiting for an answer."""
    reader, question = _reader(request), _question(request.POST)
    wiring.studio().cancel(reader.id, question)
    return redirect(_address("what_if", question))


@require_POST
def ask_again(request: HttpRequest) -> HttpResponse:
    """Ask once more what was cancelled, or failed."""
    reader, question = _reader(request), _question(request.POST)
    prepared = what_if.prepare(reader, question, factory=load_factory(), now=wiring.now())
    wiring.studio().ask(reader.id, prepared, again=True)
    return redirect(_address("what_if", question))


@require_GET
def download_report(request: HttpRequest) -> HttpResponse:
    """Hand out the answer as a page that stands alone."""
    outcome = _find_outcome(request)
    if outcome is None:
        return redirect(_address("what_if", _question(request.GET)))
    text = outcomes.write_report(outcome, translate=translate)
    return _download(text, "what-if.html", "text/html; charset=utf-8")


@require_GET
def download_figures(request: HttpRequest) -> HttpResponse:
    """Hand out the answer as JSON."""
    outcome = _find_outcome(request)
    if outcome is None:
        return redirect(_address("what_if", _question(request.GET)))
    text = json.dumps(outcome.to_json(translate), ensure_ascii=False, indent=2)
    return _download(text, "what-if.json", "application/json")


def _reader(request: HttpRequest) -> Person:
    reader = get_person(request)
    check_permission(reader, Permission.SEE_WHAT_IF)
    return reader


def _ask(reader: Person, form: WhatIfForm) -> View | None:
    """Return how far the answer is, or None with every finding at its field."""
    if not form.is_valid():
        return None
    now = wiring.now()
    question = form.to_question(now)
    try:
        prepared = what_if.prepare(reader, question, factory=load_factory(), now=now)
    except InvalidInput as refusal:
        found = what_if.check(question, form.partition)
        facts = refusal.facts
        form.add_findings(found or [Finding(facts["field"], facts["problem"])])
        return None
    return wiring.studio().ask(reader.id, prepared)


def _question(data: Any) -> WhatIf:
    """Return the question of an address; what is no question has no page."""
    form = WhatIfForm(data, factory=load_factory())
    if not data or not form.is_valid():
        raise NotFound(kind="question", id="?")
    return form.to_question(wiring.now())


def _find_outcome(request: HttpRequest) -> Outcome | None:
    view = wiring.studio().look(_reader(request).id, _question(request.GET))
    return view.outcome if view else None


def _address(name: str, question: WhatIf) -> str:
    return f"{reverse(name)}?{urlencode(question.to_query())}"


def _context(view: View) -> dict[str, Any]:
    query = view.question.to_query()
    context: dict[str, Any] = {
        "view": view,
        "fields": query.items(),
        "query": urlencode(query),
        "options": [(name.replace("_", "-"), value) for name, value in query.items()],
        "announced_percent": view.percent // 10 * 10,
    }
    if view.outcome:
        context |= {
            "outcome": view.outcome,
            "rows": compare_groups(view.outcome),
            "pictures": draw_pictures(view.outcome, translate=translate, write=write_short),
            "findings": [
                (SENTENCES[kind], count) for kind, count in view.outcome.parts[1].findings
            ],
        }
    return context


def _download(text: str, name: str, content_type: str) -> HttpResponse:
    response = HttpResponse(text, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
