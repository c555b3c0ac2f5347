"""Where site agents call: enrolment and exchange. They take no person, but a signature.

Not part of the API for people: who calls here is known by a key, and every answer is signed.
"""

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from allmende import __version__, wiring
from allmende.domain.basics.people import DAEMON
from allmende.domain.basics.refusals import Refusal
from allmende.domain.scheduling.exchanges import LARGEST_CALL_BYTES, MisshapenReport
from allmende.domain.trust import signatures
from allmende.domain.trust.agents import (
    AGENT_HEADER,
    COUNTER_HEADER,
    EXCHANGE_PATH,
    KEY_HEADER,
    SIGNATURE_HEADER,
    AgentIsUnknown,
)
from allmende.services import agents, exchanges
from allmende.services.agents import Application
from allmende.wiring import troubles
from allmende.wiring.agents import centre_key, centre_public_key, desk

logger = logging.getLogger(__name__)


@csrf_exempt
@require_POST
def exchange(request: HttpRequest) -> HttpResponse:
    """Take the report of an agent and give it its orders."""
    call = exchanges.Call(
        path=EXCHANGE_PATH,
        agent_id=request.headers.get(AGENT_HEADER, ""),
        counter=_counter(request),
        signature=request.headers.get(SIGNATURE_HEADER, ""),
        # Its own limit: what a site has to tell is more than a person may send.
        body=request.read(LARGEST_CALL_BYTES),
    )
    return _answer(
        lambda: exchanges.answer_call(wiring.deed_of(DAEMON), call, desk=desk()),
        agent_id=call.agent_id,
        counter=call.counter,
    )


@csrf_exempt
@require_POST
def enrol(request: HttpRequest) -> HttpResponse:
    """Let in an agent that has a code, and tell it its name."""
    body = request.body
    # What the answer is signed for: nobody else asked with this key.
    name = signatures.fingerprint_of(body)
    return _answer(lambda: _enrol(body), agent_id=name, counter=0)


def _enrol(body: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(body.decode("ascii"))  # all of it is names, numbers and digits
        if "\\u" in body.decode():
            raise ValueError("and nothing else")
        application = Application(
            code_id=str(asked["code"]),
            site_id=str(asked["site"]),
            public_key=bytes.fromhex(asked["public_key"]),
            proof=str(asked["proof"]),
            protocols=tuple(int(each) for each in asked["protocols"]),
            software=str(asked["software"]),
        )
    except (LookupError, TypeError, ValueError, RecursionError) as error:
        raise MisshapenReport(problem=type(error).__name__) from error
    agent = agents.enrol_agent(wiring.deed_of(DAEMON), application, software=__version__)
    return {"agent": agent.id, "site": agent.site_id}


def _counter(request: HttpRequest) -> int:
    text = request.headers.get(COUNTER_HEADER, "")
    # Nothing else is a counter: Python would also read "+1" and " 1".
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1


def _answer(work: Callable[[], Mapping[str, Any]], *, agent_id: str, counter: int) -> HttpResponse:
    try:
        status, value = 200, work()
    except AgentIsUnknown as refusal:
        # To a stranger we prove nothing.
        return _response(refusal.status, json.dumps(_describe(refusal)).encode())
    except Refusal as refusal:
        status, value = refusal.status, _describe(refusal)
    except Exception as error:
        trouble = troubles.explain(error)
        if trouble is None:
            logger.error("the call of agent %s failed", agent_id, exc_info=error)
            return _response(500, b'{"code": "Failed", "sentence": "The centre failed."}')
        status, value = trouble.status, _describe(trouble)
    body = json.dumps(value).encode()
    message = signatures.answer_message(
        agent_id=agent_id, counter=counter, status=status, body=body
    )
    response = _response(status, body)
    response[SIGNATURE_HEADER] = signatures.sign(centre_key(), message)
    response[KEY_HEADER] = centre_public_key().hex()
    return response


def _response(status: int, body: bytes) -> HttpResponse:
    return HttpResponse(body, status=status, content_type="application/json")


def _describe(refusal: Refusal) -> dict[str, Any]:
    facts = {name: str(fact) for name, fact in refusal.facts.items()}
    return {"code": refusal.code(), "sentence": str(refusal), "facts": facts}
