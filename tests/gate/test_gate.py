"""The gate lets a session's owner in, and nobody else; and only for as long as they may."""

import asyncio
import io
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from allmende import wiring
from allmende.cli import sessions as terminal
from allmende.domain.basics.people import Person, Role
from allmende.domain.basics.refusals import NotFound
from allmende.domain.basics.sites import PartitionStatus
from allmende.domain.training.sessions import (
    TICKET_LIFE,
    NoSession,
    NoSessionsThere,
    NotYourSession,
    PassRefused,
    SessionIsOver,
    SessionNotReady,
)
from allmende.gate import program
from allmende.services import audit, jobs, people, projects, session_files, session_passes, sessions
from allmende.web import downloads
from allmende.wiring import deed_of
from tests.gate.halls import CUT_SECONDS, Hall, here, with_standin
from tests.services.running import PARTITION, a_running_factory

pytestmark = pytest.mark.django_db

ADMINISTRATOR = Person(id="p-root", name="Root", roles=frozenset({Role.ADMINISTRATOR}))


@pytest.fixture
def hall(tmp_path: Path, db: None) -> Iterator[Hall]:
    with a_running_factory(tmp_path) as factory:
        yield Hall(with_standin(factory), tmp_path)


def test_the_owner_comes_in_once_by_a_ticket_and_then_with_a_cookie(hall: Hall):
    job = hall.start()
    place = f"/session/{job.id}/api/x?y=1"

    async def visit() -> None:
        stranger = await hall.ask(place)
        assert (stranger.status, "Press Open" in stranger.text) == (403, True)
        german = await hall.ask(place, accept_language="de-DE,de;q=0.9")
        assert german.text != stranger.text
        cookie = await hall.enter("founder", job.id)
        again = await hall.ask(f"/session/{job.id}/enter?ticket=ticket%20of%20founder")
        assert again.status == 403  # used once
        own = f"sessionid=portal; csrftoken=portal; {cookie}"
        told = await hall.ask(place, cookie=own, authorization="Bearer x")
        assert told.status == 200
        assert told.text.startswith(f"GET {place} HTTP/1.1\r\n")
        # The portal's cookies stay outside, and the session sees its own token, which is no cookie.
        assert "portal" not in told.text
        assert "Bearer" not in told.text
        assert cookie.partition("=")[2] not in told.text
        assert told.text.count("authorization: token ") == 1
        assert "connection: close" in told.text

    hall.run(visit)
    actions = [event.action for event in audit.list_events(hall.factory.person("auditor"))]
    assert "session.entered" in actions


def test_what_comes_from_elsewhere_or_is_no_plain_request_is_refused(hall: Hall):
    job = hall.start()
    place = f"/session/{job.id}/api"

    async def visit() -> None:
        cookie = await hall.enter("founder", job.id)
        assert (await hall.ask(place, method="POST", body=b"{}", cookie=cookie)).status == 200
        # Another session is a page of elsewhere, too, even where one browser has opened both.
        for origin in ("http://portal.test", "http://j-other1.sessions.test", "null", ""):
            refused = await hall.ask(place, method="POST", cookie=cookie, origin=origin)
            assert refused.status == 403
            _, writer, status = await hall.upgrade(place, cookie=cookie, origin=origin)
            writer.close()
            assert status == 403
        for host in ("rebound.test", "sessions.test", "j-other1.sessions.test"):
            assert (await hall.ask(place, cookie=cookie, host=host)).status == 404
        assert (await hall.ask("/", cookie=cookie)).status == 404
        assert (await hall.ask(place, cookie=cookie, bad_header_="a\rb")).status == 400
        other = await hall.ask("/session/j-other1/api", cookie=cookie)
        assert other.status == 403  # a cookie opens one session
        for site, mode, dest, status in (
            ("same-site", "no-cors", "script", 403),
            ("cross-site", "navigate", "iframe", 403),
            ("cross-site", "navigate", "document", 200),
            ("same-origin", "cors", "empty", 200),
        ):
            said = {"sec_fetch_site": site, "sec_fetch_mode": mode, "sec_fetch_dest": dest}
            assert (await hall.ask(place, cookie=cookie, **said)).status == status

    hall.run(visit)


def test_a_session_cannot_keep_its_line_open_for_what_others_ask(hall: Hall):
    job = hall.start()

    async def visit() -> None:
        cookie = await hall.enter("founder", job.id)
        told = await hall.ask(f"/session/{job.id}/api", cookie=cookie)
        assert (told.status, told.headers["connection"]) == (200, "close")
        assert "keep-alive" not in told.headers
        mute = await hall.ask(f"/session/{job.id}/mute", cookie=cookie)
        assert (mute.status, mute.headers["connection"]) == (502, "close")

    hall.run(visit)


def test_one_session_leaves_connections_to_others(hall: Hall, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(program, "MOST_PER_SESSION", 1)
    job = hall.start()
    place = f"/session/{job.id}/api"

    async def visit() -> None:
        cookie = await hall.enter("founder", job.id)
        _, writer, status = await hall.upgrade(place, cookie=cookie)
        assert status == 101
        assert (await hall.ask(place, cookie=cookie)).status == 503
        writer.close()
        async with asyncio.timeout(CUT_SECONDS):
            while (await hall.ask(place, cookie=cookie)).status != 200:
                pass

    hall.run(visit)


def test_whoever_takes_nothing_is_left_after_a_moment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(program, "PART_SECONDS", 0.1)

    async def visit() -> None:
        parted = asyncio.Event()

        async def receive(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(bytes(2**25))
            await program.part(writer)
            parted.set()

        server = await asyncio.start_server(receive, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
            await asyncio.wait_for(parted.wait(), CUT_SECONDS)
            writer.close()

    asyncio.run(visit())


def test_what_a_job_says_of_its_door_is_short(hall: Hall):
    job = hall.start()
    door = hall.out(job.id) / "session.json"
    door.write_text(door.read_text().replace("}", ', "x": "' + 10_000 * "x" + '"}'))
    with pytest.raises(SessionNotReady):
        hall.ticket("founder", job.id)


def test_an_open_line_is_cut_when_its_bearer_may_no_longer(hall: Hall):
    job, factory = hall.start(), hall.factory

    def sign_out() -> None:
        session_passes.close_passes(factory.act("founder"))

    def take_role() -> None:
        deed = deed_of(ADMINISTRATOR)
        people.take_role(deed, person_id=factory.person("founder").id, role=Role.APPLICANT)

    async def lose(cause) -> None:
        cookie = await hall.enter("founder", job.id)
        reader, writer, status = await hall.upgrade(f"/session/{job.id}/ws", cookie=cookie)
        assert status == 101
        writer.write(b"hello")
        assert await asyncio.wait_for(reader.readexactly(5), CUT_SECONDS) == b"hello"
        await here(cause)
        assert await asyncio.wait_for(reader.read(), CUT_SECONDS) == b""
        writer.close()
        assert (await hall.ask(f"/session/{job.id}/api", cookie=cookie)).status in (403, 410)

    for cause in (sign_out, take_role):
        hall.run(lambda cause=cause: lose(cause), look_seconds=0.05)


def test_a_cancelled_session_shuts_its_door(hall: Hall):
    job, factory = hall.start(), hall.factory

    async def visit() -> None:
        cookie = await hall.enter("founder", job.id)
        await here(lambda: jobs.cancel_job(factory.act("founder"), job.id))
        await here(lambda: factory.run_to_end(job.id))
        closed = await hall.ask(f"/session/{job.id}/lab", cookie=cookie)
        assert (closed.status, "has ended" in closed.text) == (410, True)

    hall.run(visit)
    assert str(factory.job(job.id).state) == "cancelled"
    assert factory.attempts(job.id)[0].used_seconds > 0
    with pytest.raises(SessionIsOver):
        hall.ticket("founder", job.id)


def test_only_the_owner_gets_a_ticket_and_only_while_it_runs(hall: Hall):
    factory = hall.factory
    (plain,) = factory.submit("founder", run="true")
    (waiting,) = factory.submit("founder", "w", blueprint="notebook", after=[plain.id])
    with pytest.raises(NoSession):
        hall.ticket("founder", plain.id)
    with pytest.raises(SessionNotReady):
        hall.ticket("founder", waiting.id)
    with pytest.raises(NotFound):
        hall.ticket("startup", waiting.id)
    project = factory.story.projects["founder"]
    guest = factory.person("startup")
    projects.add_member(factory.act("founder"), project, person_id=guest.id)
    with pytest.raises(NotYourSession):
        hall.ticket("startup", waiting.id)


def test_nodes_that_the_gate_does_not_reach_are_refused(hall: Hall):
    factory = hall.factory
    here = factory.workshop.factory
    partition = here.get_partition(PARTITION)
    site = here.get_site(partition.site_id)
    blueprints = factory.workshop.blueprints
    far = replace(partition, status=PartitionStatus.SLURM)
    for there, of in ((far, site), (partition, replace(site, agent=True))):
        sessions.check_partition(blueprints["medicine"], there, of)
        with pytest.raises(NoSessionsThere):
            sessions.check_partition(blueprints["notebook"], there, of)
    sessions.check_partition(blueprints["notebook"], partition, site)


def test_a_guest_who_left_the_project_and_whoever_comes_late_stay_outside(hall: Hall):
    factory = hall.factory
    project, guest = factory.story.projects["founder"], factory.person("startup")
    projects.add_member(factory.act("founder"), project, person_id=guest.id)
    factory.story.projects["startup"] = project
    job = hall.start("startup")
    hall.ticket("startup", job.id, "late")
    minute = wiring.now() + TICKET_LIFE
    with pytest.raises(PassRefused):
        session_passes.find_holder("late", job.id, is_ticket=True, now=minute)

    async def visit() -> None:
        place, cookie = f"/session/{job.id}/api", await hall.enter("startup", job.id)
        assert (await hall.ask(place, cookie=cookie)).status == 200
        deed = factory.act("founder")
        await here(lambda: projects.remove_member(deed, project, person_id=guest.id))
        assert (await hall.ask(place, cookie=cookie)).status == 403

    hall.run(visit)


def test_what_was_saved_is_for_the_project_and_no_way_out(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(session_files, "MOST_FILE_MEGABYTES", 1)
    job, factory = hall.start(), hall.factory
    notebooks = hall.out(job.id) / "notebooks"
    (notebooks / ".ipynb_checkpoints").mkdir(parents=True)
    (notebooks / "a.ipynb").write_text("{}")
    (notebooks / ".ipynb_checkpoints" / "a.ipynb").write_text("{}")
    for strange in (b"\xff.ipynb", b"a\nb.ipynb"):
        (notebooks / os.fsdecode(strange)).touch()
    around = {"workshop": factory.workshop}
    founder = factory.person("founder")
    assert session_files.list_files(founder, job.id, **around) == {"a.ipynb": 2}
    taken = io.BytesIO()
    session_files.copy_file(founder, job.id, "a.ipynb", into=taken, **around)
    assert taken.getvalue() == b"{}"
    monkeypatch.setattr(wiring, "workshop", lambda: factory.workshop)
    answer = downloads.hand_out_saved(founder, job.id, "a.ipynb")
    assert answer["Content-Disposition"] == 'attachment; filename="a.ipynb"'
    assert answer.getvalue() == b"{}"
    answer.close()
    monkeypatch.setattr(terminal, "acting_person", lambda: founder)
    for _ in range(2):
        terminal.fetch_file(job.id, "a.ipynb", to=hall.folder)
    assert (hall.folder / "a.ipynb").read_text() == "{}"
    os.truncate(notebooks / "a.ipynb", 2**40)  # it takes no room where it is
    with pytest.raises(session_files.SavedFileTooLarge):
        session_files.copy_file(founder, job.id, "a.ipynb", into=io.BytesIO(), **around)
    for name in ("../session.json", ".ipynb_checkpoints/a.ipynb", "/etc/passwd", "none", ""):
        with pytest.raises(NotFound):
            session_files.copy_file(founder, job.id, name, into=taken, **around)
    for key in ("startup", "auditor", "operator"):
        with pytest.raises(NotFound):
            session_files.list_files(factory.person(key), job.id, **around)
