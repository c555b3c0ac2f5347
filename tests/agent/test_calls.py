"""Who gets in: the agent itself, once for each counter, until it is revoked."""

import json

import pytest
from django.test import Client

from allmende import wiring
from allmende.domain.basics.people import DAEMON, Person, Role
from allmende.domain.basics.refusals import NotPermitted
from allmende.domain.trust import agents as trust
from allmende.domain.trust import signatures
from allmende.services import agents, audit
from allmende.storage import agents as store
from tests.agent.lines import FACTORY, KEY, OPERATOR, SECRET, enrol, is_signed, send
from tests.backends.contract import a_launch

AUDITOR = Person(id="p-au", name="Au", roles=frozenset({Role.AUDITOR}))
OTHER_KEY = b"o" * 32


def report_of(line, **changes) -> bytes:
    return json.dumps(line.agent.write_report() | changes).encode()


def test_a_stranger_learns_nothing_and_changes_nothing(line):
    body = report_of(line)
    agent_id = line.enrolled.id
    for said in (
        {"agent_id": agent_id, "key": OTHER_KEY},
        {"agent_id": "ag-nobody"},
        {"agent_id": ""},
    ):
        answer = send(body, counter=1, **said)
        assert (answer.status_code, answer.json()["code"]) == (401, "AgentIsUnknown")
        assert trust.SIGNATURE_HEADER not in answer.headers
    assert store.get_agent(agent_id).counter == 0


@pytest.mark.parametrize("header", [trust.COUNTER_HEADER, trust.SIGNATURE_HEADER])
@pytest.mark.parametrize("value", ["", "0", "-1", "+5", " 5", "²", "9" * 30, "zz"])
def test_a_header_that_was_changed_on_the_way_is_found(line, header, value):
    answer = send(report_of(line), agent_id=line.enrolled.id, counter=5, **{header: value})
    assert answer.status_code == 401


def test_a_body_that_was_changed_on_the_way_is_found(line):
    body = report_of(line)
    message = signatures.request_message(
        path=trust.EXCHANGE_PATH, agent_id=line.enrolled.id, counter=1, body=body
    )
    signature = signatures.sign(KEY, message)
    answer = send(
        body + b" ", agent_id=line.enrolled.id, counter=1, **{trust.SIGNATURE_HEADER: signature}
    )
    assert answer.status_code == 401


def test_a_call_that_is_replayed_changes_nothing_and_tells_the_counter(line):
    line.relay.start(a_launch())
    body = report_of(line)
    assert send(body, agent_id=line.enrolled.id, counter=5).status_code == 200
    for counter in (5, 4, 0):
        answer = send(body, agent_id=line.enrolled.id, counter=counter)
        assert (answer.status_code, answer.json()["code"]) == (409, "CallIsRepeated")
        assert answer.json()["facts"] == {"counter": "5"}
        assert is_signed(answer, agent_id=line.enrolled.id, counter=counter)


def test_a_revoked_agent_is_refused_from_that_moment_on(line):
    line.call()
    agents.revoke_agent(wiring.deed_of(OPERATOR), line.enrolled.id)
    answer = send(report_of(line), agent_id=line.enrolled.id, counter=99)
    assert (answer.status_code, answer.json()["code"]) == (403, "AgentIsRevoked")
    assert agents.revoke_agent(wiring.deed_of(OPERATOR), line.enrolled.id).revoked_at
    actions = [event.action for event in audit.list_events(AUDITOR, limit=100)]
    assert actions == ["agent.code_made", "agent.enrolled", "agent.revoked"]


def test_a_new_agent_of_a_site_takes_the_place_of_the_old_one(line):
    newer = enrol(OTHER_KEY)
    answer = send(report_of(line), agent_id=line.enrolled.id, counter=1)
    assert answer.json()["code"] == "AgentIsRevoked"
    found = agents.list_agents(AUDITOR)
    assert [(each.id, each.revoked_at is None) for each in found] == [
        (newer.id, True),
        (line.enrolled.id, False),
    ]


def test_a_code_lets_in_one_key_however_often_it_asks(db):
    code = agents.make_code(wiring.deed_of(OPERATOR), "harz", secret=SECRET, factory=FACTORY)
    asked = {
        key: agents.Application(
            code_id=code.id,
            site_id="harz",
            public_key=signatures.public_key_of(key),
            proof=signatures.prove(
                SECRET, site_id="harz", public_key=signatures.public_key_of(key)
            ),
            protocols=(1,),
            software="0",
        )
        for key in (KEY, OTHER_KEY)
    }
    deed = wiring.deed_of(DAEMON)
    first = agents.enrol_agent(deed, asked[KEY], software="9.9")
    assert agents.enrol_agent(deed, asked[KEY], software="9.9") == first
    with pytest.raises(trust.CodeIsUnknown):
        agents.enrol_agent(deed, asked[OTHER_KEY], software="9.9")


def test_only_those_who_run_machines_or_give_roles_make_codes(db):
    applicant = Person(id="p-a", name="A", roles=frozenset({Role.APPLICANT}))
    for person in (applicant, AUDITOR):
        with pytest.raises(NotPermitted):
            agents.make_code(wiring.deed_of(person), "harz", secret=SECRET, factory=FACTORY)
    with pytest.raises(trust.SiteHasNoAgent):
        agents.make_code(wiring.deed_of(OPERATOR), "alone", secret=SECRET, factory=FACTORY)


def test_a_new_key_is_handed_over_and_the_old_one_is_worth_nothing(line):
    public_key = signatures.public_key_of(OTHER_KEY)
    message = signatures.succession_message(agent_id=line.enrolled.id, public_key=public_key)
    offer = {"public_key": public_key.hex(), "proof": signatures.sign(OTHER_KEY, message)}
    body = report_of(line, next_key=offer)
    answer = send(body, agent_id=line.enrolled.id, counter=1)
    assert answer.json()["fingerprint"] == signatures.fingerprint_of(public_key)
    # Had that answer been lost, the agent would ask again with its new key.
    assert send(body, agent_id=line.enrolled.id, counter=2).status_code == 401
    answer = send(body, agent_id=line.enrolled.id, counter=2, key=OTHER_KEY)
    assert answer.status_code == 200
    forged = {**offer, "proof": signatures.sign(KEY, message), "public_key": "00" * 32}
    body = report_of(line, next_key=forged)
    answer = send(body, agent_id=line.enrolled.id, counter=3, key=OTHER_KEY)
    assert (answer.status_code, answer.json()["code"]) == (422, "BadKey")


def test_an_agent_of_another_protocol_is_told_what_to_install(line):
    body = report_of(line, protocols=[99])
    answer = send(body, agent_id=line.enrolled.id, counter=1)
    assert (answer.status_code, answer.json()["code"]) == (426, "ProtocolsDoNotMeet")
    assert "Install Allmende" in answer.json()["sentence"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"protocols": 1}',
    ],
)
def test_a_body_that_says_nothing_is_refused_in_words(line, body):
    answer = send(body, agent_id=line.enrolled.id, counter=1)
    assert (answer.status_code, answer.json()["code"]) == (422, "MisshapenReport")


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"\xff", b"{}", b'{"code": "\\ud800"}', b"[" * 100_000]
)
def test_who_asks_wrongly_to_be_enrolled_is_refused_in_words(db, body):
    answer = Client().generic("POST", trust.ENROL_PATH, body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (422, "MisshapenReport")
