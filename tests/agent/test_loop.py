"""The agent's loop: enrolment, keys, two agents, a full disk, troubles.

Calls go to the real views without a socket; `test_faults` has the sockets.
"""

import json
import sqlite3
from dataclasses import replace
from datetime import timedelta

import pytest
from django.test import Client

from allmende import wiring
from allmende.agent import calls, loop
from allmende.agent.identities import AgentRunsAlready, NotEncrypted, NotEnrolled, OtherSite, Safe
from allmende.backends.local import LocalBackend
from allmende.domain.scheduling.backends import AttemptState
from allmende.domain.scheduling.errands import Errand, ErrandKind
from allmende.domain.trust import agents as trust
from allmende.services import agents
from allmende.services.relays import Relay
from allmende.storage import agents as store
from allmende.storage import errands as errand_store
from allmende.wiring import home
from allmende.wiring.agents import centre_public_key, new_secret, relay_folder
from tests.agent.lines import FACTORY, OPERATOR, PARTITION, SITE
from tests.backends.contract import a_launch, wait_until

pytestmark = pytest.mark.django_db

CENTRE = "http://127.0.0.1:8742"


@pytest.fixture(autouse=True)
def agent_home(tmp_path, monkeypatch):
    monkeypatch.setenv("ALLMENDE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(autouse=True)
def centre(monkeypatch):
    """Answer all calls to the address of the centre in this process."""
    send = calls.post

    def answer(address, path, body, headers):
        if address != CENTRE:
            return send(address, path, body, headers)
        response = Client().generic(
            "POST", path, body, content_type="application/json", headers=headers
        )
        return calls.Answer(
            status=response.status_code,
            body=response.content,
            signature=response.headers.get(trust.SIGNATURE_HEADER, ""),
            key=response.headers.get(trust.KEY_HEADER, ""),
        )

    monkeypatch.setattr(calls, "post", answer)


def a_code(site: str = SITE, *, centre_key: bytes = b"") -> str:
    code = agents.make_code(wiring.deed_of(OPERATOR), site, secret=new_secret(), factory=FACTORY)
    return trust.write_code(code, centre_key=centre_key or centre_public_key())


@pytest.fixture
def started(agent_home):
    """Return a loop that is enrolled, on a local backend."""
    fingerprint = loop.enrol(site_id=SITE, centre=CENTRE, code=a_code())
    assert [each.fingerprint for each in store.list_agents()] == [fingerprint]
    local = LocalBackend(agent_home / "work", minimum_free_bytes=0)
    begun = loop.Loop(SITE, backend_of=lambda _: local, heartbeat_seconds=0.01)
    yield begun
    begun.close()


def beat(begun: loop.Loop) -> None:
    begun.calls_at = 0.0
    begun.beat()


def a_relay() -> Relay:
    return Relay(site_id=SITE, partition_id=PARTITION, folder=relay_folder(), now=wiring.now)


def test_a_job_runs_to_its_end(started):
    launch, relay = a_launch("echo from afar"), a_relay()
    relay.start(launch)
    wait_until(lambda: beat(started) or relay.observe([launch.key])[0].state is AttemptState.ENDED)
    assert relay.read_log(launch.key, offset=0, limit=99) == b"from afar\n"


def test_a_second_agent_of_one_home_stands_aside(started):
    with pytest.raises(AgentRunsAlready):
        loop.Loop(SITE)
    with pytest.raises(AgentRunsAlready):
        loop.enrol(site_id=SITE, centre="http://localhost:1", code=a_code())


def test_an_agent_that_finds_its_key_used_by_another_stops(started):
    beat(started)
    agent = store.get_agent(started.identity.agent_id)
    store.save_agent(replace(agent, counter=agent.counter + 100))
    with pytest.raises(loop.SomebodyElseSpeaks):
        beat(started)


def test_a_call_that_was_taken_without_an_answer_is_no_sign_of_another(started):
    agent = store.get_agent(started.identity.agent_id)
    store.save_agent(replace(agent, counter=started.spool.counter + 1))
    beat(started)
    beat(started)
    assert store.get_agent(agent.id).counter == started.spool.counter
    assert started.backoff.failures == 0


def test_an_agent_that_was_revoked_stops(started):
    agents.revoke_agent(wiring.deed_of(OPERATOR), started.identity.agent_id)
    with pytest.raises(loop.SentAway):
        beat(started)


def test_a_new_key_takes_over_also_when_the_answer_is_lost(started, monkeypatch):
    fingerprint = loop.rotate(SITE)
    exchange = calls.exchange

    def lose(*said, **more):
        exchange(*said, **more)
        raise calls.NoAnswer(problem="it was lost")

    monkeypatch.setattr(calls, "exchange", lose)
    beat(started)
    monkeypatch.setattr(calls, "exchange", exchange)
    beat(started)
    assert store.get_agent(started.identity.agent_id).fingerprint == fingerprint
    assert Safe(home.home() / "agent").find_next_key() is None
    assert started.backoff.failures == 0
    beat(started)
    assert started.backoff.failures == 0


def test_answers_of_anybody_else_are_none(started, monkeypatch):
    beat(started)
    post, said = calls.post, []

    def overhear(*request):
        said.append(post(*request))
        return said[0]  # an old one, over and over

    monkeypatch.setattr(calls, "post", overhear)
    beat(started)
    assert started.backoff.failures == 0
    for _ in range(3):
        beat(started)
    assert started.backoff.failures == 3
    forged = replace(said[0], body=said[0].body.replace(b"orders", b"Orders"))
    monkeypatch.setattr(calls, "post", lambda *_: forged)
    beat(started)
    assert started.backoff.failures == 4


def test_a_full_disk_loses_nothing(started, monkeypatch):
    launch, relay = a_launch("echo kept"), a_relay()
    relay.start(launch)
    beat(started)
    noted, note_end = [], started.spool.note_end

    def refuse(*what):
        noted.append(what)
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(started.spool, "note_end", refuse)
    wait_until(lambda: beat(started) or noted)
    assert started.spool.depth == 0
    monkeypatch.setattr(started.spool, "note_end", note_end)
    wait_until(lambda: beat(started) or relay.observe([launch.key])[0].state is AttemptState.ENDED)


def test_after_an_errand_the_next_one_does_not_wait_for_a_heartbeat(started):
    started.heartbeat_seconds = 1.0
    beat(started)
    assert started._pace() == 1.0
    agent_id = started.identity.agent_id
    errand_store.add_errand(
        store.get_agent(agent_id).site_id,
        Errand(id="er-1", kind=ErrandKind.LOOK, body={}),
        expires_at=wiring.now() + timedelta(minutes=1),
    )
    beat(started)
    assert started._pace() == 0.0  # there is an answer to tell
    beat(started)
    assert errand_store.find_standing("er-1").answer
    paces = []
    for _ in range(5):
        paces.append(started._pace())
        beat(started)
    assert paces == [0.1, 0.1, 0.1, 1.0, 1.0]
    started.backoff.failures, started.agent.is_busy = 1, True
    assert started._pace() == 1.0


def test_a_centre_that_is_down_is_called_less_and_less_often(started, monkeypatch):
    started.identity = replace(started.identity, centre="http://127.0.0.1:9")
    started.backoff.first_seconds, started.backoff.most_seconds = 1.0, 8.0
    waits = [started.backoff.fail() for _ in range(8)]
    assert all(
        longest / 2 <= wait <= longest
        for wait, longest in zip(waits, (1, 2, 4, 8, 8, 8, 8, 8), strict=True)
    )
    beat(started)
    assert started.backoff.failures == 9


def test_an_agent_of_another_protocol_says_what_to_install(started, monkeypatch):
    monkeypatch.setattr(trust, "PROTOCOLS", (4,))
    beat(started)
    assert "Install Allmende" in started._said
    assert started.backoff.failures > 5


def test_a_centre_that_did_not_make_the_code_is_found():
    with pytest.raises(calls.WrongCentre):
        loop.enrol(site_id=SITE, centre=CENTRE, code=a_code(centre_key=b"x" * 32))
    with pytest.raises(NotEnrolled):
        loop.Loop(SITE)


def test_a_code_that_does_not_work_is_refused_in_words():
    with pytest.raises(calls.Refused, match="This enrolment code does not work"):
        loop.enrol(site_id=SITE, centre=CENTRE, code=a_code("heide"))
    with pytest.raises(trust.CodeIsMisspelt):
        loop.enrol(site_id=SITE, centre=CENTRE, code="guess")


@pytest.mark.parametrize("address", ["http://ai.example.org", "ftp://localhost", "ai.example.org"])
def test_nothing_is_sent_in_the_open(address):
    with pytest.raises(NotEncrypted):
        loop.enrol(site_id=SITE, centre=address, code=a_code())


def test_an_agent_speaks_for_the_site_that_it_was_enrolled_for(started):
    with pytest.raises(OtherSite):
        loop.Loop("heide")
    with pytest.raises(OtherSite):
        loop.rotate("heide")


def test_keys_are_closed_to_others_on_the_machine(started):
    folder = started.safe.folder
    assert folder.stat().st_mode & 0o077 == 0
    for name in ("agent.key", "identity.json", "spool.sqlite3", "lock"):
        assert (folder / name).stat().st_mode & 0o077 == 0, name
    assert "centre_key" in json.loads((folder / "identity.json").read_text())


def test_a_loop_runs_until_it_is_told_to_stop(started):
    started.stop()
    started.run()
    assert started.stopping.is_set()
