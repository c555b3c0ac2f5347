"""Watching a job that runs: soon, bounded however much it writes, and with what it costs."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from allmende.backends.local import LocalBackend
from allmende.domain.basics.refusals import NotFound
from allmende.domain.scheduling.backends import Backend
from allmende.domain.training.courses import MOST_METRICS, POINTS_PER_METRIC
from allmende.services import jobs, runs, tallies
from allmende.wiring.access_rules import load_access_rules
from tests.services.running import PARTITION, Running, a_running_factory

pytestmark = pytest.mark.django_db

CHATTY = """
import json, os, sys, time
n = 0
with open(os.environ["ALLMENDE_PROGRESS"], "a") as file:
    for _ in range(40):
        for _ in range(100):
            n += 1
            loss = 1e6 if n == 50 else n % 10
            file.write(json.dumps({"t": time.time(), "step": n, "total": 10**6,
                                   "metrics": {"loss": loss}}) + "\\n")
        file.flush()
        sys.stdout.write(("x" * 99 + "\\n") * 10_000)
        sys.stdout.flush()
        time.sleep(0.05)
print("the last words")
"""


class CountedBackend:
    """A backend that counts what is read from it."""

    def __init__(self, backend) -> None:
        self.backend = backend
        self.read_bytes = 0

    def open_progress(self, job_ids):
        return LocalBackend.open_progress(self, job_ids)

    def __getattr__(self, name: str):
        found = getattr(self.backend, name)
        if not name.startswith("read_"):
            return found

        def read(*args, **facts):
            content = found(*args, **facts)
            self.read_bytes += len(content)
            return content

        return read


@pytest.fixture
def factory(tmp_path: Path, db: None) -> Iterator[Running]:
    with a_running_factory(tmp_path) as running:
        yield running


def test_what_a_job_writes_is_seen_within_two_seconds(factory: Running):
    line = """{\\"t\\":$(date +%s.%N),\\"step\\":$i,\\"total\\":9}"""
    said = f"""echo "{line}" >> $ALLMENDE_PROGRESS; date +%s.%N"""
    # It stays until all was seen: what comes with its end only is late.
    run = f"for i in 1 2 3; do {said}; sleep 0.5; done; until [ -e go ]; do sleep 0.1; done"
    (job,) = factory.submit("founder", run=run, max_duration="4m")
    founder, offset, seen = factory.person("founder"), 0, []

    def has_seen_all() -> bool:
        nonlocal offset
        part = runs.read_job_log(founder, job.id, offset=offset, backend_of=factory.backend_of)
        offset, now = part.next_offset, time.time()
        seen.extend(now - float(text) for text in part.text.split())
        progress = runs.get_progress(founder, job.id, backend_of=factory.backend_of)
        assert progress.step >= len(seen)
        return len(seen) == 3

    factory.beat_until(has_seen_all)
    # One of them: any may be late because the machine did something else meanwhile.
    assert min(seen) < 2
    (factory.backend.folders.root / job.id / "home/go").touch()
    factory.run_to_end(job.id)


def test_a_chatty_job_is_thinned_with_a_note_and_no_look_reads_much(factory: Running, tmp_path):
    script = tmp_path / "chatty.py"
    script.write_text(CHATTY.replace("\\\\", "\\"))
    factory.backend.output_limit_bytes = 8 * 2**20
    (job,) = factory.submit("founder", run=f"python3 {script}", max_duration="4m")
    founder, counted, most = factory.person("founder"), CountedBackend(factory.backend), 0
    while not factory.job(job.id).ended_at:
        factory.beat()
        counted.read_bytes = 0
        runs.get_progress(founder, job.id, backend_of=lambda _: counted)
        most = max(most, counted.read_bytes)
    assert most <= runs.FIRST_LOOK_BYTES + runs.MARK_BYTES
    (curve,) = runs.list_curves(founder, job.id, backend_of=factory.backend_of)
    assert len(curve.points) <= POINTS_PER_METRIC
    assert (50, 1e6) in curve.points
    log = b"".join(runs.stream_log(founder, job.id, backend_of=factory.backend_of))
    assert len(log) < 8 * 2**20 + 10_000
    assert b"bytes are left out here" in log
    assert log.endswith(b"the last words\n")


def test_a_first_look_at_a_huge_file_reads_a_part_of_it_and_says_so(factory: Running):
    (job,) = factory.submit("founder", run="true")
    factory.run_to_end(job.id)
    lines = (json.dumps({"t": n, "step": n, "total": 99_999, "metrics": {"a": n}})
             for n in range(100_000))  # fmt: skip
    file = factory.backend.folders.root / job.id / "home/progress.jsonl"
    file.write_text("\n".join(lines) + "\n")
    founder, counted = factory.person("founder"), CountedBackend(factory.backend)
    progress = runs.get_progress(founder, job.id, backend_of=lambda _: counted)
    assert (progress.percent, progress.is_thinned) == (100, True)
    most = runs.FIRST_LOOK_BYTES + runs.MARK_BYTES
    assert counted.read_bytes <= most < file.stat().st_size
    (curve,) = runs.list_curves(founder, job.id, backend_of=factory.backend_of)
    assert len(curve.points) > POINTS_PER_METRIC // 2
    assert (curve.points[0], curve.points[-1]) == ((0, 0.0), (99_999, 99_999.0))
    widest = max(b[0] - a[0] for a, b in pairwise(curve.points))
    assert widest < 100_000 / (runs.LOOK_PARTS - 1)
    (latest,) = runs.read_latest([job], backend_of=factory.backend_of)
    assert (latest.step, dict(latest.metrics)) == (99_999, {"a": 99_999})
    file.write_text('{"t": 1, "step": 7, "total": 8}\n')  # it began anew
    progress = runs.get_progress(founder, job.id, backend_of=lambda _: counted)
    assert (progress.step, progress.is_thinned) == (7, False)


def test_a_list_says_how_far_those_are_that_run_and_does_without_where_no_machine_tells(factory):
    line = '{"t": 1, "step": 3, "total": 12, "metrics": {"loss": 0.5}}'
    run = f"echo '{line}' >> $ALLMENDE_PROGRESS; sleep 20"
    running, waiting = factory.submit("founder", run=run, array="1-2", max_parallel=1)
    factory.beat_until(lambda: runs.read_latest([running], backend_of=factory.backend_of)[0].step)
    found = [factory.job(running.id), factory.job(waiting.id)]
    rows = runs.beside_progress(found, backend_of=factory.backend_of)
    assert [(row.job, row.progress.percent) for row in rows] == [(found[0], 25), (found[1], 0)]
    assert rows[0].progress.metrics == {}  # staff see the list, too

    def one_away(partition_id: str) -> Backend:
        if partition_id == "away":
            raise NotFound(kind="partition", id=partition_id)
        return factory.backend_of(partition_id)

    away = replace(found[0], id="j-away", partition_id="away")
    rows = runs.beside_progress([away, *found], backend_of=one_away)
    assert [row.progress.percent for row in rows] == [0, 25, 0]


def test_of_a_job_that_reports_thousands_of_metrics_as_many_are_shown_as_have_curves(factory):
    (job,) = factory.submit("founder", run="true")
    factory.run_to_end(job.id)
    lines = (
        json.dumps({"t": n, "step": n, "metrics": {"loss": 0.5 + n} | dict.fromkeys(names, 1)})
        for n, names in enumerate((map(str, range(2000)), ["late"]))
    )
    file = factory.backend.folders.root / job.id / "home/progress.jsonl"
    file.write_text("\n".join(lines) + "\n")
    (progress,) = runs.read_latest([job], backend_of=factory.backend_of)
    latest = progress.metrics
    assert (len(latest), latest["loss"]) == (MOST_METRICS, 1.5)


def test_a_log_is_searched_and_its_end_begins_with_a_whole_line(factory: Running):
    (job,) = factory.submit("founder", run="echo Größe; seq 1000; echo größer")
    factory.run_to_end(job.id)
    founder, facts = factory.person("founder"), {"backend_of": factory.backend_of}
    found = runs.search_log(founder, job.id, "GRÖSSE", **facts)
    assert (found[0].offset, found[0].text) == (0, "Größe")
    assert len(found) == 2
    assert runs.search_log(founder, job.id, "", **facts) == []
    assert len(runs.search_log(founder, job.id, "1", **facts)) == runs.MOST_FOUND_LINES
    begin = runs.find_log_tail(founder, job.id, most_bytes=50, **facts)
    part = runs.read_job_log(founder, job.id, offset=begin, **facts)
    assert part.text.splitlines()[0] in {str(n) for n in range(990, 1001)}
    assert part.text.endswith("größer\n")
    assert runs.find_log_tail(founder, job.id, most_bytes=10**6, **facts) == 0


def test_hours_and_energy_are_counted_while_a_job_runs_and_settled_afterwards(factory: Running):
    (job,) = factory.submit("founder", run="sleep 1")
    founder = factory.person("founder")
    partition = factory.workshop.factory.get_partition(PARTITION)
    book = load_access_rules().book

    def count(now):
        view = jobs.get_job(founder, job.id)
        return tallies.count_up(view, partition, book=book, now=now)

    def has_begun():
        return any(each.started_at for each in factory.attempts(job.id))

    factory.beat_until(has_begun)
    (attempt,) = factory.attempts(job.id)
    tally = count(attempt.started_at + timedelta(seconds=100))
    assert (tally.used_seconds, tally.still_grows) == (100 * partition.charge_factor, True)
    assert tally.energy_methods == ("estimated",)
    watts = partition.watts_idle_per_node + partition.watts_busy_per_core * partition.cores_per_node
    assert tally.energy_joules == pytest.approx(watts * 100 * partition.pue, abs=1)
    assert tally.energy_scopes == ("node",)
    view = jobs.get_job(founder, job.id)
    loaded = replace(partition, gpus_per_node=4, watts_per_device=700.0)
    at = attempt.started_at + timedelta(seconds=100)
    with_gpus = tallies.count_up(view, loaded, book=book, now=at)
    more = with_gpus.energy_joules - tally.energy_joules
    assert more == pytest.approx(700 * 4 * 100 * partition.pue, abs=1)
    unknown = replace(loaded, watts_per_device=0.0)
    assert tallies.count_up(view, unknown, book=book, now=at).energy_scopes == ("host",)
    assert tally.worth_cents == -(-tally.used_seconds * tally.cents_per_hour // 3600)
    factory.run_to_end(job.id)
    (attempt,) = factory.attempts(job.id)
    tally = count(attempt.ended_at + timedelta(days=1))
    assert (tally.used_seconds, tally.still_grows) == (attempt.used_seconds, False)
    assert tally.energy_joules == attempt.energy_joules
    free = tallies.count_up(
        jobs.get_job(founder, job.id), partition, book=book.__class__(()), now=attempt.ended_at
    )
    assert (free.worth_cents, free.cents_per_hour) == (None, None)


def test_a_line_without_an_end_is_searched_too(factory: Running):
    (job,) = factory.submit("founder", run="printf 'bars %0200000d' 1; echo; echo later")
    factory.run_to_end(job.id)
    founder, facts = factory.person("founder"), {"backend_of": factory.backend_of}
    found = runs.search_log(founder, job.id, "bars", **facts)
    assert [line.offset for line in found] == [0]
    (later,) = runs.search_log(founder, job.id, "later", **facts)
    assert (later.offset, later.text) == (len("bars ") + 200_000 + 1, "later")
