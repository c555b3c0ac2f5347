"""A real JupyterLab behind the gate: it opens, a kernel computes, and it ends when nobody works."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from allmende.gate.program import trust_only
from allmende.services import allocations, models
from allmende.services.sessions import identity_of
from allmende.wiring.websockets import WebSocket
from tests.blueprints.labs import python_of
from tests.gate.halls import CUT_SECONDS, Hall, here
from tests.gate.kernels import compute
from tests.services.running import a_running_factory

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

# Longer than a busy machine takes from the start of a session to the first act in it.
IDLE_SECONDS = 15


def test_a_kernel_computes_and_an_idle_session_ends_and_is_charged(tmp_path: Path, db: None):
    python_of("notebook")
    with a_running_factory(tmp_path) as factory:
        hall = Hall(factory)
        job = hall.start(params={"idle_minutes": IDLE_SECONDS / 60})
        place = f"/session/{job.id}"

        async def visit() -> None:
            cookie = await hall.enter("founder", job.id)
            async with somebody_at_work(hall, place, cookie=cookie):
                page = await hall.ask(f"{place}/lab", cookie=cookie)
                assert (page.status, "JupyterLab" in page.text) == (200, True)
                token = factory.workshop.seal.derive(f"session/{job.id}.1")
                assert token not in page.text
                assert token not in str(page.headers)
                said, line = await compute(hall, place, cookie=cookie)
                assert said == {"text/plain": "2"}
                shell = await type_something(hall, place, cookie=cookie)
                # Who knows where it listens, as another job of this machine may, is not let in.
                await knock_without_the_gate(hall, job.id)
            # A shell that is open and silent does not keep it.
            await here(lambda: factory.run_to_end(job.id, seconds=120))
            assert await asyncio.wait_for(line.reader.read(), CUT_SECONDS) is not None
            line.writer.close()
            shell.writer.close()

        hall.run(visit)
        assert str(factory.job(job.id).state) == "completed"
        (attempt,) = factory.attempts(job.id)
        assert attempt.used_seconds >= IDLE_SECONDS
        budget = allocations.get_budget(factory.person("founder"), job.project_id)
        assert (budget.held_seconds, budget.consumed_seconds) == (0, attempt.used_seconds)
        assert models.find_model_of_job(factory.person("founder"), job.id) is None
        log = factory.backend.read_log(attempt.key, offset=0, limit=2**20)
        assert factory.workshop.seal.derive(f"session/{attempt.key}").encode() not in log
        assert b"encryption" not in log  # nobody warns that it lacks, on its own line or a kernel's


@contextlib.asynccontextmanager
async def somebody_at_work(hall: Hall, place: str, *, cookie: str) -> AsyncIterator[None]:
    """Do something again and again, so that a session is not idle however long others take."""

    is_over = asyncio.Event()

    async def act() -> None:
        while not is_over.is_set():
            await hall.ask(f"{place}/api/status", method="POST", body=b"{}", cookie=cookie)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(is_over.wait(), 1)

    acting = asyncio.create_task(act())
    try:
        yield
    finally:
        is_over.set()
        await acting


async def type_something(hall: Hall, place: str, *, cookie: str) -> WebSocket:
    """Open a shell and see that typing there is an act; return the open line."""
    made = await hall.ask(f"{place}/api/terminals", method="POST", body=b"{}", cookie=cookie)
    name = json.loads(made.text)["name"]

    async def find_last_act() -> str:
        told = await hall.ask(f"{place}/api/terminals/{name}", cookie=cookie)
        return json.loads(told.text)["last_activity"]

    reader, writer, status = await hall.upgrade(
        f"{place}/terminals/websocket/{name}", cookie=cookie
    )
    assert status == 101
    line = WebSocket(reader, writer)
    before = await find_last_act()
    await line.send(json.dumps(["stdin", "echo $((6*7))\r"]))
    async with asyncio.timeout(CUT_SECONDS):
        while "42" not in str(await line.receive()):
            pass
    assert await find_last_act() > before
    return line


async def knock_without_the_gate(hall: Hall, job_id: str) -> None:
    port = json.loads(hall.factory.backend.read_output(job_id, "session.json"))["port"]
    certificate = identity_of(f"{job_id}.1", hall.factory.workshop).certificate
    for header in ("", "Authorization: token guess\r\n"):
        trust = trust_only(certificate)  # which everybody may: it is the session that proves itself
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust)
        head = f"GET /session/{job_id}/api/kernels HTTP/1.1\r\nHost: x\r\n{header}"
        writer.write(f"{head}Connection: close\r\n\r\n".encode())
        assert b" 403 " in (await reader.read())[:20]
        writer.close()
