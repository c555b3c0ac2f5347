"""Jobs that wait by choice: held until the hours they chose, and like anybody else from then on."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from allmende import wiring
from allmende.domain.basics.people import DAEMON
from allmende.domain.scheduling.jobs import JobState
from allmende.domain.scheduling.plans import WaitReason
from allmende.domain.training.conditions import WaitsTooLong
from allmende.domain.training.job_files import parse_job_file
from allmende.services import cycle, forecasts, previews
from tests.services.running import PARTITION, Running, a_running_factory

pytestmark = pytest.mark.django_db


@pytest.fixture
def factory(tmp_path: Path, db: None) -> Iterator[Running]:
    with a_running_factory(tmp_path) as running:
        yield running


def prefer(factory: Running, *hours: str) -> None:
    """Let the partition prefer some hours of the day; its clocks show UTC."""
    old = factory.workshop.factory
    better = replace(old.get_partition(PARTITION), time_zone="UTC", preferred_hours=hours)
    sites = tuple(
        replace(site, partitions=(better,)) if site.id == better.site_id else site
        for site in old.sites
    )
    factory.workshop = replace(factory.workshop, factory=replace(old, sites=sites))


def prefer_in_three_hours(factory: Running):
    begins = (wiring.now() + timedelta(hours=3)).replace(second=0, microsecond=0)
    prefer(factory, f"{begins:%H:%M}-{begins + timedelta(hours=1):%H:%M}")
    return begins


def decide(factory: Running, at):
    deed = replace(factory.story.act(DAEMON), now=at)
    return cycle.decide(deed, factory.workshop.factory.get_partition(PARTITION))


def test_a_flexible_job_waits_for_the_preferred_hours_and_says_so(factory: Running):
    begins = prefer_in_three_hours(factory)
    (job,) = factory.submit("founder", run="true", when={"flexible_until": "12h"})
    assert job.chosen_start_at == begins
    assert job.latest_start_at == job.submitted_at + timedelta(hours=12)
    factory.beat()
    waiting = factory.job(job.id)
    assert waiting.state is JobState.PENDING
    assert waiting.wait.template.startswith("It waits by choice for better hours, until {chosen}")
    assert waiting.wait.facts == {"chosen": begins, "latest": job.latest_start_at}
    assert factory.sentences(job.id)[-1] == str(waiting.wait)


def test_waiting_by_choice_is_no_debt_and_ends_at_the_chosen_instant(factory: Running):
    begins = prefer_in_three_hours(factory)
    (job,) = factory.submit("founder", run="true", when={"flexible_until": "12h"})
    early = decide(factory, begins - timedelta(seconds=1))
    assert (early.starts, [wait.reason for wait in early.waits]) == ((), [WaitReason.HELD])
    assert all(state.demand_nodes == 0 for state in early.group_states)
    assert [start.job_id for start in decide(factory, begins).starts] == [job.id]


def test_it_waits_no_longer_than_it_said(factory: Running):
    begins = prefer_in_three_hours(factory)
    (job,) = factory.submit("founder", run="true", when={"flexible_until": "2h"})
    # The hours come too late for it, so nothing is gained by waiting.
    assert job.chosen_start_at == job.submitted_at
    factory.run_to_end(job.id)
    assert factory.job(job.id).ended_at < begins


def test_a_preference_that_is_reached_only_in_part_is_taken_at_the_latest_start(factory: Running):
    begins = prefer_in_three_hours(factory)
    until = begins - timedelta(seconds=10)
    (job,) = factory.submit(
        "founder", run="true", max_duration="30s", when={"flexible_until": until.isoformat()}
    )
    assert job.chosen_start_at == job.latest_start_at == until


def test_without_preferred_hours_or_once_it_is_too_late_it_runs_at_once(factory: Running):
    (one,) = factory.submit("founder", "one", run="true", when={"flexible_until": "12h"})
    prefer_in_three_hours(factory)
    (two,) = factory.submit(
        "founder", "two", run="true", when={"flexible_until": "2026-01-01T08:00"}
    )
    assert [factory.sentences(job.id)[1:] for job in (one, two)] == [[], []]
    factory.run_to_end(one.id, two.id)
    assert {factory.job(job.id).state for job in (one, two)} == {JobState.COMPLETED}


def test_who_would_wait_for_months_is_refused(factory: Running):
    with pytest.raises(WaitsTooLong):
        factory.submit("founder", run="true", when={"flexible_until": "31d"})


def test_the_forecast_tells_the_chosen_instant(factory: Running):
    begins = prefer_in_three_hours(factory)
    (job,) = factory.submit("founder", run="true", when={"flexible_until": "12h"})
    factory.beat()
    reader, now = factory.person("founder"), wiring.now()
    for ask in (forecasts.forecast_job, forecasts.recall_forecast):
        told = ask(reader, job.id, now=now, workshop=factory.workshop)
        assert (told.chosen_at, told.earliest_at, told.latest_at) == (begins, begins, None)
        assert forecasts.say_forecast(told).english().startswith(f"It chose to start at {begins}")
    later = forecasts.forecast_job(reader, job.id, now=begins, workshop=factory.workshop)
    assert (later.chosen_at, later.earliest_at) == (None, begins)
    (option,) = previews.forecast_submission(
        reader,
        parse_job_file({"name": "asked", "run": "true", "when": {"flexible_until": "12h"}}),
        project_id=factory.story.projects["founder"],
        now=now,
        workshop=factory.workshop,
    )
    assert option.forecast.chosen_at == begins
