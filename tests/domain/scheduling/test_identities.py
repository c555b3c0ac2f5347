"""With no guarantees and one group the kernel is EASY, conservative or FCFS, job by job."""

import gzip
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allmende.domain.scheduling.kernel import Backfill
from tests.domain.scheduling.simulation import Simulation, Work
from tests.domain.scheduling.worlds import a_machine, a_policy, a_tree

SEEDS = st.integers(min_value=0, max_value=2**32)
TRACE_JOBS = 1_000


def easy(works, nodes):
    """Simulate EASY backfilling (Lifka 1995; Mu'alem & Feitelson 2001); return the starts by id."""
    position = {work.id: place for place, work in enumerate(works)}
    arrivals, queue, running, starts = list(works), [], [], {}
    while arrivals or running:
        ends = [end for end, *_ in running]
        now = min([work.arrives for work in arrivals[:1]] + ends)
        running = [row for row in running if row[0] > now]
        while arrivals and arrivals[0].arrives <= now:
            queue.append(arrivals.pop(0))
        free = nodes - sum(work.nodes for _, work in running)

        def start(work, now=now, running=running):
            starts[work.id] = now
            running.append((now + min(work.seconds, work.limit), work))

        while queue and queue[0].nodes <= free:
            free -= queue[0].nodes
            start(queue.pop(0))
        if not queue:
            continue
        head, available = queue[0], free
        expected = sorted((starts[w.id] + w.limit, w.nodes, position[w.id]) for _, w in running)
        for shadow, width, _ in expected:
            shadow = max(shadow, now + 1)
            available += width
            if available >= head.nodes:
                break
        extra = available - head.nodes
        for work in list(queue[1:]):
            ends_in_time = now + work.limit <= shadow
            if work.nodes <= free and (ends_in_time or work.nodes <= extra):
                queue.remove(work)
                free -= work.nodes
                extra -= 0 if ends_in_time else work.nodes
                start(work)
    return starts


def conservative(works, nodes):
    """Simulate conservative backfilling where every job runs to its limit: slots never move."""
    starts = {}
    for work in works:
        instants = {starts[w.id] + w.limit for w in works if w.id in starts}
        for instant in sorted({work.arrives} | {t for t in instants if t > work.arrives}):
            changes = {instant} | {s for s in starts.values() if s > instant}
            if all(
                work.nodes
                + sum(
                    w.nodes
                    for w in works
                    if w.id in starts and starts[w.id] <= t < starts[w.id] + w.limit
                )
                <= nodes
                for t in changes
                if t < instant + work.limit
            ):
                starts[work.id] = instant
                break
    return starts


def first_come_first_served(works, nodes):
    """Simulate strict order: nobody starts before whoever came earlier."""
    starts, ends, now = {}, [], 0
    for work in works:
        now = max(now, work.arrives)
        while nodes - sum(width for end, width in ends if end > now) < work.nodes:
            now = min(end for end, _ in ends if end > now)
        starts[work.id] = now
        ends.append((now + min(work.seconds, work.limit), work.nodes))
    return starts


def random_works(rng, nodes, *, early):
    works, arrives = [], 0
    for number in range(rng.randint(1, 25)):
        arrives += rng.choice([0, 0, 1, rng.randint(0, 20)])
        limit = rng.choice([5, 10, 20, rng.randint(1, 40)])
        works.append(
            Work(
                id=f"w{number:05}",
                path=("free", "project", "person"),
                arrives=arrives,
                nodes=rng.randint(1, nodes),
                limit=limit,
                seconds=rng.randint(1, limit) if early else limit,
            )
        )
    return works


def simulate(works, nodes, backfill):
    policy = a_policy(backfill=backfill, max_time_limit_seconds=10**7)
    tree = a_tree(free=(0, 1))
    return Simulation(machine=a_machine(nodes), tree=tree, policy=policy, works=works).run()


@pytest.mark.slow
@given(seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_one_group_without_guarantee_is_easy_backfilling(seed):
    rng = Random(seed)
    nodes = rng.randint(1, 8)
    works = random_works(rng, nodes, early=True)
    assert simulate(works, nodes, Backfill.EASY).started == easy(works, nodes)


@pytest.mark.slow
@given(seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_with_reservations_for_all_it_is_conservative_backfilling(seed):
    rng = Random(seed)
    nodes = rng.randint(1, 8)
    works = random_works(rng, nodes, early=False)
    assert simulate(works, nodes, Backfill.CONSERVATIVE).started == conservative(works, nodes)


@pytest.mark.slow
@given(seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_without_backfill_it_is_first_come_first_served(seed):
    rng = Random(seed)
    nodes = rng.randint(1, 8)
    works = random_works(rng, nodes, early=True)
    expected = first_come_first_served(works, nodes)
    assert simulate(works, nodes, Backfill.NONE).started == expected


@pytest.mark.slow
@given(seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_a_reserved_start_never_moves_later(seed):
    rng = Random(seed)
    nodes = rng.randint(1, 8)
    simulation = simulate(random_works(rng, nodes, early=True), nodes, Backfill.EASY)
    promised = {}
    for answer in simulation.plans:
        for kept in answer.reservations:
            before = promised.get(kept.job_id, kept.starts_at_seconds)
            assert kept.starts_at_seconds <= before
            promised[kept.job_id] = kept.starts_at_seconds
    assert [job for job, by in promised.items() if simulation.started[job] > by] == []


def read_trace(path, jobs):
    """Return the first usable jobs of a trace in the standard workload format."""
    works = []
    with gzip.open(path, "rt") as lines:
        for line in lines:
            if line.startswith(";"):
                continue
            fields = [int(field) for field in line.split()]
            seconds, nodes, limit = fields[3], fields[7], fields[8]
            nodes = nodes if nodes > 0 else fields[4]
            limit = limit if limit > 0 else seconds
            if seconds <= 0 or not 0 < nodes <= 100:
                continue
            works.append(
                Work(
                    id=f"w{len(works):05}",
                    path=("free", "project", "person"),
                    arrives=fields[1],
                    nodes=nodes,
                    limit=limit,
                    seconds=seconds,
                )
            )
            if len(works) == jobs:
                break
    return works


@pytest.mark.slow
def test_the_kth_trace_is_scheduled_as_easy_does(shared_data):
    works = read_trace(shared_data / "traces" / "KTH-SP2-1996-2.1-cln.swf.gz", TRACE_JOBS)
    assert simulate(works, 100, Backfill.EASY).started == easy(works, 100)
