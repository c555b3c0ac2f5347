"""Steering a cluster: what is decided is written down, told once, and carried on later."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from allmende.backends.slurm.client import ClusterUnreachable
from allmende.domain.basics.people import DAEMON, PUBLIC
from allmende.domain.basics.refusals import NotPermitted
from allmende.domain.basics.sites import Factory, Partition, PartitionStatus, ShareGroup, Site
from allmende.domain.basics.units import TimeUnit
from allmende.services import steering
from allmende.services.deeds import Deed
from allmende.storage import audit as audit_store
from allmende.storage import steering as store
from tests.services.steered_queue import Queue

pytestmark = pytest.mark.django_db

BLINK = timedelta(microseconds=1)
BEGAN = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)
PARTITION = Partition(
    id="p",
    name="Lab",
    site_id="s",
    country="DE",
    status=PartitionStatus.SLURM,
    unit=TimeUnit.NODE_SECONDS,
    hardware="emulated",
    nodes=16,
    max_time_limit_seconds=600,
    groups=(
        ShareGroup(id="sme", name="SMEs", guarantee=Fraction(1, 4), widest_job_nodes=2),
        ShareGroup(id="science", name="Science"),
    ),
)
FACTORY = Factory(
    name="F",
    operator="O",
    countries=frozenset({"DE"}),
    sites=(Site(id="s", name="S", hosting_entity="H", country="DE", partitions=(PARTITION,)),),
)


def steer(queue: Queue, after_seconds: int, **facts):
    at = BEGAN + timedelta(seconds=after_seconds)
    return steering.steer(
        Deed(actor=DAEMON, now=at, new_id=lambda kind: kind), PARTITION, wheel=queue, **facts
    )


def looks():
    return list(store.list_looks("p", since=BEGAN - timedelta(days=1)))


def actions() -> list[str]:
    return [event.action for event in audit_store.list_events(after=0, limit=100)]


def test_an_owed_group_is_raised_once_and_lowered_once_with_an_audit_event_for_each():
    queue = Queue()
    queue.fill("sme", running=0, waiting=9)
    for second in (0, 5, 10):
        steer(queue, second)
    queue.fill("sme", running=9, waiting=0)
    for second in (15, 20, 25):
        steer(queue, second)
    assert [levels[0].is_raised for levels in queue.told] == [True] * 4 + [False] * 2
    assert actions() == ["steering.raised", "steering.lowered"]
    assert looks()[-1].groups[0].totals.delivered_node_seconds == 45


def test_old_looks_are_forgotten_and_what_is_carried_on_is_not():
    queue = Queue()
    queue.fill("sme", running=0, waiting=9)
    for second in (0, 40):
        steer(queue, second)
    lag = looks()[-1].groups[0].lag_micronode_seconds
    at_the_limit = Deed(
        actor=DAEMON, now=BEGAN + timedelta(seconds=40) + steering.KEPT, new_id=lambda kind: kind
    )
    assert steering.forget_old(at_the_limit) == 1
    assert len(looks()) == 1
    assert steering.forget_old(replace(at_the_limit, now=at_the_limit.now + BLINK)) == 1
    assert looks() == []
    steer(queue, 45)
    assert looks()[-1].groups[0].lag_micronode_seconds > lag > 0
    with pytest.raises(NotPermitted):
        steering.forget_old(replace(at_the_limit, actor=PUBLIC))


def test_it_looks_no_more_often_than_asked():
    queue = Queue()
    steer(queue, 0)
    steer(queue, 4)
    assert len(queue.told) == 1
    steer(queue, 5)
    assert len(queue.told) == 2


def test_a_partition_without_guarantees_is_left_alone():
    bare = replace(PARTITION, groups=(ShareGroup(id="sme", name="SMEs"),))
    deed = Deed(actor=DAEMON, now=BEGAN, new_id=lambda kind: kind)
    assert steering.steer(deed, bare, wheel=Queue()) == steering.SteeringReport()
    assert looks() == []


def test_a_silent_cluster_is_marked_once_and_its_lag_counted_on_when_it_answers_again():
    queue = Queue()
    queue.fill("sme", running=0, waiting=9)
    steer(queue, 0)
    queue.is_silent = True
    assert "does not answer" in str(steer(queue, 10).trouble)
    steer(queue, 20)
    assert [look.is_answered for look in looks()] == [True, False]
    queue.is_silent = False
    steer(queue, 30)
    assert [look.is_answered for look in looks()] == [True, False, True]
    assert looks()[-1].groups[0].lag_micronode_seconds == 4 * 30 * 1_000_000


def test_a_decision_that_could_not_be_told_is_told_at_the_next_look():
    queue = Queue()
    queue.fill("sme", running=0, waiting=9)
    tell = queue.set_levels
    queue.set_levels = _silent
    assert steer(queue, 0).trouble is not None
    queue.set_levels = tell
    steer(queue, 5)
    assert queue.told[0][0].is_raised
    assert actions() == ["steering.raised"]


def _silent(levels):
    raise ClusterUnreachable(cluster="lab", problem="no answer")


def test_looks_that_show_nothing_new_are_kept_twice_a_minute():
    queue = Queue()
    for second in range(0, 61, 5):
        steer(queue, second)
    assert [(look.at - BEGAN).total_seconds() for look in looks()] == [0, 30, 60]


def test_what_a_partition_was_steered_like_is_read_with_one_query_and_by_everybody():
    queue = Queue()
    queue.fill("sme", running=1, waiting=8)
    for second in range(0, 300, 30):
        steer(queue, second)
    now = BEGAN + timedelta(hours=1)
    with CaptureQueriesContext(connection) as queries:
        (found,) = steering.list_steering(PUBLIC, "s", factory=FACTORY, now=now)
    assert len(queries) == 1
    assert (found.seen_at, found.is_answered, found.nodes_in_service) == (looks()[-1].at, True, 16)
    (course,) = found.courses
    assert (course.running_nodes, course.waiting_nodes, course.claimed_nodes) == (1, 8, 4)
    assert (course.met_share, course.is_raised) == (0.25, True)
    assert course.lag_node_seconds == course.worst_lag_node_seconds == 3 * 270
    assert course.bound_node_seconds == (4 + 2) * 612 + 4 * 60
    assert [mark.lag_node_seconds for mark in course.marks] == [90 * n for n in range(10)]
    (later,) = steering.list_steering(PUBLIC, "s", factory=FACTORY, now=now + timedelta(days=2))
    assert (later.seen_at, later.courses) == (None, ())


def test_only_the_system_steers():
    with pytest.raises(NotPermitted):
        steering.steer(
            Deed(actor=PUBLIC, now=BEGAN, new_id=lambda kind: kind), PARTITION, wheel=Queue()
        )
