"""Calling the centre: signed requests, and answers that only the centre can have given."""

import http.client
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from allmende.agent.identities import Identity, Safe, check_address
from allmende.domain.basics.refusals import Refusal
from allmende.domain.scheduling.exchanges import write_json
from allmende.domain.trust import agents, signatures
from allmende.domain.trust.agents import (
    AGENT_HEADER,
    COUNTER_HEADER,
    ENROL_PATH,
    EXCHANGE_PATH,
    KEY_HEADER,
    PROTOCOLS,
    SIGNATURE_HEADER,
)

TIMEOUT_SECONDS = 20.0
LARGEST_ANSWER_BYTES = 16 * 2**20


class NoAnswer(Refusal):
    """The centre gave no answer: {problem}"""

    status = 503


class WrongCentre(Refusal):
    """Whoever answers at {address} is not the centre that made this code. Nothing was enrolled
    here; tell the operator that somebody may be listening in."""

    status = 403


class Refused(Refusal):
    """The centre refuses: {sentence}"""

    def __init__(self, *, status: int, code: str, sentence: str, facts: Mapping[str, str]) -> None:
        super().__init__(sentence=sentence)
        self.answer_status = status
        self.answer_code = code
        self.answer_facts = facts


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back, with nobody's word for it yet."""

    status: int
    body: bytes
    signature: str
    key: str


def post(address: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send a request and return its answer; `NoAnswer` for whatever goes wrong on the way."""
    parts = urlsplit(check_address(address))
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)
    try:
        sent = {"Content-Type": "application/json", **headers}
        connection.request("POST", parts.path + path, body, sent)
        response = connection.getresponse()
        content = response.read(LARGEST_ANSWER_BYTES)
        return Answer(
            status=response.status,
            body=content,
            signature=response.headers.get(SIGNATURE_HEADER, ""),
            key=response.headers.get(KEY_HEADER, ""),
        )
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(problem=f"{type(error).__name__}: {error}") from error
    finally:
        connection.close()


def exchange(identity: Identity, key: bytes, *, counter: int, report: Any) -> dict[str, Any]:
    """Make a call and return what the centre says; `Refused` where it says no.

    An answer that is not signed by the centre for this very call is none.
    """
    body = write_json(report).encode()
    message = signatures.request_message(
        path=EXCHANGE_PATH, agent_id=identity.agent_id, counter=counter, body=body
    )
    headers = {
        AGENT_HEADER: identity.agent_id,
        COUNTER_HEADER: str(counter),
        SIGNATURE_HEADER: signatures.sign(key, message),
    }
    answer = post(identity.centre, EXCHANGE_PATH, body, headers)
    if not _is_from(bytes.fromhex(identity.centre_key), answer, identity.agent_id, counter):
        raise NoAnswer(problem=f"status {answer.status}, and not signed by the centre for this")
    return _read(answer)


def enrol(safe: Safe, *, site_id: str, centre: str, code: str, software: str) -> Identity:
    """Become the agent of a site with an operator's code, and remember the centre by its key."""
    code_id, secret, fingerprint = agents.read_code(code)
    safe.make_folder()
    key = safe.make_next_key()  # kept: should the answer get lost, the same agent asks again
    public_key = signatures.public_key_of(key)
    asked = {
        "code": code_id,
        "site": site_id,
        "public_key": public_key.hex(),
        "proof": signatures.prove(secret, site_id=site_id, public_key=public_key),
        "protocols": PROTOCOLS,
        "software": software,
        "nonce": secrets.token_hex(16),
    }
    body = json.dumps(asked).encode()
    answer = post(centre, ENROL_PATH, body, {})
    try:
        centre_key = bytes.fromhex(answer.key)
    except ValueError as error:
        raise WrongCentre(address=centre) from error
    name = signatures.fingerprint_of(body)
    is_right = signatures.fingerprint_of(centre_key) == fingerprint
    if answer.key and not (is_right and _is_from(centre_key, answer, name, 0)):
        raise WrongCentre(address=centre)
    value = _read(answer)
    if not answer.key:
        raise WrongCentre(address=centre)
    identity = Identity(
        agent_id=value["agent"],
        site_id=site_id,
        centre=check_address(centre),
        centre_key=centre_key.hex(),
    )
    safe.begin(identity, key)
    return identity


def _is_from(centre_key: bytes, answer: Answer, agent_id: str, counter: int) -> bool:
    message = signatures.answer_message(
        agent_id=agent_id, counter=counter, status=answer.status, body=answer.body
    )
    return signatures.is_signed(centre_key, message, answer.signature)


def _read(answer: Answer) -> dict[str, Any]:
    try:
        value = json.loads(answer.body)
        if answer.status == http.client.OK:
            return dict(value)
        raise Refused(
            status=answer.status,
            code=str(value["code"]),
            sentence=str(value["sentence"]),
            facts=dict(value.get("facts", {})),
        )
    except (LookupError, TypeError, ValueError) as error:
        raise NoAnswer(problem=f"status {answer.status}, and no words that can be read") from error
