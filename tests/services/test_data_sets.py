"""A job reads a data set where it lies; it is told where, and its model says what it was."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from allmende.domain.scheduling.brokering import NowhereToRun
from allmende.domain.training.data_sets import DataNotAtSite, NoSuchDataSet
from allmende.domain.training.job_files import parse_job_file
from allmende.services import brokering, data_sets, jobs, launches, models, previews, submissions
from tests.domain.training.test_data_sets import ROADS
from tests.services.running import PARTITION, Running, a_running_factory
from tests.services.several_sites import BERLIN, GARCHING, give_time, spread

pytestmark = pytest.mark.django_db
KEY = "founder"
NAMED = [{"uri": "allmende:roads"}]


@pytest.fixture
def factory(tmp_path: Path, db: None) -> Iterator[Running]:
    (tmp_path / "roads").mkdir()
    (tmp_path / "roads/a.csv").write_text("1,2")
    with a_running_factory(tmp_path) as running:
        site_id = running.workshop.factory.get_partition(PARTITION).site_id
        lie(running, {site_id: str(tmp_path / "roads")})
        yield running


def lie(running: Running, folders: dict[str, str]) -> None:
    catalogue = {"roads": replace(ROADS, folders=folders)}
    running.workshop = replace(running.workshop, data_sets=catalogue)


def test_a_job_finds_its_data_and_its_model_names_them(factory: Running):
    run = 'cmp "$ALLMENDE_DATA"/* "$ALLMENDE_DATA_ROADS"/*; cp "$ALLMENDE_DATA"/* "$ALLMENDE_OUT"'
    (job,) = factory.submit(KEY, run=run, data=[{"uri": "allmende:roads", "mount": "/data"}])
    assert job.spec["data"] == [{"uri": "allmende:roads@2", "mount": "/data", "mode": "ro"}]
    assert any("ALLMENDE_DATA_ROADS says where" in each for each in factory.sentences(job.id))
    factory.run_to_end(job.id)
    assert factory.job(job.id).state == "completed"
    factory.beat()
    model = models.find_model_of_job(factory.person(KEY), job.id)
    assert model is not None
    assert [row["uri"] for row in model.record["data"]] == ["allmende:roads@2"]
    assert "Roads" in model.card


def test_submitting_again_is_submitting_once_though_the_version_was_left_out(factory: Running):
    (job,) = factory.submit(KEY, run="true", data=NAMED)
    assert factory.submit(KEY, run="true", data=NAMED) == [factory.job(job.id)]
    again = submissions.run_job_again(
        factory.act(KEY), job.id, client_key="anew", workshop=factory.workshop
    )
    assert again.spec["data"] == job.spec["data"]


def test_what_is_nowhere_near_is_refused_before_anything_is_held(factory: Running):
    with pytest.raises(NoSuchDataSet, match="Did you mean roads"):
        factory.submit(KEY, run="true", data=[{"uri": "allmende:road"}])
    for folders, words in (({}, "It lies at: nowhere"), ({"juelich": "/x"}, "It lies at: J")):
        lie(factory, folders)
        for _ in range(2):
            with pytest.raises(DataNotAtSite, match=words):
                factory.submit(KEY, run="true", data=NAMED)
        with pytest.raises(DataNotAtSite):
            previews.preview_job(
                factory.person(KEY),
                parse_job_file({"name": "a", "run": "true", "data": NAMED}),
                project_id=factory.story.projects[KEY],
                now=factory.act(KEY).now,
                workshop=factory.workshop,
            )
    assert jobs.list_jobs(factory.person(KEY)) == []


def test_the_job_goes_to_a_site_that_has_the_data(factory: Running):
    spread(factory)
    give_time(factory, KEY, GARCHING, BERLIN)
    lie(factory, {f"at-{BERLIN}": "/srv/roads"})
    (job,) = factory.submit(KEY, run="true", data=NAMED)
    assert job.partition_id == BERLIN
    (kept,) = brokering.list_choices(factory.person(KEY), job.id)
    why = {each.partition_id: str(each.sentence) for each in kept.choice.verdicts}
    assert why[GARCHING] == "It reads data that do not lie at this site: roads."
    lie(factory, {})
    with pytest.raises(NowhereToRun, match="do not lie at this site: roads"):
        factory.submit(KEY, run="true", data=NAMED, client_key="k2")


def test_where_an_agent_drives_the_site_only_a_mark_is_sent(factory: Running):
    (job,) = factory.submit(KEY, run="true", data=NAMED)
    factory.beat()
    (attempt,) = factory.attempts(job.id)
    old = factory.workshop.factory
    far = replace(old, sites=tuple(replace(site, agent=True) for site in old.sites))
    launch = launches.build_launch(
        factory.job(job.id), attempt, workshop=replace(factory.workshop, factory=far)
    )
    assert launch.environment["ALLMENDE_DATA"] == "allmende-data:roads@2"
    near = launches.build_launch(factory.job(job.id), attempt, workshop=factory.workshop)
    assert near.environment["ALLMENDE_DATA_ROADS"].endswith("/roads")


def test_the_catalogue_is_for_whoever_may_read_about_jobs(factory: Running):
    catalogue = factory.workshop.data_sets
    assert data_sets.list_data_sets(factory.person(KEY), catalogue=catalogue)[0].id == "roads"
