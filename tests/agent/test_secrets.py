"""Secrets at a site behind an agent: sealed for its key alone, opened when an attempt begins."""

import hashlib
import json
from dataclasses import replace

import pytest

from allmende import wiring
from allmende.domain.scheduling.backends import AttemptState, EndReason
from allmende.services import agents, exchanges
from allmende.services.relays import NobodyTakesSecrets
from allmende.storage import agents as agent_store
from allmende.storage import relays as store
from tests.agent.lines import OPERATOR, Line, enrol, send
from tests.backends.contract import a_launch, wait_until
from tests.services.test_project_secrets import dump_database

VALUE = "hush-hush"
DIGEST = hashlib.sha256(VALUE.encode()).hexdigest().encode()
OTHER_KEY = bytes(32)


def ask(line: Line, script: str = 'printf "$TOKEN" | sha256sum'):
    launch = a_launch(script, secrets={"TOKEN": VALUE})
    line.call()
    line.relay.start(launch)
    return launch


def ended(line: Line, key: str):
    def has_ended() -> bool:
        line.pump()
        return line.relay.observe([key])[0].state is AttemptState.ENDED

    wait_until(has_ended)
    return line.relay.observe([key])[0]


def test_they_reach_the_job_and_lie_nowhere_in_clear(line, tmp_path, caplog):
    launch = ask(line)
    assert VALUE.encode() not in dump_database()
    answer = line.call()
    assert VALUE not in str(answer)
    assert answer["orders"][0]["launch"]["sealed_secrets"]
    assert ended(line, launch.key).reason is EndReason.COMPLETED
    assert line.relay.read_log(launch.key, offset=0, limit=64) == DIGEST
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert tmp_path / "agent/spool.sqlite3" in kept
    assert [path for path in kept if VALUE.encode() in path.read_bytes()] == []
    assert VALUE not in caplog.text
    assert store.find_relayed(launch.key).order.launch.sealed_secrets == ""


def test_an_order_that_comes_again_begins_nothing_again(line):
    launch = ask(line, 'echo "$TOKEN" >> "$ALLMENDE_OUT/said"')
    for _ in range(2):
        line.ask()  # and its answer is lost
    order = line.call()["orders"][0]
    assert ended(line, launch.key).reason is EndReason.COMPLETED
    line.relay.start(launch)
    line.pump()
    again = {"orders": [order], "revision": order["revision"], "received": 0, "offsets": [],
             "wanted": []}  # fmt: skip
    line.agent.take_answer(line.agent.write_report(), again)  # as if somebody played it back
    line.agent.tend()
    assert line.backend.read_output(launch.job_id, "said") == b"hush-hush\n"


def test_after_its_key_changed_the_attempt_goes_back_to_be_sealed_anew(line):
    launch = ask(line)
    line.call()
    line.key, old = OTHER_KEY, line.key  # what the spool holds is sealed for the old one
    line.agent.tend()
    line.key = old
    seen = ended(line, launch.key)
    assert (seen.reason, seen.started_at) == (EndReason.NODE_FAIL, None)
    assert "sealed anew for the next attempt" in seen.sentence.english()
    line.relay.start(replace(launch, key=f"{launch.job_id}.2", attempt=2))
    assert ended(line, f"{launch.job_id}.2").reason is EndReason.COMPLETED


def test_nothing_is_sealed_for_an_agent_that_is_older_or_was_sent_away(line):
    ask(line)
    line.takes_secrets = False  # it was put back to an older version
    with pytest.raises(NobodyTakesSecrets):
        ask(line)
    line.takes_secrets = True
    ask(line)
    agents.revoke_agent(wiring.deed_of(OPERATOR), line.enrolled.id)
    launch = a_launch(secrets={"TOKEN": VALUE})
    with pytest.raises(NobodyTakesSecrets):
        line.relay.start(launch)
    assert store.find_relayed(launch.key) is None
    enrol(OTHER_KEY)  # it has not said its key yet
    with pytest.raises(NobodyTakesSecrets):
        line.relay.start(launch)


@pytest.mark.parametrize("said", ["zz", "00", 7, "00" * 33])
def test_a_key_that_is_none_changes_nothing(line, said):
    line.call()
    before = agent_store.get_agent(line.enrolled.id)
    report = line.agent.write_report() | {"sealing_key": said}
    counter = line.spool.count_on()
    answer = send(json.dumps(report).encode(), agent_id=line.enrolled.id, counter=counter)
    assert (answer.status_code, answer.json()["code"]) == (422, "MisshapenReport")
    assert agent_store.get_agent(line.enrolled.id) == before


def test_of_many_large_secrets_an_answer_takes_a_few_at_a_time(line, monkeypatch):
    monkeypatch.setattr(exchanges, "MOST_SEALED_BYTES", 1000)
    line.call()
    for _ in range(3):
        line.relay.start(a_launch(secrets={"TOKEN": "x" * 600}))
    assert [len(line.call()["orders"]) for _ in range(4)] == [1, 1, 1, 0]
