"""Refusals and failures as problem documents (RFC 9457): what went wrong, and the way out."""

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI, Schema
from ninja.errors import HttpError, ValidationError

from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.web.errors import refuse_size
from allmende.wiring import troubles
from allmende.wiring.languages import translate

logger = logging.getLogger(__name__)
CONTENT_TYPE = "application/problem+json"


class NoSuchOperation(Refusal):
    """The API has nothing at {path}. The page at {page} lists what it has."""

    status = 404


class Problem(Schema):
    """What every refusal of the API looks like."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    facts: dict[str, Any]


def answer_with_problems(api: NinjaAPI) -> None:
    """Translate every refusal and failure by one table."""
    api.exception_handler(Refusal)(lambda _, error: _refuse(error))
    api.exception_handler(ValidationError)(lambda _, error: _misfit(error))
    api.exception_handler(RequestDataTooBig)(lambda _, error: _refuse(refuse_size(error)))
    api.exception_handler(Http404)(lambda *_: _plain(404))
    api.exception_handler(HttpError)(lambda _, error: _fault(error))
    api.exception_handler(Exception)(_fail)


@csrf_exempt
def refuse_address(request: HttpRequest, rest: str) -> HttpResponse:
    """Answer programs that ask at an address of the API where nothing is."""
    page = request.path.removesuffix(rest)
    return _refuse(NoSuchOperation(path=request.path, page=page))


def _refuse(refusal: Refusal) -> HttpResponse:
    facts = {name: _fact(fact) for name, fact in refusal.facts.items()}
    return _problem(refusal.status, translate(refusal.sentence), code=refusal.code(), facts=facts)


def _misfit(error: ValidationError) -> HttpResponse:
    places = {".".join(str(part) for part in item["loc"]): item["msg"] for item in error.errors}
    detail = "; ".join(f"{place}: {text}" for place, text in places.items())
    return _problem(422, detail, code="InvalidRequest", facts=places)


def _fault(error: HttpError) -> HttpResponse:
    # Ninja wraps whatever goes wrong while it reads a body; a refusal in there says more.
    cause = error.__cause__
    return _refuse(cause) if isinstance(cause, Refusal) else _plain(error.status_code)


def _plain(status: int) -> HttpResponse:
    phrase = HTTPStatus(status)
    return _problem(status, f"{phrase.description or phrase.phrase}.", code=phrase.name, facts={})


def _fail(request: HttpRequest, error: Exception) -> HttpResponse:
    refusal = troubles.explain(error)
    if refusal is not None:
        return _refuse(refusal)
    logger.error("the API failed at %s %s", request.method, request.path, exc_info=error)
    return _plain(500)


def _problem(status: int, detail: str, *, code: str, facts: dict[str, Any]) -> HttpResponse:
    document = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "facts": facts,
    }
    text = json.dumps(document, ensure_ascii=False)
    response = HttpResponse(text, status=status, content_type=CONTENT_TYPE)
    if status == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = "Bearer"
    return response


def _fact(fact: Any) -> Any:
    if isinstance(fact, Sentence):
        return translate(fact)
    if isinstance(fact, Mapping):
        return {str(name): _fact(part) for name, part in fact.items()}
    if isinstance(fact, list | tuple):
        return [_fact(part) for part in fact]
    return fact if isinstance(fact, str | int | float | bool | None) else str(fact)
