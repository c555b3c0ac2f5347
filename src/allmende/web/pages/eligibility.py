"""The eligibility check: one question a page, the answers in the address, nothing kept."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode

from allmende.domain.access.working_days import day_of
from allmende.services import eligibility
from allmende.web.acting import get_person
from allmende.web.forms.eligibility import Question, bind_questions, initial_of, read_answers
from allmende.wiring import now
from allmende.wiring.access_rules import load_access_rules


def check_eligibility(request: HttpRequest) -> HttpResponse:
    """Ask the first question that is open or wrong; show the answer when none is."""
    data: dict[str, Any] = {}
    asked: list[Question] = []
    for question in bind_questions(request.GET):
        asked.append(question)
        wants_again = request.GET.get("again") == question.name
        if not question.is_bound or wants_again or not question.is_valid():
            return _ask(request, asked, wants_again=wants_again)
        data |= question.cleaned_data
    rules, on = load_access_rules(), day_of(now())
    data["graph"] = request.GET.get("graph", "")
    answers = read_answers(data, rules=rules, on=on)
    result = eligibility.check_eligibility(answers, rules=rules, on=on)
    context = {
        "result": result,
        "offers": eligibility.list_offers(get_person(request), result, rules=rules, now=now()),
        "worth": eligibility.find_worth(answers, result, rules=rules),
        "answers": answers,
        "size_link": f"{reverse('size')}?{request.GET.urlencode()}" if data.get("graph") else "",
        "query": request.GET.urlencode(),
        "back": _link(request, asked, asked[-1].name),
        "changes": [(question, _link(request, asked, question.name)) for question in asked],
    }
    return render(request, "check/result.html", context)


def _ask(request: HttpRequest, asked: list[Question], *, wants_again: bool) -> HttpResponse:
    *before, question = asked
    if wants_again:  # shown with the former answer, but without complaints about it
        question = type(question)(initial=initial_of(question, request.GET))
    later = [
        (name, value)
        for name, values in request.GET.lists()
        for value in values
        if name not in question.base_fields and name != "again"
    ]
    context = {
        "form": question,
        "number": len(asked),
        "carried": later,
        "back": _link(request, before, before[-1].name) if before else "",
        "query": request.GET.urlencode(),
        "before": before,
    }
    status = 422 if question.errors else 200
    return render(request, "check/question.html", context, status=status)


def _link(request: HttpRequest, asked: list[Question], again: str) -> str:
    """Return the address of a question with all answers so far, so that none is asked twice."""
    pairs = [
        (name, value)
        for question in asked
        for name in question.base_fields
        for value in question.data.getlist(name)
    ]
    if graph := request.GET.get("graph"):
        pairs.append(("graph", graph))
    return "?" + urlencode([*pairs, ("again", again)])
