"""What is told takes effect once, whatever gets lost, and concerns nobody else's jobs."""

import errno
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from allmende import wiring
from allmende.backends.local.backend import FolderChanged
from allmende.domain.basics.people import DAEMON
from allmende.domain.scheduling.backends import AttemptState, EndReason
from allmende.domain.scheduling.exchanges import FileKind, FileName
from allmende.services import audit
from allmende.services.relays import LeftAtSite
from allmende.storage import agents as agent_store
from allmende.storage import relays as store
from allmende.wiring.agents import relay_of
from tests.agent.lines import FACTORY, SITE, Line, send
from tests.backends.contract import a_launch, wait_until


def observe(line: Line, key: str):
    (seen,) = line.relay.observe([key])
    return seen


def run(line: Line, script: str = "true", **changes) -> str:
    """Run a job to its end at the site, and tell nobody."""
    launch = a_launch(script, **changes)
    line.relay.start(launch)
    line.call()
    line.agent.tend()
    wait_until(lambda: line.backend.observe([launch.key])[0].state is AttemptState.ENDED)
    line.agent.tend()
    return launch.key


def test_an_order_whose_answer_was_lost_is_given_again_and_runs_once(line):
    launch = a_launch('echo ran >> "$ALLMENDE_CHECKPOINTS/ran"; cat "$ALLMENDE_CHECKPOINTS/ran"')
    line.relay.start(launch)
    line.relay.start(launch)
    for _ in range(3):
        line.ask()  # and the answer is lost
    line.call()
    line.restart()
    wait_until(lambda: line.pump() or observe(line, launch.key).state is AttemptState.ENDED)
    assert line.relay.read_log(launch.key, offset=0, limit=100) == b"ran\n"


def test_an_end_is_told_until_it_is_taken_and_takes_effect_once(line):
    key = run(line)
    assert line.spool.depth == 1
    for _ in range(3):
        line.ask()
        line.restart()
        line.agent.tend()
    assert line.spool.depth == 1
    line.pump()
    assert line.spool.depth == 0
    assert observe(line, key).state is AttemptState.ENDED
    assert line.spool.list_watched() == []
    events = [event.action for event in audit.list_events(DAEMON, limit=100, subject=key)]
    assert events == ["attempt.end_reported"]


def test_an_attempt_has_ended_when_its_files_have_come(line):
    key = run(line, 'echo said; echo model > "$ALLMENDE_OUT/model.bin"')
    line.call()
    assert observe(line, key).state is AttemptState.RUNNING
    line.pump()
    assert observe(line, key).state is AttemptState.ENDED
    assert line.relay.read_log(key, offset=0, limit=100) == b"said\n"
    assert line.relay.read_output(key.removesuffix(".1"), "model.bin") == b"model\n"


def test_a_large_file_comes_in_pieces_and_one_that_is_too_large_stays(line, monkeypatch):
    script = (
        'cd "$ALLMENDE_OUT"; head -c 3000000 /dev/urandom > large; truncate -s 300M huge;'
        "head -c 100000 large"
    )
    key = run(line, script)
    job_id = key.removesuffix(".1")
    line.pump()
    wanted = line.backend.read_output(job_id, "large")
    assert line.relay.read_output(job_id, "large") == wanted
    assert line.relay.list_output(job_id) == {"huge": 300 * 2**20, "large": 3_000_000}
    assert line.relay.read_log(key, offset=99_990, limit=100) == wanted[99_990:100_000]
    with pytest.raises(LeftAtSite):
        line.relay.read_output(job_id, "huge")


def test_a_log_that_is_too_long_is_cut_with_a_note(line, monkeypatch):
    from allmende.agent import shipments
    from allmende.services import incoming

    for module in (shipments, incoming):
        short = {**module.LARGEST_BYTES, FileKind.LOG: 1000}
        monkeypatch.setattr(module, "LARGEST_BYTES", short)
    key = run(line, "head -c 5000 /dev/zero | tr '\\0' x")
    line.pump()
    content = line.relay.read_log(key, offset=0, limit=10_000)
    assert (len(content), content[:3]) == (1000, b"xxx")
    assert content.endswith(shipments.CUT)


def test_a_file_that_went_before_it_was_sent_holds_up_nothing(line):
    key = run(line, 'echo model > "$ALLMENDE_OUT/model.bin"')
    job_id = key.removesuffix(".1")
    line.call()
    (line.backend.folders.find_home(job_id) / "out/model.bin").unlink()
    line.pump()
    assert observe(line, key).state is AttemptState.ENDED
    with pytest.raises(LeftAtSite):
        line.relay.read_output(job_id, "model.bin")


def test_a_file_that_is_changed_while_it_comes_is_kept_as_it_is_then(line):
    key = run(line, 'echo first > "$ALLMENDE_OUT/f"')
    job_id = key.removesuffix(".1")
    (line.backend.folders.find_home(job_id) / "out/f").write_text("later\n")
    line.pump()
    assert observe(line, key).state is AttemptState.ENDED
    assert line.relay.read_output(job_id, "f") == b"later\n"


def test_output_of_an_earlier_attempt_that_is_gone_is_forgotten(line):
    said = """echo '{"t":'$ALLMENDE_ATTEMPT',"step":1}' >> "$ALLMENDE_PROGRESS"; """
    key = run(line, said + 'echo 1 > "$ALLMENDE_OUT/old"')
    job_id = key.removesuffix(".1")
    line.pump()
    run(line, said + 'cd "$ALLMENDE_OUT"; mv old new', job_id=job_id, attempt=2)
    line.pump()
    assert line.relay.list_output(job_id) == {"new": 2}
    assert line.relay.read_progress(job_id) == b'{"t":1,"step":1}\n{"t":2,"step":1}\n'


def test_what_was_never_handed_out_is_called_off_at_once(line):
    launch = a_launch()
    line.relay.start(launch)
    line.relay.stop(launch.key, reason=EndReason.CANCELLED, grace_seconds=5)
    seen = observe(line, launch.key)
    assert (seen.state, seen.reason, seen.started_at) == (
        AttemptState.ENDED, EndReason.CANCELLED, None,
    )  # fmt: skip
    line.pump()
    assert line.backend.observe([launch.key])[0].state is AttemptState.UNKNOWN
    assert observe(line, launch.key) == seen


def test_what_was_handed_out_is_called_off_by_the_agent_before_it_begins(line):
    launch = a_launch()
    line.relay.start(launch)
    line.ask()
    line.relay.stop(launch.key, reason=EndReason.CANCELLED, grace_seconds=5)
    assert observe(line, launch.key).state is AttemptState.QUEUED
    line.pump()
    assert observe(line, launch.key).reason is EndReason.CANCELLED
    assert line.backend.observe([launch.key])[0].state is AttemptState.UNKNOWN


def test_an_attempt_whose_traces_vanish_ends_and_never_begins_again(line):
    launch = a_launch("sleep 300")
    line.relay.start(launch)
    line.pump()
    assert observe(line, launch.key).state is AttemptState.RUNNING
    line.backend.stop(launch.key, reason=EndReason.CANCELLED, grace_seconds=0)
    wait_until(lambda: line.backend.observe([launch.key])[0].state is AttemptState.ENDED)
    folder = line.backend.folders.find_attempt(launch.key)
    folder.rename(folder.with_name("gone"))
    line.pump()
    seen = observe(line, launch.key)
    assert (seen.state, seen.reason) == (AttemptState.ENDED, EndReason.FAILED)
    assert not folder.exists()


def test_a_refusal_of_the_machine_is_told_as_the_reason_to_wait(line):
    line.backend.minimum_free_bytes = 2**60
    launch = a_launch()
    line.relay.start(launch)
    line.pump()
    seen = observe(line, launch.key)
    assert seen.state is AttemptState.QUEUED
    assert "disk" in seen.wait.english()
    assert "disk" in agent_store.get_agent(line.enrolled.id).trouble
    line.backend.minimum_free_bytes = 0
    wait_until(lambda: line.pump() or observe(line, launch.key).state is AttemptState.ENDED)
    assert agent_store.get_agent(line.enrolled.id).trouble == ""


def test_what_can_never_start_has_failed(line, monkeypatch):
    def refuse(launch):
        raise FolderChanged(problem="it is a link")

    monkeypatch.setattr(line.backend, "start", refuse)
    launch = a_launch()
    line.relay.start(launch)
    line.pump()
    seen = observe(line, launch.key)
    assert (seen.reason, seen.started_at) == (EndReason.FAILED, None)


def test_why_a_job_waits_is_said(line):
    launch = a_launch()
    line.relay.start(launch)
    agent = agent_store.get_agent(line.enrolled.id)
    assert "at its next call" in observe(line, launch.key).wait.english()
    long_ago = wiring.now() - timedelta(days=1)
    from dataclasses import replace

    agent_store.save_agent(replace(agent, last_contact_at=long_ago))
    assert "cut off" in observe(line, launch.key).wait.english()
    agent_store.save_agent(replace(agent, revoked_at=long_ago))
    assert "allmende agents enrol harz" in observe(line, launch.key).wait.english()


def test_an_agent_says_nothing_of_the_attempts_of_another_site(line):
    launch = a_launch()
    other = relay_of(FACTORY.get_site("heide"), "p")
    other.start(launch)
    (before,) = other.observe([launch.key])
    running = {"key": launch.key, "state": "running", "started_at": "2026-01-01T00:00:00+00:00"}
    ended = {**running, "state": "ended", "reason": "failed",
             "ended_at": "2026-01-01T00:00:00+00:00"}  # fmt: skip
    file = {"kind": "log", "owner": launch.key, "name": ""}
    report = line.agent.write_report() | {
        "observations": [running],
        "messages": [{"number": 1, "kind": "ended", "body": {"observation": ended, "files": []}}],
        "pieces": [{"file": file, "offset": 0, "content": "aGk=", "is_gone": False}],
    }
    answer = send(json.dumps(report).encode(), agent_id=line.enrolled.id, counter=1)
    assert answer.json()["offsets"] == [{"file": file, "have_bytes": None}]
    assert other.observe([launch.key]) == [before]
    assert other.read_log(launch.key, offset=0, limit=10) == b""


def test_a_message_that_cannot_be_read_is_set_aside_and_holds_up_no_other(line):
    key = run(line)
    with line.spool.database:
        line.spool.database.execute("UPDATE message SET number = 3")
    messages = [
        {"number": 1, "kind": "gossip", "body": {}},
        {"number": 2, "kind": "ended", "body": {"observation": {}, "files": []}},
    ]
    report = line.agent.write_report()
    report["messages"] = messages + report["messages"]
    counter = line.spool.count_on()
    answer = send(json.dumps(report).encode(), agent_id=line.enrolled.id, counter=counter)
    assert answer.json()["received"] == 3
    line.pump()
    assert observe(line, key).state is AttemptState.ENDED
    events = audit.list_events(DAEMON, limit=100, subject=line.enrolled.id)
    assert [event.action for event in events].count("agent.message_set_aside") == 2


def test_usage_is_taken_once_however_often_it_is_sent(line, monkeypatch):
    from allmende.web import agents as view

    taken = []
    desk = view.desk()
    monkeypatch.setattr(
        view, "desk", lambda: replace(desk, take_usage=lambda *what: taken.append(what))
    )
    line.spool.add_usage([{"job": 1}], cursor="7")
    line.ask()
    line.restart()
    line.call()
    body = {"records": [{"job": 1}], "complete_until": "7"}
    assert [tuple(said) for _, *said in taken] == [(SITE, body)]
    assert (line.spool.depth, line.spool.usage_cursor) == (0, "7")


def test_a_centre_that_was_restored_from_a_copy_is_told_everything_again(line):
    run(line)
    first = store.RelayRow.objects.all().values()
    kept = [dict(row) for row in first]
    launch = a_launch("sleep 300")
    line.relay.start(launch)
    line.pump()
    store.RelayRow.objects.filter(key=launch.key).update(seen=None, is_handed_out=False)
    store.RelayRow.objects.exclude(key=launch.key).delete()
    for number, row in enumerate(kept, 1):
        store.RelayRow.objects.create(**{**row, "revision": number, "seen": None,
                                         "file_ids": None, "is_closed": False})  # fmt: skip
    store.RelayRow.objects.filter(key=launch.key).update(revision=2)
    store.RelaySiteRow.objects.update(revision=2)
    line.pump()
    assert observe(line, launch.key).state is AttemptState.RUNNING
    assert observe(line, kept[0]["key"]).state is AttemptState.ENDED
    line.relay.stop(launch.key, reason=EndReason.CANCELLED, grace_seconds=0)
    wait_until(lambda: line.pump() or observe(line, launch.key).state is AttemptState.ENDED)


def test_a_piece_of_a_file_that_nobody_waits_for_is_not_kept(line):
    launch = a_launch("sleep 5")
    file = FileName(kind=FileKind.OUTPUT, owner=launch.job_id, name="../../evil")
    line.relay.start(launch)
    line.pump()
    value = {"kind": "output", "owner": launch.job_id, "name": "../../evil"}
    report = line.agent.write_report() | {
        "pieces": [{"file": value, "offset": 0, "content": "aGk=", "is_gone": False}]
    }
    answer = send(json.dumps(report).encode(), agent_id=line.enrolled.id, counter=999)
    assert answer.json()["offsets"] == [{"file": value, "have_bytes": None}]
    assert store.find_file(SITE, file) is None


def test_a_job_with_many_and_long_names_of_files_holds_up_nobody(line):
    """The names of one job's files must fit into a call, and into an index of any database."""
    folder = "/".join(["n" * 200] * 6)
    script = (
        f'mkdir -p "$ALLMENDE_OUT/{folder}"; touch "$ALLMENDE_OUT/{folder}/deep" '
        '"$ALLMENDE_OUT/plain"; cd "$ALLMENDE_OUT"; '
        f"for n in $(seq 1500); do : > {'o' * 200}$n; done"
    )
    key = run(line, script)
    line.pump()
    names = line.relay.list_output(key.removesuffix(".1"))
    assert len(names) == 1501
    assert "plain" in names


def test_a_call_may_be_larger_than_what_a_person_may_send(line):
    report = json.dumps(line.agent.write_report() | {"trouble": "x" * 3_000_000}).encode()
    answer = send(report, agent_id=line.enrolled.id, counter=1)
    assert answer.status_code == 200
    assert len(agent_store.get_agent(line.enrolled.id).trouble) == 2000


def test_an_agent_cannot_fill_the_disk_of_the_centre(line):
    launch = a_launch()
    line.relay.start(launch)
    line.ask()
    ended = {"key": launch.key, "state": "ended", "reason": "failed",
             "ended_at": "2026-01-01T00:00:00+00:00"}  # fmt: skip
    file = {"kind": "output", "owner": launch.job_id}
    files = [
        {"file": {**file, "name": f"{number}"}, "size_bytes": 256 * 2**20, "sha256": "0" * 64}
        for number in range(5)
    ]
    message = {"number": 1, "kind": "ended", "body": {"observation": ended, "files": files}}
    report = json.dumps(line.agent.write_report() | {"messages": [message]}).encode()
    answer = send(report, agent_id=line.enrolled.id, counter=2)
    assert answer.json()["wanted"] == []


def test_a_job_whose_files_cannot_be_read_for_a_day_has_ended_without_them(line, monkeypatch):
    asked = []

    def fail(job_id):
        asked.append(job_id)
        raise OSError(errno.EIO, "a disk that does not answer")

    monkeypatch.setattr(line.backend, "list_output", fail)
    now = wiring.now()
    line.agent.now = lambda: now  # it is not tried again before a minute is over
    with capture_logs() as told:
        key = run(line)
        for _ in range(5):
            line.pump()
    seen = observe(line, key)  # of its end, nothing is told yet
    assert (seen.state, seen.ended_at) == (AttemptState.RUNNING, None)
    assert seen.started_at is not None
    assert (len(asked), len(told)) == (1, 1)
    assert "does not answer" in line.agent.trouble
    line.agent.now = lambda: wiring.now() + timedelta(hours=25)
    line.pump()
    assert observe(line, key).state is AttemptState.ENDED
    assert line.relay.list_output(key.removesuffix(".1")) == {}


def test_an_agent_outlives_what_nobody_foresaw_on_a_machine(line, monkeypatch):
    line.relay.start(a_launch())
    line.call()
    with monkeypatch.context() as patched:
        patched.setattr(line.backend, "observe", lambda _: {}["nothing of the kind"])
        line.agent.tend()
        line.call()
        assert "nothing of the kind" in agent_store.get_agent(line.enrolled.id).trouble
    line.pump()
    assert agent_store.get_agent(line.enrolled.id).trouble == ""
