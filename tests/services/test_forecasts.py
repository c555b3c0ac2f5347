"""Forecasts on a running factory: made once for each job that waits, compared with its start."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from allmende import wiring
from allmende.domain.basics.people import DAEMON
from allmende.domain.basics.refusals import NotFound
from allmende.services import cycle, forecasts, jobs, projects
from allmende.services.forecasts import HitRate, JobForecast
from allmende.storage import forecasts as store
from tests.services.running import PARTITION, Running, a_running_factory

pytestmark = pytest.mark.django_db


@pytest.fixture
def factory(tmp_path: Path, db: None) -> Iterator[Running]:
    with a_running_factory(tmp_path) as running:
        yield running


def ask(factory: Running, job_id: str, key: str = "founder") -> JobForecast | None:
    return forecasts.forecast_job(
        factory.person(key), job_id, now=wiring.now(), workshop=factory.workshop
    )


def fill(factory: Running, script: str) -> list[str]:
    """Submit more jobs than there are nodes."""
    files = [factory.submit("founder", client_key=f"k{n}", run=script) for n in range(8)]
    factory.beat()
    return [job.id for (job,) in files]


def test_a_job_that_waits_is_told_a_range_and_its_start_is_compared_with_it(factory: Running):
    job_ids = fill(factory, "sleep 1")
    waiting = [j for j in job_ids if factory.job(j).started_at is None]
    assert len(waiting) == 2
    told = ask(factory, waiting[0])
    assert told is not None
    assert told.made_at <= told.earliest_at <= told.median_at <= told.latest_at
    assert (told.hit_rate, told.hit_rate.percent) == (HitRate(held=0, forecasts=0), None)
    factory.run_to_end(*job_ids)
    kept = [store.find_forecast(j) for j in waiting]
    assert [each.started_after_seconds is not None for each in kept] == [True, True]
    rate = forecasts.get_hit_rate(PARTITION)
    assert (rate.forecasts, rate.held) == (2, sum(each.is_hit for each in kept))
    assert ask(factory, waiting[0]) is None  # it has started


def test_what_was_told_first_is_what_pages_go_on_telling(factory: Running):
    waiting = [j for j in fill(factory, "sleep 20") if factory.job(j).started_at is None]
    reader, now = factory.person("founder"), wiring.now()
    first, later = (
        forecasts.recall_forecast(reader, waiting[0], now=at, workshop=factory.workshop)
        for at in (now, now + timedelta(seconds=2))
    )
    assert first == later
    outlived = now + timedelta(days=1)
    anew = forecasts.recall_forecast(reader, waiting[0], now=outlived, workshop=factory.workshop)
    assert anew.made_at == outlived
    store.note_starts([waiting[0]], now)  # it waits again, as after a failure
    anew = forecasts.recall_forecast(
        reader, waiting[0], now=now + timedelta(seconds=2), workshop=factory.workshop
    )
    assert anew.made_at == now + timedelta(seconds=2)


def test_a_job_that_does_not_wait_for_nodes_is_told_nothing(factory: Running):
    waiting = [j for j in fill(factory, "sleep 20") if factory.job(j).started_at is None]
    jobs.cancel_job(factory.act("founder"), waiting[0])
    assert ask(factory, waiting[0]) is None


def test_nobody_else_learns_when_a_job_starts(factory: Running):
    waiting = [j for j in fill(factory, "sleep 20") if factory.job(j).started_at is None]
    with pytest.raises(NotFound):
        ask(factory, waiting[0], key="researcher")


def test_what_a_page_told_is_kept_and_compared_with_the_start(factory: Running):
    (job,) = factory.submit("founder", run="sleep 20")
    told = forecasts.recall_forecast(
        factory.person("founder"), job.id, now=wiring.now(), workshop=factory.workshop
    )
    kept = store.find_forecast(job.id)
    assert (kept.made_at, kept.started_after_seconds) == (told.made_at, None)
    factory.beat()
    assert store.find_forecast(job.id).started_after_seconds is not None


def test_nobody_looks_ahead_for_what_may_not_start(factory: Running, monkeypatch):
    partition = factory.workshop.factory.get_partition(PARTITION)
    factory.submit("founder", run="sleep 20")
    projects.suspend_project(
        factory.act("operator"), factory.story.projects["founder"], why="A question is open."
    )
    looked: list[object] = []
    monkeypatch.setattr(forecasts, "look_ahead", lambda *asked: looked.append(asked))
    decided = cycle.decide(factory.story.act(DAEMON), partition)
    forecasts.tend_forecasts(factory.act("operator"), partition, decided)
    assert looked == []


def test_a_page_of_a_long_queue_comes_before_its_forecast(factory: Running, monkeypatch):
    monkeypatch.setattr(forecasts, "LONG_QUEUE", 1)
    waiting = [j for j in fill(factory, "sleep 20") if factory.job(j).started_at is None]
    (late,) = factory.submit("founder", client_key="late", run="sleep 20")
    reader, now = factory.person("founder"), wiring.now()
    assert forecasts.takes_long(reader, late.id, now=now)
    assert not forecasts.takes_long(reader, waiting[0], now=now)  # its forecast is kept
    started = next(job.id for job in jobs.list_jobs(reader, limit=50) if job.started_at)
    assert not forecasts.takes_long(reader, started, now=now)


@pytest.mark.parametrize(
    ("early", "late", "percent", "words"),
    [
        (1, 2, 80, "It starts between {now+1} and {now+2}, four times in five. Of the last"),
        (1, None, None, "It starts after {now+1}. Nothing is known yet"),
        (None, None, None, "cannot be said: not within the next 90 days."),
    ],
)
def test_a_forecast_is_one_sentence_with_its_trust(early, late, percent, words):
    now = wiring.now()

    def at(hours):
        return None if hours is None else now + timedelta(hours=hours)

    forecast = JobForecast(
        job_id="j",
        made_at=now,
        earliest_at=at(early),
        median_at=at(early),
        latest_at=at(late),
        hit_rate=HitRate(held=4, forecasts=5) if percent else HitRate(held=0, forecasts=0),
    )
    expected = words.replace("{now+1}", str(at(1))).replace("{now+2}", str(at(2)))
    assert expected in forecasts.say_forecast(forecast).english()
