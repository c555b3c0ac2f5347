"""Draining a node: what runs goes on, nothing new starts there, the preview says what it costs."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from allmende import wiring
from allmende.domain.basics.refusals import InvalidInput, NotPermitted
from allmende.domain.scheduling.jobs import JobState
from allmende.domain.scheduling.nodes import UnknownNode
from allmende.services import audit, drain_previews, drains, reservations
from allmende.services.reservations import Announcement
from tests.services.running import PARTITION, Running, a_running_factory

pytestmark = pytest.mark.django_db
NODES = [f"{PARTITION}-0{number}" for number in range(1, 7)]


@pytest.fixture
def factory(tmp_path: Path, db: None) -> Iterator[Running]:
    with a_running_factory(tmp_path) as running:
        yield running


def drain(factory: Running, node: str, *, key: str = "operator", reason: str = "New fans."):
    return drains.drain_node(
        factory.act(key), PARTITION, node, reason=reason, workshop=factory.workshop
    )


def resume(factory: Running, node: str) -> None:
    drains.resume_node(factory.act("operator"), PARTITION, node, workshop=factory.workshop)


def states(factory: Running) -> dict[str, str]:
    found = drains.list_nodes(
        factory.person("operator"), PARTITION, now=wiring.now(), workshop=factory.workshop
    )
    return {view.name: view.state for view in found}


def preview(factory: Running, node: str):
    return drain_previews.preview_drain(
        factory.person("operator"), PARTITION, node, now=wiring.now(), workshop=factory.workshop
    )


def start_on_every_node(factory: Running, script: str = "sleep 60") -> dict[str, str]:
    """Fill the partition; return which job is on which node."""
    filling = [
        factory.submit("researcher", client_key=f"fill{n}", run=script, max_duration="60s")[0].id
        for n in range(6)
    ]
    factory.beat_until(lambda: all(factory.attempts(each) for each in filling))
    return {factory.attempts(each)[0].nodes[0]: each for each in filling}


def test_a_drained_node_finishes_what_it_runs_and_gets_nothing_new(factory: Running):
    on = start_on_every_node(factory, "sleep 1")
    drain(factory, NODES[0])
    assert states(factory) == {**dict.fromkeys(NODES, "busy"), NODES[0]: "draining"}
    later = [
        factory.submit("researcher", client_key=f"later{n}", run="true", max_duration="5s")[0].id
        for n in range(7)
    ]
    factory.run_to_end(*later, on[NODES[0]])
    assert factory.job(on[NODES[0]]).state is JobState.COMPLETED
    used = {attempt.nodes[0] for each in later for attempt in factory.attempts(each)}
    assert used <= set(NODES[1:])
    assert states(factory)[NODES[0]] == "drained"
    resume(factory, NODES[0])
    (again,) = factory.submit("researcher", client_key="again", run="true", max_duration="5s")
    factory.run_to_end(again.id)
    assert factory.attempts(again.id)[0].nodes == (NODES[0],)


def test_draining_and_resuming_are_safe_to_repeat_and_audited_once(factory: Running):
    first = drain(factory, NODES[1])
    assert drain(factory, NODES[1], reason="Another word.") == first
    resume(factory, NODES[1])
    resume(factory, NODES[1])
    events = audit.list_events(factory.person("auditor"), limit=10_000)
    about = [e.action for e in events if e.subject == f"{PARTITION}:{NODES[1]}"]
    assert about == ["node.drained", "node.resumed"]


def test_who_may_not_and_what_does_not_exist_is_refused(factory: Running):
    with pytest.raises(NotPermitted):
        drain(factory, NODES[0], key="officer")
    with pytest.raises(UnknownNode, match="werkbank-01, werkbank-02"):
        drain(factory, "werkbank-07")
    with pytest.raises(InvalidInput):
        drain(factory, NODES[0], reason=" \n")
    described = next(p for p in factory.workshop.factory.partitions if not p.takes_jobs)
    with pytest.raises(drains.NoNodesHere):
        drains.drain_node(
            factory.act("operator"), described.id, "n1", reason="x", workshop=factory.workshop
        )


def test_the_preview_names_what_runs_and_who_starts_later_and_changes_nothing(factory: Running):
    on = start_on_every_node(factory)
    waiting = [
        factory.submit("researcher", client_key=f"w{n}", run="sleep 60", max_duration="60s")[0].id
        for n in range(6)
    ]
    factory.beat()
    seen = preview(factory, NODES[2])
    assert [there.job_id for there in seen.running] == [on[NODES[2]]]
    assert timedelta(0) < seen.free_from - wiring.now() < timedelta(seconds=90)
    assert (seen.nodes_left, seen.waiting_jobs) == (5, 6)
    assert 1 <= seen.later_jobs <= 6  # five nodes come free for six jobs, so one waits once more
    assert {each.job_id for each in seen.later} <= set(waiting)
    losses = [each.later_seconds or 0 for each in seen.later]
    assert losses == sorted(losses, reverse=True)
    assert 1 <= losses[-1] <= losses[0] <= 180
    assert set(states(factory).values()) == {"busy"}
    for node in NODES[1:]:
        drain(factory, node)
    nobody = preview(factory, NODES[0])
    assert nobody.nodes_left == 0
    assert nobody.later_jobs == 6
    assert {each.after_at for each in nobody.later} == {None}


def test_the_preview_names_the_reservations_that_lose_the_node(factory: Running):
    now = wiring.now()

    def announce(key: str, **of) -> str:
        announcement = Announcement(
            partition_id=PARTITION,
            starts_at=now + timedelta(hours=1),
            ends_at=now + timedelta(hours=2),
            reason="Course.",
            **of,
        )
        deed = factory.act(key)
        return reservations.announce(deed, announcement, factory=factory.workshop.factory).id

    course = announce("officer", nodes=1, project_id=factory.story.projects["founder"])
    fans = announce("operator", node_names=(NODES[5],))
    assert [each.id for each in preview(factory, NODES[5]).reservations] == [fans]
    # Six nodes, less fans, course and this one, are too few for what is guaranteed to groups.
    assert [each.id for each in preview(factory, NODES[0]).reservations] == [course]
    reservations.cancel(factory.act("operator"), fans)
    assert preview(factory, NODES[0]).reservations == ()


def test_the_guarantee_is_one_of_the_nodes_in_service(factory: Running):
    for node in NODES[:2]:
        drain(factory, node)
    on = [
        factory.submit("corporation", client_key=f"b{n}", run="sleep 60", max_duration="60s")[0].id
        for n in range(6)
    ]
    factory.beat()
    factory.beat()
    running = [each for each in on if factory.attempts(each)]
    assert len(running) <= 4
    assert all(factory.attempts(each)[0].nodes[0] in NODES[2:] for each in running)


def test_however_many_jobs_run_the_nodes_are_listed_with_the_same_questions(factory: Running):
    def count() -> int:
        with CaptureQueriesContext(connection) as asked:
            states(factory)
        return len(asked)

    before = count()
    start_on_every_node(factory)
    for node in NODES[:3]:
        drain(factory, node)
    assert count() == before
