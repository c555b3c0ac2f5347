"""What happens when an agent calls: its reports take effect, once each, and it gets its orders.

One call is one transaction. A call that got no answer is made anew, with the same messages under
the same numbers: those that were taken are passed over.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

from allmende.domain.basics.refusals import Refusal
from allmende.domain.scheduling.backends import AttemptState
from allmende.domain.scheduling.errands import LARGEST_PACKED_BYTES
from allmende.domain.scheduling.exchanges import (
    CODE_OF,
    MisshapenReport,
    file_name_from_json,
    observation_from_json,
    order_to_json,
)
from allmende.domain.training.code_archives import PREFIX, CodeIsDamaged, find_hash
from allmende.domain.trust import agents, envelopes
from allmende.domain.trust.agents import Agent
from allmende.services import audit
from allmende.services.agents import person_of
from allmende.services.deeds import Deed, one_transaction
from allmende.services.incoming import Incoming
from allmende.storage import agents as agent_store
from allmende.storage import code_archives as code_store
from allmende.storage import database
from allmende.storage import errands as errand_store
from allmende.storage import relays as store
from allmende.storage.code_files import CodeShelves
from allmende.storage.relay_files import RelayFolder
from allmende.storage.relays import Relayed

MOST_ORDERS = 100  # in one answer; the agent calls again at once for more
MOST_SEALED_BYTES = 4 * 2**20  # of secrets in one answer
MOST_WANTED = 20
MOST_ERRANDS = 10
CODE_PIECE_BYTES = 2**20
MOST_ENTRIES = 10_000  # of any one kind in a report
MESSAGE_MISTAKES = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

# Takes what a site's agent read of its cluster's accounting; taken again it changes nothing.
TakeUsage = Callable[[Deed, str, Mapping[str, Any]], None]


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call as it came, before anybody believed a word of it."""

    path: str
    agent_id: str
    counter: int
    signature: str
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What it takes to answer calls, from wiring."""

    folder: RelayFolder
    software: str  # our version, for an agent that speaks another protocol
    take_usage: TakeUsage
    shelves: CodeShelves


@dataclass(frozen=True, kw_only=True)
class CodeAsked:
    """The archive of code that an agent needs next, and how much of it is there."""

    sha256: str
    offset: int


@dataclass(frozen=True, kw_only=True)
class Report:
    """What an agent tells in one call."""

    protocols: tuple[int, ...]
    software: str
    revision: int  # up to which it has its orders on its disk
    spool_depth: int
    trouble: str
    observations: list[Any]
    messages: list[Any]
    pieces: list[Any]
    answers: list[Any]
    code: CodeAsked | None
    next_key: Mapping[str, str] | None
    sealing_key: bytes  # b"" of an agent that takes no secrets


def answer_call(deed: Deed, call: Call, *, desk: Desk) -> dict[str, Any]:
    """Take an agent's report and return what it is told; a refusal for whoever is none of ours.

    The report is read only once the signature is known to be right.
    """
    # First without a lock, so that strangers keep nobody waiting.
    _check_signature(agent_store.find_agent(call.agent_id), call)
    return _take_call(deed, call, desk=desk)


def _check_signature(agent: Agent | None, call: Call) -> Agent:
    return agents.check_signature(
        agent, call.signature, path=call.path, counter=call.counter, body=call.body
    )


@one_transaction
def _take_call(deed: Deed, call: Call, *, desk: Desk) -> dict[str, Any]:
    agent = _check_signature(agent_store.lock_agent(call.agent_id), call)
    agents.check_call(agent, counter=call.counter)
    report = read_report(call.body)
    protocol = agents.choose_protocol(report.protocols, software=desk.software)
    deed = replace(deed, actor=person_of(agent))
    if report.next_key is not None:
        agent = _succeed(deed, agent, report.next_key)
    incoming = Incoming(deed, agent.site_id, folder=desk.folder)
    for seen in report.observations:
        with suppress(MisshapenReport):  # it is a level: the next one may be whole
            incoming.take_observation(observation_from_json(seen))
    received = _take_messages(deed, agent, report, desk=desk, incoming=incoming)
    offsets = [_take_piece(incoming, piece) for piece in report.pieces]
    incoming.close_whole()
    for each in report.answers:
        errand_store.save_answer(agent.site_id, each["id"], each["answer"])
    agent_store.save_agent(
        replace(
            agent,
            counter=call.counter,
            sealing_key=report.sealing_key,
            received=received,
            protocol=protocol,
            software=report.software[:40],
            last_contact_at=deed.now,
            spool_depth=report.spool_depth,
            trouble=report.trouble[:2000],
        )
    )
    return {
        "protocol": protocol,
        "fingerprint": agent.fingerprint,
        "received": received,
        "offsets": offsets,
        "wanted": incoming.list_wanted(limit=MOST_WANTED),
        **_hand_out(agent.site_id, report.revision),
        "errands": _hand_out_errands(deed, agent.site_id),
        "code": report.code and _hand_out_code(agent.site_id, report.code, desk=desk),
    }


def _succeed(deed: Deed, agent: Agent, next_key: Mapping[str, str]) -> Agent:
    """Let a new key take the place of the agent's own; the same again changes nothing."""
    try:
        public_key, proof = bytes.fromhex(next_key["public_key"]), next_key["proof"]
    except (LookupError, TypeError, ValueError) as error:
        raise agents.BadKey from error
    if public_key == agent.public_key:
        return agent
    agent = agents.succeed(agent, public_key, proof)
    audit.record(
        deed,
        action="agent.key_changed",
        subject=agent.id,
        site=agent.site_id,
        fingerprint=agent.fingerprint,
    )
    return agent


def _take_messages(
    deed: Deed, agent: Agent, report: Report, *, desk: Desk, incoming: Incoming
) -> int:
    """Let each new message take effect; one that cannot is set aside, and holds up no other."""
    received = agent.received
    for message in report.messages:
        number = message["number"]
        if number <= received:
            continue
        try:
            with database.transaction():
                _take_message(deed, agent, message, desk=desk, incoming=incoming)
        except (Refusal, *MESSAGE_MISTAKES) as error:
            if isinstance(error, Refusal) and error.status >= 500:
                raise  # our own trouble, which passes: the agent sends it again
            audit.record(
                deed,
                action="agent.message_set_aside",
                subject=agent.id,
                number=number,
                kind=str(message.get("kind"))[:40],
                problem=type(error).__name__,
            )
        received = number
    return received


def _take_message(
    deed: Deed, agent: Agent, message: Mapping[str, Any], *, desk: Desk, incoming: Incoming
) -> None:
    kind, body = message["kind"], message["body"]
    if kind == "ended":
        incoming.take_end(observation_from_json(body["observation"]), body["files"])
    elif kind == "usage":
        desk.take_usage(deed, agent.site_id, body)
    else:
        raise MisshapenReport(problem=f"message of kind {kind}")


def _take_piece(incoming: Incoming, piece: Mapping[str, Any]) -> dict[str, Any]:
    try:
        content = base64.b64decode(piece["content"], validate=True)
        offset, is_gone = int(piece["offset"]), piece["is_gone"] is True
    except (LookupError, TypeError, ValueError, binascii.Error) as error:
        raise MisshapenReport(problem="a piece of a file") from error
    name = file_name_from_json(piece["file"])
    if is_gone:
        incoming.give_up(name)
    have = incoming.take_piece(name, offset=offset, content=content)
    return {"file": piece["file"], "have_bytes": have}


def _hand_out(site_id: str, revision: int) -> dict[str, Any]:
    """Return the orders that the agent does not have yet, and how far it has them then."""
    newest = store.find_revision(site_id)
    # Ours is a database that was restored: the agent gets everything anew.
    after = revision if revision <= newest else 0
    relayed = _limit(store.list_orders(site_id, after=after, limit=MOST_ORDERS))
    store.note_handed_out([each.order.key for each in relayed])
    orders = [each.order for each in relayed]
    return {
        "orders": [order_to_json(order) for order in orders],
        "revision": orders[-1].revision if orders else newest,
    }


def _limit(relayed: Sequence[Relayed]) -> list[Relayed]:
    """Return the first orders that fit into an answer; one at least."""
    found: list[Relayed] = []
    left_bytes = MOST_SEALED_BYTES
    for each in relayed:
        left_bytes -= len(each.order.launch.sealed_secrets)
        if found and left_bytes < 0:
            break
        found.append(each)
    return found


def _hand_out_errands(deed: Deed, site_id: str) -> list[Any]:
    """Return what somebody waits for; each again until its answer is here."""
    errands = errand_store.hand_out(site_id, now=deed.now, limit=MOST_ERRANDS)
    return [asdict(errand) for errand in errands]


def _hand_out_code(site_id: str, asked: CodeAsked, *, desk: Desk) -> dict[str, Any] | None:
    """Return a piece of an archive that an open order at this site names, and of no other one."""
    project_id = store.find_project_of_code(site_id, f"{CODE_OF}{asked.sha256}")
    archive = code_store.find_archive(project_id, asked.sha256)
    if archive is None:
        return None
    try:
        shelf = desk.shelves.of(project_id)
        if not asked.offset:  # what is damaged here would be no use there, and asked for again
            shelf.open(asked.sha256).close()
        content = shelf.read_part(asked.sha256, offset=asked.offset, limit=CODE_PIECE_BYTES)
    except CodeIsDamaged:
        return None  # the job waits, and the site is told the rest
    text = base64.b64encode(content).decode()
    return {**asdict(asked), "content": text, "size_bytes": archive.size_bytes}


def read_report(body: bytes) -> Report:
    """Return what a call says; `MisshapenReport` where it cannot be read."""
    try:
        value = json.loads(body)
        report = Report(
            protocols=tuple(int(each) for each in value["protocols"]),
            software=str(value["software"]),
            revision=int(value["revision"]),
            spool_depth=int(value["spool_depth"]),
            trouble=str(value["trouble"]),
            observations=_entries(value["observations"]),
            messages=_entries(value["messages"]),
            pieces=_entries(value["pieces"]),
            answers=_entries(value.get("answers", [])),  # none of an agent of protocol 1
            code=_code_asked(value.get("code")),  # nor this of one of protocol 2
            next_key=value.get("next_key"),
            sealing_key=bytes.fromhex(value.get("sealing_key", "")),
        )
        numbers = [message["number"] for message in report.messages]
    except (LookupError, TypeError, ValueError, RecursionError) as error:
        raise MisshapenReport(problem=type(error).__name__) from error
    if not all(isinstance(number, int) for number in numbers) or numbers != sorted(set(numbers)):
        raise MisshapenReport(problem="messages come by their numbers")
    if len(report.sealing_key) not in (0, envelopes.KEY_BYTES):
        raise MisshapenReport(problem="a key that is none")
    if not all(map(_is_answer, report.answers)):
        raise MisshapenReport(problem="an answer is a short text")
    if any(seen.get("state") == AttemptState.ENDED for seen in report.observations):
        raise MisshapenReport(problem="an end is a message")
    return report


def _code_asked(value: Any) -> CodeAsked | None:
    if value is None:
        return None
    sha256, offset = value["sha256"], value["offset"]
    if not (isinstance(sha256, str) and find_hash(f"{PREFIX}{sha256}") and 0 <= offset < 2**40):
        raise ValueError("this names no code")
    return CodeAsked(sha256=sha256, offset=int(offset))


def _is_answer(value: Any) -> bool:
    texts = [value.get("id"), value.get("answer")]
    return all(
        isinstance(text, str) and text.isascii() and text.isprintable()
        and len(text) <= LARGEST_PACKED_BYTES
        for text in texts
    )  # fmt: skip


def _entries(value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) > MOST_ENTRIES:
        raise TypeError("this is no list of a fair length")
    if not all(isinstance(entry, dict) for entry in value):
        raise TypeError("each entry is an object")
    return value
