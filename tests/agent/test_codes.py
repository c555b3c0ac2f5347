"""The code of a job reaches a site in pieces: whole, once, and nobody else's."""

import json
from hashlib import sha256

import pytest

from allmende import wiring
from allmende.domain.scheduling.backends import AttemptState, EndReason
from allmende.domain.scheduling.exchanges import CODE_OF
from allmende.domain.training.code_archives import CodeArchive
from allmende.services import exchanges
from allmende.storage import code_archives as store
from allmende.wiring.code_archives import shelves
from tests.agent.lines import Line, send
from tests.backends.contract import a_launch, an_archive, observe, wait_until

PROJECT = "prj-far"


@pytest.fixture
def archive(line, tmp_path):
    path = an_archive(tmp_path, "run.sh", b"#!/bin/sh\necho here\n")
    with shelves().of(PROJECT).receive([path.read_bytes()]) as incoming:
        shelves().of(PROJECT).keep(incoming)
    now = wiring.now()
    store.add_archive(
        CodeArchive(
            project_id=PROJECT, sha256=path.name, size_bytes=path.stat().st_size, files=1,
            added_by="p-1", added_at=now, used_at=now,
        )
    )  # fmt: skip
    return path


def order(line: Line, archive, **changes):
    launch = a_launch(
        "./run.sh", workdir="code", code=f"{CODE_OF}{archive.name}", account=PROJECT, **changes
    )
    line.relay.start(launch)
    line.call()
    return launch


def end(line: Line, launch) -> None:
    def has_ended() -> bool:
        line.agent.tend()
        line.call()
        return observe(line.relay, launch.key).state is AttemptState.ENDED

    wait_until(has_ended)


def files_at(line: Line) -> list[str]:
    return sorted(path.name for path in line.codes.folder.glob("*"))


def test_it_comes_in_pieces_and_the_job_waits_for_it(line, archive, monkeypatch):
    monkeypatch.setattr(exchanges, "CODE_PIECE_BYTES", 4000)
    launch = order(line, archive)
    line.agent.tend()
    line.call()
    wait = observe(line.relay, launch.key).wait
    assert "on its way" in str(wait)
    assert line.agent.is_busy
    assert files_at(line) == [f"{archive.name}.part"]
    line.restart()  # what has come is not sent again
    _, answer = line.ask()
    assert answer["code"]["offset"] == 4000
    end(line, launch)
    assert observe(line.relay, launch.key).reason is EndReason.COMPLETED
    assert line.relay.read_log(launch.key, offset=0, limit=99) == b"here\n"
    line.agent.tend()
    assert files_at(line) == []


def test_an_answer_that_got_lost_or_comes_twice_harms_nothing(line, archive, monkeypatch):
    monkeypatch.setattr(exchanges, "CODE_PIECE_BYTES", 4000)
    order(line, archive)
    line.ask()
    report, answer = line.ask()
    for _ in range(2):
        line.agent.take_answer(report, answer)
    assert (line.codes.folder / f"{archive.name}.part").read_bytes() == archive.read_bytes()[:4000]


def test_what_is_not_what_was_asked_for_begins_anew(line, archive):
    launch = order(line, archive)
    line.codes.folder.mkdir(exist_ok=True)
    (line.codes.folder / f"{archive.name}.part").write_bytes(b"other")
    line.call()
    assert files_at(line) == []
    assert not line.codes.is_busy  # it asks again at its next turn, not at once and for ever
    end(line, launch)
    assert observe(line.relay, launch.key).reason is EndReason.COMPLETED


def test_a_site_gets_only_what_its_open_orders_name(line, archive):
    def ask(asked: object) -> object:
        body = json.dumps(line.agent.write_report() | {"code": asked}).encode()
        answer = send(body, agent_id=line.enrolled.id, counter=line.spool.count_on()).json()
        return answer.get("code")

    asked = {"sha256": archive.name, "offset": 0}
    assert ask(asked) is None
    order(line, archive)
    assert ask(asked)["size_bytes"] == archive.stat().st_size
    assert ask({"sha256": sha256(b"").hexdigest(), "offset": 0}) is None
    for wrong in ({"sha256": "../x", "offset": 0}, {"sha256": archive.name, "offset": -1}, "x"):
        assert ask(wrong) == "MisshapenReport"
    shelves().of(PROJECT).find(archive.name).write_bytes(bytes(archive.stat().st_size))
    assert ask(asked) is None  # damaged: nothing of it is sent
    shelves().of(PROJECT).remove(archive.name)
    assert ask(asked) is None
