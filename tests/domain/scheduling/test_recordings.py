"""A recorded cycle can be read back and replayed."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.fairness import FairnessState
from allmende.domain.scheduling.kernel import plan
from allmende.domain.scheduling.machine import CapacityChange, Machine
from allmende.domain.scheduling.plans import PendingJob, RunningJob, Snapshot
from allmende.domain.scheduling.policies import Policy
from allmende.domain.scheduling.recordings import (
    read_snapshot,
    record_memory,
    record_plan,
    record_snapshot,
    replays,
)
from allmende.domain.scheduling.shares import Share, ShareTree
from tests.domain.scheduling.worlds import random_snapshot

POLICY = Policy(
    max_time_limit_seconds=300,
    usage_half_life_seconds=3600,
    preemption=True,
    response_target_seconds=5,
    max_grace_seconds=10,
)
TREE = ShareTree(
    shares=(
        Share(path=("sme",), guarantee_ppm=250_000, weight=25, widest_job_nodes=1),
        Share(path=("industry",), weight=30, widest_job_nodes=2),
    )
)
MACHINE = Machine(
    nodes=("n-1", "n-2", "n-3", "n-4"),
    drained=frozenset({3}),
    capacity_changes=(CapacityChange(at_seconds=2000, nodes=2),),
)

pending_jobs = st.builds(
    PendingJob,
    id=st.integers(0, 999).map(lambda n: f"j-{n:03d}"),
    path=st.sampled_from([("sme", "p1", "ada"), ("sme", "p2", "bob"), ("industry", "p3", "eve")]),
    nodes=st.integers(1, 2),
    time_limit_seconds=st.integers(1, 300),
    submitted_at_seconds=st.integers(900, 1000),
    eligible=st.booleans(),
    hold_reason=st.sampled_from(
        [
            Sentence("The budget is {left} s short.", {"left": 3}),
            Sentence("It waits until {at}.", {"at": datetime(2026, 12, 1, 8, tzinfo=UTC)}),
        ]
    ),
)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    pending = draw(st.lists(pending_jobs, max_size=6, unique_by=lambda job: job.id))
    running = RunningJob(
        id="r-1",
        path=("industry", "p3", "eve"),
        node_indices=(0,),
        submitted_at_seconds=900,
        started_at_seconds=950,
        ends_by_seconds=draw(st.integers(1001, 1300)),
        preemptible=draw(st.booleans()),
        grace_seconds=10,
    )
    return Snapshot(
        now_seconds=1000,
        machine=MACHINE,
        tree=TREE,
        pending=tuple(pending),
        running=(running,),
        fairness=FairnessState.begin(1000),
    )


@given(snapshots())
def test_a_snapshot_survives_json_and_gives_the_same_plan(snapshot: Snapshot):
    paper = json.loads(json.dumps(record_snapshot(snapshot, POLICY)))
    again, policy = read_snapshot(paper)
    assert again == snapshot
    assert policy == POLICY
    written = json.loads(json.dumps(record_plan(plan(snapshot, POLICY))))
    assert replays(paper, written)


def test_a_changed_plan_does_not_replay():
    job = PendingJob(
        id="j-1",
        path=("sme", "p1", "ada"),
        nodes=1,
        time_limit_seconds=60,
        submitted_at_seconds=990,
    )
    snapshot = Snapshot(
        now_seconds=1000,
        machine=replace(MACHINE, capacity_changes=()),
        tree=TREE,
        pending=(job,),
        running=(),
        fairness=FairnessState.begin(1000),
    )
    paper = record_snapshot(snapshot, POLICY)
    written = record_plan(plan(snapshot, POLICY))
    assert replays(paper, written)
    assert not replays(paper, {**written, "starts": [["j-1", [2]]]})


def test_what_the_next_cycle_goes_on_from_is_also_in_the_papers():
    snapshot = random_snapshot(Random(3))
    decided = plan(snapshot, POLICY)
    memory = record_memory(snapshot, decided)
    papers = record_snapshot(snapshot, POLICY) | record_plan(decided)
    assert memory == {key: papers[key] for key in ("fairness", "groups", "running_nodes")}
