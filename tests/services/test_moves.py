"""A job that waits may move until it starts; its time is held on one partition at any instant."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from allmende.domain.basics.people import DAEMON
from allmende.domain.scheduling.jobs import Job, JobState
from allmende.services import allocations, brokering, cycle, jobs, ledger, moves
from allmende.services.deeds import Deed
from tests.services.running import PARTITION, Running, a_running_factory
from tests.services.several_sites import STUTTGART, give_time, spread

pytestmark = pytest.mark.django_db
KEY = "founder"


@pytest.fixture
def factory(tmp_path: Path, db: None) -> Iterator[Running]:
    """One node at home, which is busy for hours, and time at another site that is busy too."""
    with a_running_factory(tmp_path) as running:
        spread(running, werkbank={"nodes": 1}, stuttgart={"nodes": 1})
        running.submit(KEY, client_key="home", run="sleep 60", max_duration="3h")
        running.beat()
        give_time(running, KEY, STUTTGART)
        yield running


def submit_waiting(factory: Running, **file: object) -> Job:
    """Submit a job that waits at home, for Stuttgart is busy for longer."""
    asked = {"run": "sleep 60", "max_duration": "8h", "partition": STUTTGART}
    for number in range(4):
        factory.submit(KEY, client_key=f"there{number}", **asked)
    beat(factory, STUTTGART)
    (job,) = factory.submit(KEY, client_key="waits", run="true", max_duration="30m", **file)
    assert job.partition_id == PARTITION
    return job


def beat(factory: Running, partition_id: str) -> None:
    cycle.run_cycle(factory.story.act(DAEMON), partition_id, workshop=factory.workshop)


def free_stuttgart(factory: Running) -> None:
    """Let more nodes come into service there."""
    spread(factory, werkbank={"nodes": 1}, stuttgart={"nodes": 8})


def judge(factory: Running, *, minutes: int = 2) -> list[Job]:
    deed: Deed = factory.story.act(DAEMON)
    later = replace(deed, now=deed.now + timedelta(minutes=minutes))
    return moves.move_waiting(later, workshop=factory.workshop)


def held(factory: Running, partition_id: str) -> int:
    project_id = factory.story.projects[KEY]
    budget = allocations.get_budget(
        factory.person(KEY), project_id, partition_id=partition_id, access_share="union"
    )
    return budget.held_seconds


def test_a_waiting_job_moves_to_where_it_now_starts_sooner(factory: Running):
    job = submit_waiting(factory)
    before = held(factory, PARTITION), held(factory, STUTTGART)
    assert judge(factory) == []  # nothing is better yet
    free_stuttgart(factory)
    (moved,) = judge(factory, minutes=4)
    assert moved.id == job.id
    assert factory.job(job.id).partition_id == STUTTGART
    assert held(factory, PARTITION) == before[0] - job.held_seconds
    assert held(factory, STUTTGART) == before[1] + moved.held_seconds
    first, second = brokering.list_choices(factory.person(KEY), job.id)
    assert (first.number, second.number) == (1, 2)
    assert second.choice.chosen.partition_id == STUTTGART
    assert factory.sentences(job.id)[-1].startswith("It moved from Werkbank to Stuttgart.")
    beat(factory, STUTTGART)
    assert factory.job(job.id).state is JobState.RUNNING
    assert factory.attempts(job.id)[0].key == f"{job.id}.1"
    assert ledger.check(factory.person("auditor")).is_clean


def test_after_a_move_it_starts_and_is_settled_as_any_job(factory: Running):
    job = submit_waiting(factory)
    before = held(factory, STUTTGART)
    free_stuttgart(factory)
    assert judge(factory)
    factory.beat_until(lambda: beat(factory, STUTTGART) or factory.job(job.id).ended_at)
    assert factory.job(job.id).state is JobState.COMPLETED
    assert held(factory, STUTTGART) == before


def test_what_was_judged_a_moment_ago_is_left_alone(factory: Running):
    submit_waiting(factory)
    free_stuttgart(factory)
    assert judge(factory, minutes=0) == []


@pytest.mark.parametrize("deed", ["start", "cancel"])
def test_a_job_that_starts_or_ends_while_it_is_judged_does_not_move(
    factory: Running, monkeypatch, deed
):
    job = submit_waiting(factory)
    free_stuttgart(factory)

    def meanwhile(*arguments, **facts):
        found = find_move(*arguments, **facts)
        if deed == "start":
            spread(factory, werkbank={"nodes": 2}, stuttgart={"nodes": 4})
            factory.beat()
        else:
            jobs.cancel_job(factory.act(KEY), job.id)
        return found

    find_move = moves.find_move
    monkeypatch.setattr(moves, "find_move", meanwhile)
    assert judge(factory) == []
    assert factory.job(job.id).partition_id == PARTITION
    monkeypatch.undo()
    assert judge(factory, minutes=9) == []  # and it is not asked again
    assert factory.job(job.id).partition_id == PARTITION


def test_a_budget_that_went_meanwhile_leaves_the_job_where_it_was(factory: Running, monkeypatch):
    job = submit_waiting(factory)
    free_stuttgart(factory)

    def meanwhile(*arguments, **facts):
        found = find_move(*arguments, **facts)
        monkeypatch.undo()
        asked = {"client_key": "all", "run": "sleep 60", "partition": STUTTGART}
        for number, hours in enumerate((8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8)):
            factory.submit(KEY, **asked | {"client_key": f"n{number}", "max_duration": f"{hours}h"})
        return found

    find_move = moves.find_move
    monkeypatch.setattr(moves, "find_move", meanwhile)
    before = held(factory, PARTITION)
    assert judge(factory) == []
    assert factory.job(job.id).partition_id == PARTITION
    assert held(factory, PARTITION) == before
    assert ledger.check(factory.person("auditor")).is_clean
