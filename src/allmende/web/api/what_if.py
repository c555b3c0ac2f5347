"""What if: a workload under other shares, asked by programs as people ask it in the portal."""

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema

from allmende import wiring
from allmende.domain.trust.permissions import Permission
from allmende.services import what_if
from allmende.services.studio import State, View
from allmende.services.what_if import RANGES, WhatIf
from allmende.web.api.permits import get_actor, takes
from allmende.web.api.shapes import QueryId, Words
from allmende.wiring.factory import load_factory
from allmende.wiring.languages import translate

router = Router(tags=["what-if"])


def _number(name: str) -> Any:
    return Query(None, ge=RANGES[name].least, le=RANGES[name].most)


class AnswerOut(Schema):
    """How far a question is; `result` is there when the state is done, `error` when it failed.

    `question` is complete: asked again, it gives the same result.
    """

    state: State
    percent: int
    question: dict[str, str]
    error: Words | None
    result: dict[str, Any] | None


class QuestionIn(Schema):
    """A question; what is left out is as the portal's form begins."""

    machine: QueryId | None = None
    workload: Annotated[str | None, Query(pattern="^(invented|recorded)$")] = None
    today: int | None = _number("today")
    guarantee: int | None = _number("guarantee")
    others_weight: int | None = _number("others_weight")
    response_seconds: int | None = _number("response_seconds")
    demand: int | None = _number("demand")
    load: int | None = _number("load")
    days: int | None = _number("days")
    seed: int | None = _number("seed")
    power: int | None = _number("power")
    failing_nodes: int | None = _number("failing_nodes")
    failing_hours: int | None = _number("failing_hours")
    until: Annotated[str | None, Query(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\dZ$")] = None


@router.get("", response=AnswerOut, **takes(Permission.SEE_WHAT_IF))
def ask_what_if(request: HttpRequest, question: Query[QuestionIn]) -> dict[str, Any]:
    """Ask, or look how far the answer is: repeat the call until the state is done."""
    reader, now = get_actor(request), wiring.now()
    asked = what_if.complete(question.dict(exclude_none=True), factory=load_factory(), now=now)
    prepared = what_if.prepare(reader, asked, factory=load_factory(), now=now)
    return _to_json(wiring.studio().ask(reader.id, prepared), asked)


@router.post("/cancel", response=AnswerOut, **takes(Permission.SEE_WHAT_IF))
def cancel_what_if(request: HttpRequest, question: Query[QuestionIn]) -> dict[str, Any]:
    """Stop waiting for an answer; it is given up when nobody else waits for it."""
    reader, now = get_actor(request), wiring.now()
    asked = what_if.complete(question.dict(exclude_none=True), factory=load_factory(), now=now)
    view = wiring.studio().cancel(reader.id, asked)
    return _to_json(view or View(question=asked, state=State.CANCELLED), asked)


def _to_json(view: View, question: WhatIf) -> dict[str, Any]:
    return {
        "state": view.state,
        "percent": view.percent,
        "question": question.to_query(),
        "error": view.error,
        "result": view.outcome.to_json(translate) if view.outcome else None,
    }
