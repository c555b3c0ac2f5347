"""A real JupyterLab behind the gate: it opens, a kernel computes, and it ends when nobody works."""

import asyncio
import json
from pathlib import Path

import pytest

from allmende.services import allocations, models
from tests.blueprints.labs import python_of
from tests.gate.halls import CUT_SECONDS, Hall, frame, here, read_message
from tests.services.running import a_running_factory

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

KERNEL_SECONDS = 60
ASK = {
    "header": {"msg_id": "m1", "msg_type": "execute_request", "session": "s", "username": "u"},
    "parent_header": {},
    "metadata": {},
    "channel": "shell",
    "content": {"code": "1+1", "silent": False, "store_history": True, "allow_stdin": False},
    "buffers": [],
}


def test_a_kernel_computes_and_an_idle_session_ends_and_is_charged(tmp_path: Path, db: None):
    python_of("notebook")
    with a_running_factory(tmp_path) as factory:
        hall = Hall(factory)
        job = hall.start(params={"idle_minutes": 0.05})
        place = f"/session/{job.id}"

        async def visit() -> None:
            cookie = await hall.enter("founder", job.id)
            page = await hall.ask(f"{place}/lab", cookie=cookie)
            assert (page.status, "JupyterLab" in page.text) == (200, True)
            token = factory.workshop.seal.derive(f"session/{job.id}.1")
            assert token not in page.text
            assert token not in str(page.headers)
            made = await hall.ask(f"{place}/api/kernels", method="POST", body=b"{}", cookie=cookie)
            kernel = json.loads(made.text)["id"]
            listed = await hall.ask(f"{place}/api/kernels", cookie=cookie)
            assert [each["id"] for each in json.loads(listed.text)] == [kernel]
            line = f"{place}/api/kernels/{kernel}/channels?session_id=s"
            reader, writer, status = await hall.upgrade(line, cookie=cookie)
            assert status == 101
            writer.write(frame(ASK))
            async with asyncio.timeout(KERNEL_SECONDS):
                while (message := await read_message(reader))["msg_type"] != "execute_result":
                    pass
            assert message["content"]["data"] == {"text/plain": "2"}
            # Who knows where it listens, as another job of this machine may, is not let in.
            await knock_without_the_gate(hall, job.id)
            await here(lambda: factory.run_to_end(job.id, seconds=60))
            assert await asyncio.wait_for(reader.read(), CUT_SECONDS) is not None
            writer.close()

        hall.run(visit)
        assert str(factory.job(job.id).state) == "completed"
        (attempt,) = factory.attempts(job.id)
        assert attempt.used_seconds >= 3
        budget = allocations.get_budget(factory.person("founder"), job.project_id)
        assert (budget.held_seconds, budget.consumed_seconds) == (0, attempt.used_seconds)
        assert models.find_model_of_job(factory.person("founder"), job.id) is None
        log = factory.backend.read_log(attempt.key, offset=0, limit=2**20)
        assert factory.workshop.seal.derive(f"session/{attempt.key}").encode() not in log


async def knock_without_the_gate(hall: Hall, job_id: str) -> None:
    port = json.loads(hall.factory.backend.read_output(job_id, "session.json"))["port"]
    for header in ("", "Authorization: token guess\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"GET /session/{job_id}/api/kernels HTTP/1.1\r\nHost: x\r\n{header}"
        writer.write(f"{head}Connection: close\r\n\r\n".encode())
        assert b" 403 " in (await reader.read())[:20]
        writer.close()
