"""Before a job is sent: when it would start, what would be sooner, and what it would hold."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from allmende import wiring
from allmende.domain.basics.refusals import NotFound
from allmende.domain.training.blueprints import InvalidParams
from allmende.domain.training.job_files import parse_job_file
from allmende.services import job_limits, jobs, previews
from allmende.services.previews import Preview
from allmende.services.workshop import Workshop
from tests.services.running import PARTITION, Running, a_running_factory

pytestmark = pytest.mark.django_db


@pytest.fixture
def factory(tmp_path: Path, db: None) -> Iterator[Running]:
    with a_running_factory(tmp_path, python="/bin/true") as running:
        yield running


def fill(factory: Running, count: int = 8) -> list[str]:
    """Submit more jobs than there are nodes."""
    file = {"run": "sleep 20", "max_duration": "4m"}
    files = [factory.submit("founder", client_key=f"k{n}", **file) for n in range(count)]
    factory.beat()
    return [job.id for (job,) in files]


def preview(
    factory: Running, key: str = "founder", workshop: Workshop | None = None, **file: object
) -> Preview:
    return previews.preview_job(
        factory.person(key),
        parse_job_file({"name": "asked", "max_duration": "4m", "run": "true", **file}),
        project_id=factory.story.projects["founder"],
        now=wiring.now(),
        workshop=workshop or factory.workshop,
    )


def test_a_job_file_is_told_when_it_would_start_and_nothing_is_submitted(factory: Running):
    job_ids = fill(factory)
    options = preview(factory).options
    assert (options[0].nodes, options[0].max_duration_seconds) == (1, 240)
    assert options[0].forecast.latest_at is not None
    for option in options[1:]:
        assert option.forecast.median_at < options[0].forecast.median_at
        assert "probably by" in previews.say_option(option).english()
    listed = jobs.list_jobs(factory.person("founder"), limit=50)
    assert {job.id for job in listed} == set(job_ids)


@pytest.mark.parametrize(
    ("key", "duration", "refusal"),
    [("researcher", "30s", NotFound), ("founder", "9h", job_limits.LimitTooLong)],
)
def test_what_could_not_be_submitted_is_refused_when_asked_about(
    factory: Running, key: str, duration: str, refusal: type[Exception]
):
    with pytest.raises(refusal):
        preview(factory, key, max_duration=duration)


def test_the_partition_is_read_once_for_all_that_is_asked(factory: Running):
    fill(factory)
    counts = []
    for seconds in ("1s", "4m"):  # the shortest has no choice beside it
        with CaptureQueriesContext(connection) as asked:
            preview(factory, max_duration=seconds)
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_what_it_holds_is_what_a_submission_holds(factory: Running):
    before = preview(factory, max_duration="30s")
    assert (before.jobs, before.held_seconds) == (1, 35)
    assert before.left_seconds == before.available_seconds - 35
    (job,) = factory.submit("founder", run="true")
    assert job.held_seconds == before.held_seconds
    assert preview(factory).available_seconds == before.left_seconds


def test_a_sweep_holds_for_each_of_its_jobs(factory: Running):
    found = preview(
        factory,
        run=None,
        blueprint="medicine",
        sweep={"hidden_units": [16, 32, 64]},
        max_duration="30s",
    )
    assert (found.jobs, found.held_seconds) == (3, 3 * 35)


def test_a_parameter_that_its_blueprint_does_not_take_is_refused(factory: Running):
    with pytest.raises(InvalidParams):
        preview(factory, run=None, blueprint="medicine", params={"hidden_units": 0})


def two_partitions(factory: Running, **changes: object) -> Workshop:
    """Return the workshop with a second partition, which nobody uses."""
    whole = factory.workshop.factory
    site = next(s for s in whole.sites if any(p.id == PARTITION for p in s.partitions))
    second = replace(whole.get_partition(PARTITION), id="second", name="Zweite", **changes)
    more = replace(site, partitions=(*site.partitions, second))
    sites = tuple(more if each is site else each for each in whole.sites)
    return replace(factory.workshop, factory=replace(whole, sites=sites))


def test_another_partition_is_named_when_it_would_be_sooner_with_what_it_takes(factory: Running):
    fill(factory, count=24)
    option = preview(factory, workshop=two_partitions(factory)).options[-1]
    assert (option.partition, option.needs_award, option.nodes) == ("Zweite", True, 1)
    words = previews.say_option(option).english()
    assert words.startswith("On Zweite: probably by")
    assert "need an award there" in words


@pytest.mark.parametrize("changes", [{"max_time_limit_seconds": 30}, {"country": "FR"}])
def test_a_partition_that_would_not_take_it_is_not_named(factory: Running, changes: dict):
    fill(factory)
    options = preview(factory, workshop=two_partitions(factory, **changes)).options
    assert not any(option.needs_award for option in options)


def test_an_idle_partition_has_no_other_that_is_sooner(factory: Running):
    options = preview(factory, workshop=two_partitions(factory)).options
    assert len(options) == 1
