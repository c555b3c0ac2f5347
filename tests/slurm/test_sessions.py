"""A session on a real cluster: JupyterLab as the person, on a node, opened through the gate."""

import asyncio
from pathlib import Path

import pytest
from tools.slurm_lab import Lab

from allmende.domain.scheduling.jobs import JobState
from allmende.services import jobs, session_files
from tests.backends.slurm_site import USER, a_folder
from tests.gate.halls import CUT_SECONDS, Hall, here
from tests.gate.kernels import compute
from tests.services.running import a_running_factory
from tests.slurm.connecting import connect

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


def test_a_session_on_a_node_computes_as_its_owner(slurm_lab: Lab, tmp_path: Path, db: None):
    with a_running_factory(tmp_path) as factory, a_folder() as folder:
        backend, hall = connect(factory, slurm_lab, folder, blueprint_id="notebook"), Hall(factory)
        job = hall.start()

        async def visit() -> None:
            place, cookie = f"/session/{job.id}", await hall.enter("founder", job.id)
            page = await hall.ask(f"{place}/lab", cookie=cookie)
            assert (page.status, "JupyterLab" in page.text) == (200, True)
            said, line = await compute(hall, place, cookie=cookie)
            assert said == {"text/plain": "2"}
            await here(lambda: jobs.cancel_job(factory.act("founder"), job.id))
            await here(lambda: factory.run_to_end(job.id, seconds=240))
            assert await asyncio.wait_for(line.reader.read(), CUT_SECONDS) is not None
            line.writer.close()
            assert (await hall.ask(f"{place}/lab", cookie=cookie)).status == 410

        hall.run(visit)
        assert factory.job(job.id).state is JobState.CANCELLED
        out = backend.work_folder / job.id / "home" / "out"
        assert (out / "session.json").owner() == USER
        (attempt,) = factory.attempts(job.id)
        log = backend.read_log(attempt.key, offset=0, limit=2**20)
        assert factory.workshop.seal.derive(f"session/{attempt.key}").encode() not in log
        assert b"encryption" not in log  # nobody warns that it lacks
        around = {"workshop": factory.workshop}
        assert session_files.list_files(factory.person("founder"), job.id, **around) == {}
