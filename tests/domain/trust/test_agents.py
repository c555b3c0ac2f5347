"""Who may speak for a site, how often, and in which version."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.trust import agents, signatures
from allmende.domain.trust.agents import Agent, EnrolmentCode

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
KEY, OTHER_KEY = b"k" * 32, b"o" * 32
PUBLIC = signatures.public_key_of(KEY)
AGENT = Agent(id="ag-1", site_id="harz", public_key=PUBLIC, enrolled_at=NOON)
CODE = EnrolmentCode(
    id="ac-1", site_id="harz", secret=b"s" * 32, expires_at=NOON + timedelta(hours=1)
)
PROOF = signatures.prove(CODE.secret, site_id="harz", public_key=PUBLIC)


def check(code: EnrolmentCode | None = CODE, proof: str = PROOF, **changes) -> EnrolmentCode:
    facts = {"site_id": "harz", "public_key": PUBLIC, "now": NOON} | changes
    return agents.check_code(code, proof, **facts)


def test_a_code_is_used_once_in_time_for_its_site_and_by_whoever_has_it():
    assert check() == CODE
    late = NOON + timedelta(hours=1)
    for wrong in (
        {"code": None},
        {"code": replace(CODE, used_at=NOON)},
        {"now": late},
        {"site_id": "heide"},
        {"public_key": signatures.public_key_of(OTHER_KEY)},
        {"proof": "0" * 64},
        {"public_key": b"short"},
    ):
        with pytest.raises(agents.CodeIsUnknown):
            check(**wrong)


def test_a_code_is_read_as_it_was_written():
    text = agents.write_code(CODE, centre_key=PUBLIC)
    assert agents.read_code(f" {text}\n") == (
        "ac-1",
        CODE.secret,
        signatures.fingerprint_of(PUBLIC),
    )


@pytest.mark.parametrize(
    "text",
    ["", "allmende-agent", "allmende-agent.a.zz." + "0" * 64, "allmende-agent.a.00.00", "x.a.00."],
)
def test_what_is_no_code_is_refused(text):
    with pytest.raises(agents.CodeIsMisspelt):
        agents.read_code(text)


def test_only_the_agent_itself_is_believed():
    call = {"path": "/p", "counter": 3, "body": b"{}"}
    message = signatures.request_message(agent_id="ag-1", **call)
    assert agents.check_signature(AGENT, signatures.sign(KEY, message), **call) is AGENT
    for agent, signature in (
        (None, signatures.sign(KEY, message)),
        (AGENT, signatures.sign(OTHER_KEY, message)),
        (replace(AGENT, id="ag-2"), signatures.sign(KEY, message)),
    ):
        with pytest.raises(agents.AgentIsUnknown):
            agents.check_signature(agent, signature, **call)


@given(st.lists(st.integers(0, 20), max_size=30))
def test_each_counter_is_taken_at_most_once_in_whatever_order_calls_arrive(counters):
    agent, taken = AGENT, []
    for counter in counters:
        try:
            agents.check_call(agent, counter=counter)
        except agents.CallIsRepeated:
            assert counter <= agent.counter
        else:
            taken.append(counter)
            agent = replace(agent, counter=counter)
    assert taken == sorted(set(taken))


def test_a_revoked_agent_is_refused_whatever_it_says():
    revoked = agents.revoke(AGENT, now=NOON)
    assert agents.revoke(revoked, now=NOON + timedelta(1)) == revoked
    with pytest.raises(agents.AgentIsRevoked):
        agents.check_call(revoked, counter=99)


def test_the_newest_protocol_that_both_speak_is_chosen(monkeypatch):
    monkeypatch.setattr(agents, "PROTOCOLS", (2, 3, 4))
    assert agents.choose_protocol([1, 2, 3], software="9.9") == 3
    for offered in ([1], [5, 6], []):
        with pytest.raises(agents.ProtocolsDoNotMeet, match=r"Install Allmende 9\.9"):
            agents.choose_protocol(offered, software="9.9")


def test_a_new_key_takes_over_only_from_whoever_has_it():
    public_key = signatures.public_key_of(OTHER_KEY)
    message = signatures.succession_message(agent_id="ag-1", public_key=public_key)
    changed = agents.succeed(AGENT, public_key, signatures.sign(OTHER_KEY, message))
    assert changed == replace(AGENT, public_key=public_key)
    assert changed.fingerprint != AGENT.fingerprint
    with pytest.raises(agents.BadKey):
        agents.succeed(AGENT, public_key, signatures.sign(KEY, message))


def test_secrets_are_for_an_agent_that_can_open_them():
    assert not AGENT.takes_secrets
    assert replace(AGENT, sealing_key=PUBLIC).takes_secrets


def test_an_agent_is_quiet_when_it_should_have_called():
    assert AGENT.is_quiet(NOON)
    called = replace(AGENT, last_contact_at=NOON)
    assert not called.is_quiet(NOON + agents.QUIET_AFTER)
    assert called.is_quiet(NOON + agents.QUIET_AFTER + timedelta(seconds=1))
