"""Watching a run: progress, curves and logs, from whatever a job writes."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from allmende.domain.basics.refusals import NotFound
from allmende.domain.scheduling.exchanges import FileKind, FileName
from allmende.domain.training.courses import POINTS_PER_METRIC
from allmende.domain.training.sweep_values import Halving
from allmende.services import halvings, runs, sweeps
from allmende.storage import jobs as job_store
from allmende.storage import relays as relay_store
from allmende.wiring.agents import relay_of
from tests.services.running import PARTITION, Running, a_running_factory

pytestmark = pytest.mark.django_db


@pytest.fixture
def factory(tmp_path: Path, db: None) -> Iterator[Running]:
    with a_running_factory(tmp_path) as running:
        yield running


def a_run_that_writes(factory: Running, lines: list[object]) -> str:
    """Run a job that reports these lines, one by one as they are."""
    (job,) = factory.submit("founder", run="true")
    factory.run_to_end(job.id)
    text = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    (factory.backend.folders.root / job.id / "home/progress.jsonl").write_text(text)
    return job.id


def test_progress_is_the_last_word_of_the_training_code(factory: Running):
    job_id = a_run_that_writes(
        factory,
        [
            {"t": 10.0, "step": 0, "total": 100, "metrics": {"loss": 2.0}},
            {"t": 20.0, "step": 25, "total": 100, "metrics": {"loss": 1.0}},
        ],
    )
    progress = runs.get_progress(factory.person("founder"), job_id, backend_of=factory.backend_of)
    assert (progress.percent, progress.step, progress.metrics) == (25, 25, {"loss": 1.0})
    assert progress.seconds_left == 30


def test_after_a_resume_the_pace_is_that_of_the_new_attempt(factory: Running):
    job_id = a_run_that_writes(
        factory,
        [
            {"t": 0.0, "step": 0, "total": 100},
            {"t": 1000.0, "step": 50, "total": 100},
            {"t": 2000.0, "step": 40, "total": 100},
            {"t": 2010.0, "step": 60, "total": 100},
        ],
    )
    progress = runs.get_progress(factory.person("founder"), job_id, backend_of=factory.backend_of)
    assert progress.seconds_left == 20


def test_a_job_may_write_what_it_likes_and_harms_nobody(factory: Running):
    job_id = a_run_that_writes(
        factory,
        [
            "no json",
            "[1, 2]",
            {"step": 1},
            {"t": 1, "step": "x"},
            {"t": 5.0, "step": 3, "metrics": {"loss": float("nan"), "note": "words", "ok": 1}},
            '{"t": 6.0, "step": Infinity}',
            '{"t": NaN, "step": 9, "total": 10}',
            '{"t": 1e308, "step": 9, "total": 10}',
            {"t": 6.0, "step": 10**400},
            {"t": 6.0, "step": -4},
            {"t": 6.0, "step": 4, "metrics": {"loss": 10**400}},
            "[" * 100_000,
            '{"t": 6.0, "st',
        ],
    )
    progress = runs.get_progress(factory.person("founder"), job_id, backend_of=factory.backend_of)
    assert (progress.step, progress.total, progress.percent) == (3, 0, 0)
    assert progress.metrics == {"ok": 1.0}
    assert progress.seconds_left is None


def test_a_silent_job_has_no_progress_and_no_curves(factory: Running):
    job_id = a_run_that_writes(factory, [])
    founder = factory.person("founder")
    assert runs.get_progress(founder, job_id, backend_of=factory.backend_of) == runs.Progress()
    assert runs.list_curves(founder, job_id, backend_of=factory.backend_of) == []


def test_curves_are_thinned_and_keep_their_ends(factory: Running):
    lines = [{"t": n, "step": n, "total": 5000, "metrics": {"loss": n / 10}} for n in range(5000)]
    job_id = a_run_that_writes(factory, lines)
    (curve,) = runs.list_curves(factory.person("founder"), job_id, backend_of=factory.backend_of)
    assert len(curve.points) == POINTS_PER_METRIC
    assert (curve.points[0], curve.points[-1]) == ((0, 0.0), (4999, 499.9))


def test_a_step_done_again_counts_once_the_last_time(factory: Running):
    lines = [
        {"t": 1, "step": 1, "metrics": {"loss": 5}},
        {"t": 2, "step": 1, "metrics": {"loss": 4}},
    ]
    job_id = a_run_that_writes(factory, lines)
    (curve,) = runs.list_curves(factory.person("founder"), job_id, backend_of=factory.backend_of)
    assert curve.points == ((1, 4.0),)


def test_a_log_is_read_piece_by_piece_without_breaking_characters(factory: Running):
    # Each line is 7 bytes, so that pieces of 65,536 bytes end inside a character.
    (job,) = factory.submit("founder", run="for i in $(seq 20000); do echo 'äöü'; done")
    factory.run_to_end(job.id)
    founder, text, offset = factory.person("founder"), "", 0
    while True:
        part = runs.read_job_log(founder, job.id, offset=offset, backend_of=factory.backend_of)
        text, offset = text + part.text, part.next_offset
        if part.is_whole:
            break
    assert text == "äöü\n" * 20000


def test_a_job_that_waits_has_an_empty_log_and_no_attempt_to_read(factory: Running):
    (job,) = factory.submit("founder", run="true")
    founder = factory.person("founder")
    assert runs.read_job_log(founder, job.id, backend_of=factory.backend_of).text == ""
    factory.run_to_end(job.id)
    with pytest.raises(NotFound):
        runs.read_job_log(founder, job.id, attempt=2, backend_of=factory.backend_of)


def test_nobody_reads_a_foreign_run(factory: Running):
    job_id = a_run_that_writes(factory, [])
    stranger = factory.person("startup")
    for look in (runs.get_progress, runs.list_curves, runs.read_job_log):
        with pytest.raises(NotFound):
            look(stranger, job_id, backend_of=factory.backend_of)


def test_staff_see_how_far_a_job_is_but_not_what_it_writes(factory: Running):
    line = {"t": 1.0, "step": 1, "total": 4, "metrics": {"loss": 2.0}}
    job_id, auditor = a_run_that_writes(factory, [line]), factory.person("auditor")
    seen = runs.get_progress(auditor, job_id, backend_of=factory.backend_of)
    assert (seen.percent, seen.metrics) == (25, {})
    for look in (runs.list_curves, runs.read_job_log):
        with pytest.raises(NotFound):
            look(auditor, job_id, backend_of=factory.backend_of)


def test_a_log_that_is_no_text_is_read_to_its_end(factory: Running):
    (job,) = factory.submit("founder", run="head -c 200000 /dev/zero | tr '\\000' '\\377'")
    factory.run_to_end(job.id)
    founder, text, offset = factory.person("founder"), "", 0
    for _ in range(10):
        part = runs.read_job_log(founder, job.id, offset=offset, backend_of=factory.backend_of)
        text, offset = text + part.text, part.next_offset
        if part.is_whole:
            break
    assert part.is_whole
    assert text == "\ufffd" * 200_000


def test_staff_see_how_far_a_sweep_is_but_not_what_it_measures(factory: Running):
    jobs = factory.submit("founder", run="true", array="1-2")
    file = factory.backend.folders.root / jobs[1].id / "home/progress.jsonl"
    file.parent.mkdir(parents=True)
    file.write_text('{"t": 1, "step": 1, "total": 2, "metrics": {"loss": 2.5}}\n')
    for key, metrics in (("founder", {"loss": 2.5}), ("auditor", {})):
        rows = sweeps.compare_jobs(
            factory.person(key), jobs[0].sweep_id, backend_of=factory.backend_of
        )
        assert [row.progress.percent for row in rows] == [0, 50]
        assert rows[1].progress.metrics == metrics


def test_however_many_jobs_are_compared_at_a_far_site_their_files_are_looked_up_at_once(
    factory: Running,
):
    relay = relay_of(factory.workshop.factory.sites[0], PARTITION)
    counts = []
    for count in (2, 9):
        sweep = factory.submit("founder", f"k{count}", run="true", array=f"1-{count}")
        for job in sweep[1:]:
            name = FileName(kind=FileKind.PROGRESS, owner=job.id)
            file = relay_store.get_or_add_file(relay.site_id, name)
            text = b'{"t": 1, "step": %d, "total": 10}\n' % job.sweep_index
            relay.folder.write(file.id, offset=0, content=text)
            relay_store.save_file(replace(file, have_bytes=len(text)))
        with CaptureQueriesContext(connection) as queries:
            rows = sweeps.compare_jobs(
                factory.person("founder"), sweep[0].sweep_id, backend_of=lambda _: relay
            )
        assert [row.progress.step for row in rows] == [0, *range(2, count + 1)]
        far = replace(factory.workshop, backend_of=lambda _: relay)
        with CaptureQueriesContext(connection) as looks:
            halvings._judge(sweep, Halving(metric="loss", first=1, keep=2), far)
        assert all(halvings._readings[job.id].bookmark.offset for job in sweep[1:])
        counts.append((len(queries), len(looks)))
    assert counts[0] == counts[1]


def test_a_sweep_of_a_version_that_is_gone_can_still_be_looked_at(factory: Running):
    (job,) = factory.submit("founder", run="true")
    spec = {"name": "a", "gone": True}
    job_store.save_job(replace(job, id="j-a", client_key="a", sweep_id="s-a", spec=spec))
    (row,) = sweeps.compare_jobs(factory.person("founder"), "s-a", backend_of=factory.backend_of)
    assert (row.job.id, row.values) == ("j-a", {})
