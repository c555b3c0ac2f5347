"""The gate lets a session's owner in, and nobody else; and only for as long as they may."""

import asyncio
import io
import json
import os
import ssl
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from allmende import wiring
from allmende.cli import sessions as terminal
from allmende.domain.basics.people import Person, Role
from allmende.domain.basics.refusals import NotFound
from allmende.domain.basics.sites import PartitionStatus
from allmende.domain.scheduling.nodes import NodeStatus
from allmende.domain.training.sessions import (
    TICKET_LIFE,
    NoSession,
    NoSessionsThere,
    NotYourSession,
    PassRefused,
    SessionIsOver,
    SessionNotReady,
)
from allmende.domain.trust.certificates import Identity, derive_identity
from allmende.gate import program
from allmende.services import audit, jobs, people, projects, session_files, session_passes, sessions
from allmende.web import downloads
from allmende.wiring import deed_of
from tests.gate.halls import CUT_SECONDS, Answer, Hall, here, with_standin
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
    for status in (PartitionStatus.SLURM, PartitionStatus.EMBEDDED):
        there, behind = replace(partition, status=status), replace(site, agent=True)
        sessions.check_partition(blueprints["medicine"], there, behind)
        with pytest.raises(NoSessionsThere):
            sessions.check_partition(blueprints["notebook"], there, behind)
        sessions.check_partition(blueprints["notebook"], there, site)


def test_whoever_else_has_the_port_gets_nothing_of_the_owners(hall: Hall):
    job = hall.start()
    facts, heard = {"attempt": 1, "port": 0}, []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1000))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async def visit(context: ssl.SSLContext | None) -> Answer:
        async with await asyncio.start_server(hear, "127.0.0.1", 0, ssl=context) as impostor:
            port = impostor.sockets[0].getsockname()[1]
            (hall.out(job.id) / "session.json").write_text(json.dumps(facts | {"port": port}))
            cookie = await hall.enter("founder", job.id)
            return await hall.ask(f"/session/{job.id}/api", cookie=cookie)

    own = sessions.identity_of(f"{job.id}.1", hall.factory.workshop)
    others = [
        sessions.identity_of(f"{job.id}.2", hall.factory.workshop),  # another attempt of the same
        derive_identity(b"x" * 32, name=f"{job.id}.1"),
    ]
    for context in (None, *(shows(other) for other in others)):
        answer = hall.run(lambda context=context: visit(context))
        assert (answer.status, "cannot be opened yet" in answer.text) == (409, True)
    assert b"token" not in b"".join(heard)
    assert hall.run(lambda: visit(shows(own))).status == 200
    assert b"authorization: token " in heard[-1]


def shows(identity: Identity) -> ssl.SSLContext:
    """Return what a server shows who has an identity."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(identity.private_key + identity.certificate)
        file.flush()
        context.load_cert_chain(file.name)
    return context


def test_on_a_cluster_the_door_is_at_the_address_that_the_cluster_has_of_the_node(hall: Hall):
    job, workshop = hall.start(), hall.factory.workshop
    here = workshop.factory.get_partition(PARTITION)
    there = replace(here, status=PartitionStatus.SLURM)
    site = replace(workshop.factory.get_site(here.site_id), partitions=(there,))
    (node,) = hall.factory.attempts(job.id)[0].nodes
    asked = []

    class Cluster:
        def list_nodes(self) -> list[NodeStatus]:
            asked.append(node)
            names = {"other": "10.0.0.1", node: "10.0.0.2"} if len(asked) > 1 else {}
            return [NodeStatus(name=n, state="", address=a) for n, a in names.items()]

    hall.factory.workshop = replace(
        workshop,
        factory=replace(workshop.factory, sites=(site,)),
        cluster_nodes_of=lambda _: Cluster(),
    )
    gate = program.Gate("http://sessions.test", hall.factory.workshop)
    with pytest.raises(SessionNotReady):
        gate.door_of(f"{job.id}.1")
    doors = {gate.door_of(f"{job.id}.1") for _ in range(3)}
    assert [door.host for door in doors] == ["10.0.0.2"]
    assert len(asked) == 2  # what is not known is asked for again, and what is never is
    hall.factory.workshop = workshop


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
