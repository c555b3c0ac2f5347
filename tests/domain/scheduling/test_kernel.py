from dataclasses import replace

import pytest

from allmende.domain.basics.refusals import NotFound
from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling import explain
from allmende.domain.scheduling.kernel import (
    CapacityChange,
    PendingJob,
    Preempt,
    RunningJob,
    Share,
    ShareTree,
    Start,
    WaitReason,
    plan,
)
from allmende.domain.scheduling.policies import Backfill
from tests.domain.scheduling.worlds import (
    NOW,
    a_machine,
    a_pending,
    a_policy,
    a_running,
    a_snapshot,
    a_tree,
)

QUARTERS = a_tree(sme=(250_000, 1), science=(250_000, 1), industry=(0, 2))
FREE = a_tree(free=(0, 1))
REACTIVE = a_policy(preemption=True, response_target_seconds=20, max_grace_seconds=5)


def the_wait(answer, job_id="j"):
    return explain.find_wait(answer, job_id)


def plan_one(job, machine=None, tree=FREE, running=(), policy=None, **fairness):
    snapshot = a_snapshot(machine or a_machine(2), tree, [job], running, **fairness)
    return plan(snapshot, policy or a_policy())


def test_nothing_to_do_is_an_empty_plan():
    answer = plan(a_snapshot(a_machine(2), FREE), a_policy())
    assert (answer.starts, answer.waits, answer.preempts) == ((), (), ())


def test_starts_take_the_lowest_free_nodes():
    answer = plan_one(
        a_pending("j", nodes=2), a_machine(4, drained=frozenset({2})), running=[a_running("r")]
    )
    assert answer.starts == (Start("j", (1, 3)),)
    assert answer.running_nodes == {("free", "project", "person"): 3}


def test_an_owed_group_goes_before_who_came_first():
    jobs = [
        a_pending("industry", "industry", nodes=2, submitted=0),
        a_pending("sme", "sme", submitted=9),
    ]
    busy = a_running("r", "industry", nodes=range(4))
    answer = plan(a_snapshot(a_machine(6), QUARTERS, jobs, [busy]), a_policy())
    assert [start.job_id for start in answer.starts] == ["sme"]
    assert the_wait(answer, "industry").reason is WaitReason.HEAD


def test_among_owed_groups_the_larger_lag_relative_to_the_claim_goes_first():
    jobs = [a_pending("a", "sme"), a_pending("b", "science")]
    busy = a_running("r", "industry", nodes=range(5))
    answer = plan(
        a_snapshot(a_machine(6), QUARTERS, jobs, [busy], lags={("science",): 1}), a_policy()
    )
    assert [start.job_id for start in answer.starts] == ["b"]


def test_a_group_that_still_owes_nothing_goes_by_usage_over_weight():
    tree = ShareTree(shares=(Share(path=("a",), weight=3), Share(path=("b",), weight=1)))
    jobs = [a_pending("x", "a"), a_pending("y", "b")]
    usages = {("a",): 5, ("b",): 2}
    answer = plan(a_snapshot(a_machine(1), tree, jobs, usages=usages), a_policy())
    assert [start.job_id for start in answer.starts] == ["x"]


def test_usage_is_compared_level_by_level():
    # The project comes first: whoever used least in it waits for a project that used less.
    usages = {("a",): 9, ("a", "p"): 5, ("a", "q"): 4, ("a", "q", "v"): 4}
    jobs = [
        a_pending("fresh", path=("a", "p", "new")),
        a_pending("old", path=("a", "q", "v"), submitted=1),
        a_pending("young", path=("a", "q", "new"), submitted=2),
    ]
    order = []
    while len(order) < 3:
        left = [job for job in jobs if job.id not in order]
        answer = plan(a_snapshot(a_machine(1), a_tree(a=(0, 1)), left, usages=usages), a_policy())
        order.append(answer.starts[0].job_id)
    assert order == ["young", "old", "fresh"]


def test_a_borrower_yields_where_the_least_work_is_lost():
    running = [
        a_running(
            "old", "industry", nodes=(0, 1), preemptible=True, started=NOW - 90, grace_seconds=5
        ),
        a_running(
            "new", "industry", nodes=(2, 3), preemptible=True, started=NOW - 40, grace_seconds=5
        ),
        a_running("safe", "industry", nodes=(4, 5), started=NOW - 1),
    ]
    job = a_pending("j", "sme")
    answer = plan_one(job, a_machine(6), QUARTERS, running, REACTIVE)
    assert answer.preempts == (Preempt("new", "j"),)
    assert the_wait(answer).starts_by == NOW + 5
    saved = [replace(running[0], checkpoint_at_seconds=NOW - 2), *running[1:]]
    answer = plan_one(job, a_machine(6), QUARTERS, saved, REACTIVE)
    assert answer.preempts == (Preempt("old", "j"),)


def test_nobody_yields_for_a_start_within_the_response_target():
    running = [a_running("r", "industry", nodes=range(6), preemptible=True, ends=NOW + 20)]
    assert plan_one(a_pending("j", "sme"), a_machine(6), QUARTERS, running, REACTIVE).preempts == ()


def test_nobody_yields_when_it_would_not_help_in_time():
    tree = a_tree(sme=(250_000, 2), industry=(0, 2))
    running = [
        a_running("fixed", "industry", nodes=range(7)),
        a_running("soft", "industry", nodes=(7,), preemptible=True, grace_seconds=5),
    ]
    answer = plan_one(a_pending("j", "sme", nodes=2), a_machine(8), tree, running, REACTIVE)
    assert (answer.preempts, the_wait(answer).starts_by) == ((), NOW + 50)


def test_a_group_does_not_yield_what_it_may_claim_itself():
    running = [
        a_running(f"r{node}", "science", nodes=(node,), preemptible=True, started=NOW - 9 + node)
        for node in range(6)
    ]
    jobs = [a_pending(f"j{number}", "sme") for number in range(9)]
    jobs += [a_pending(f"s{number}", "science", limit=100) for number in range(9)]
    lags = {("sme",): 9 * 10**9}
    snapshot = a_snapshot(
        a_machine(6), QUARTERS, jobs, running, lags=lags, pressing_since={("sme",): 1}
    )
    answer = plan(snapshot, REACTIVE)
    # The claim of 1.5 and one widest job is 2 whole nodes; four stay with science.
    assert [stop.job_id for stop in answer.preempts] == ["r5", "r4"]


def test_a_pressing_claim_keeps_the_free_nodes_that_its_head_still_waits_for():
    tree = a_tree(sme=(500_000, 2), industry=(0, 2))
    jobs = [
        a_pending("wide", "sme", nodes=2),
        a_pending("first", "industry", limit=5),
        a_pending("j", "industry", limit=5, submitted=1),
    ]
    running = [a_running("r", "industry", nodes=range(3))]
    state = {"lags": {("sme",): 10**12}, "pressing_since": {("sme",): 3}}
    answer = plan(a_snapshot(a_machine(4), tree, jobs, running, **state), a_policy())
    assert [wait.reason for wait in answer.waits] == [
        WaitReason.HEAD,
        WaitReason.HEAD_UNDATED,
        WaitReason.KEPT,
    ]
    assert the_wait(answer).sentence.english() == (
        "What is free (1 node) is kept for the group sme, which was promised more than it has "
        "received so far."
    )
    pressing = answer.group_states[0]
    assert (
        explain.explain_group(pressing).english().startswith("sme runs on 0 nodes and may claim 2.")
    )


REASONS = [
    (
        WaitReason.HELD,
        a_pending("j", eligible=False, hold_reason=Sentence("Its project is suspended.")),
        "Its project is suspended.",
    ),
    (WaitReason.HELD, a_pending("j", eligible=False), "It is on hold."),
    (
        WaitReason.TOO_LONG,
        a_pending("j", limit=200),
        "Its time limit of 4 min is above the 100 s that a job like it may have here. "
        "Submit it with a shorter limit and checkpoints.",
    ),
    (
        WaitReason.OUT_OF_SERVICE,
        a_pending("j", nodes=3),
        "It asks for 3 nodes for 50 s, which is more than can be in service (2 nodes now). It can "
        "start once drained nodes are back.",
    ),
    (
        WaitReason.HEAD,
        a_pending("j", nodes=2),
        "It is next in the group free: room for 2 nodes is reserved for it, within 50 s at the "
        "latest.",
    ),
]


@pytest.mark.parametrize(("reason", "job", "sentence"), REASONS)
def test_a_job_that_waits_is_told_why(reason, job, sentence):
    wait = the_wait(plan_one(job, running=[a_running("r")]))
    assert (wait.reason, wait.sentence.english()) == (reason, sentence)


def test_a_job_wider_than_its_guarantee_covers_waits_for_its_owner():
    answer = plan_one(a_pending("j", "sme", nodes=2), a_machine(6), QUARTERS)
    assert the_wait(answer).reason is WaitReason.TOO_WIDE
    assert the_wait(answer).figures["widest"] == 1


def test_a_job_that_nobody_can_stop_must_be_short_where_borrowers_yield():
    policy = replace(REACTIVE, max_unpreemptible_limit_seconds=10)
    answer = plan_one(a_pending("j", limit=11, preemptible=False), policy=policy)
    assert the_wait(answer).figures["limit_seconds"] == 10
    assert plan_one(a_pending("j", limit=11), policy=policy).starts == (Start("j", (0,)),)


@pytest.mark.parametrize("backfill", Backfill)
def test_a_ceiling_holds_for_what_starts_in_the_same_plan(backfill):
    tree = ShareTree(
        shares=(Share(path=("free",)), Share(path=("free", "project"), ceiling_ppm=500_000))
    )
    jobs = [a_pending("a"), a_pending("b"), a_pending("c", path=("free", "other", "person"))]
    policy = replace(a_policy(), backfill=backfill)
    answer = plan(a_snapshot(a_machine(3), tree, jobs), policy)
    assert [start.job_id for start in answer.starts] == ["a", "c"]
    assert the_wait(answer, "b").sentence.english() == (
        "free/project uses 1 node and may use 1 node at once. It starts when another job there has "
        "ended."
    )


def test_a_long_job_may_not_delay_a_reservation_and_a_short_one_may_overtake():
    jobs = [
        a_pending("head", nodes=2),
        a_pending("long", limit=60, submitted=1),
        a_pending("short", limit=50, submitted=2),
    ]
    answer = plan(a_snapshot(a_machine(2), FREE, jobs, [a_running("r")]), a_policy())
    assert [start.job_id for start in answer.starts] == ["short"]
    # Reasons are read from the finished plan, in which the short job has the free node.
    assert the_wait(answer, "long").reason is WaitReason.NODES_BUSY
    answer = plan(a_snapshot(a_machine(2), FREE, jobs[:2], [a_running("r")]), a_policy())
    assert the_wait(answer, "long").reason is WaitReason.RESERVATION
    assert the_wait(answer, "long").behind_job_id == "head"
    assert the_wait(answer, "long").figures["ahead"] == "free"


def test_a_job_does_not_run_into_an_announced_reduction():
    machine = a_machine(2, capacity_changes=(CapacityChange(at_seconds=NOW + 30, nodes=0),))
    jobs = [a_pending("a", limit=30), a_pending("b", limit=20, submitted=1)]
    answer = plan(a_snapshot(machine, FREE, jobs), a_policy())
    assert [start.job_id for start in answer.starts] == ["a", "b"]
    jobs = [a_pending("long", limit=31)]
    answer = plan(a_snapshot(machine, FREE, jobs), a_policy())
    assert the_wait(answer, "long").reason is WaitReason.OUT_OF_SERVICE
    assert the_wait(answer, "long").starts_by is None


def test_the_same_snapshot_gives_the_same_plan():
    jobs = [a_pending(f"j{number}", nodes=1 + number % 2) for number in range(6)]
    snapshot = a_snapshot(a_machine(3), FREE, jobs, [a_running("r")])
    assert plan(snapshot, a_policy()) == plan(snapshot, a_policy())


def test_an_explanation_adds_how_the_group_stands():
    answer = plan_one(
        a_pending("j", "sme"), a_machine(6), QUARTERS, [a_running("r", "industry", nodes=range(6))]
    )
    explanation = explain.explain_wait(answer, "j", group=("sme",))
    assert explanation.reason is WaitReason.HEAD
    assert explanation.starts_by == NOW + 50
    assert explanation.figures["claim_nodes"] == "1.5"
    assert explanation.figures["rate_nodes"] == "1"
    with pytest.raises(NotFound):
        explain.explain_wait(answer, "r", group=("industry",))


@pytest.mark.parametrize(
    ("group", "place", "running", "beginning"),
    [
        ("industry", 2, [], "industry runs on 0 nodes and has no guarantee."),
        ("sme", 0, [], "sme runs on 1 nodes and may claim 1: it has what it was promised."),
        (
            "sme",
            0,
            [a_running("r", "industry", nodes=range(6))],
            "sme runs on 0 nodes and may claim 1; 0 ",
        ),
    ],
)
def test_a_group_can_be_explained(group, place, running, beginning):
    answer = plan_one(a_pending("j", "sme"), a_machine(6), QUARTERS, running)
    assert explain.explain_group(answer.group_states[place]).english().startswith(beginning)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (119, "119 s"),
        (121, "3 min"),
        (7_201, "2 h 1 min"),
        (176_401, "2 d 2 h"),
    ],
)
def test_durations_are_said_in_two_units_and_rounded_up(seconds, words):
    assert explain.say_duration(seconds).english() == words


@pytest.mark.parametrize("broken", [{"nodes": 0}, {"limit": 0}])
def test_a_job_without_nodes_or_time_cannot_be_described(broken):
    with pytest.raises(AssertionError):
        a_pending("j", **broken)


def test_values_say_what_they_are():
    assert PendingJob.__doc__ is not None
    with pytest.raises(AssertionError):
        RunningJob(
            id="r",
            path=("free", "p", "u"),
            node_indices=(),
            submitted_at_seconds=0,
            started_at_seconds=0,
            ends_by_seconds=1,
        )


@pytest.mark.parametrize("backfill", [Backfill.EASY, Backfill.CONSERVATIVE])
def test_a_ceiling_also_stops_who_would_overtake(backfill):
    tree = ShareTree(
        shares=(Share(path=("free",)), Share(path=("free", "project"), ceiling_ppm=500_000))
    )
    jobs = [
        a_pending("head", path=("free", "other", "person"), nodes=4),
        a_pending("a", limit=5, submitted=1),
        a_pending("b", limit=5, submitted=2),
        a_pending("c", limit=5, submitted=3),
    ]
    running = [a_running("r", path=("free", "other", "person"))]
    policy = replace(a_policy(), backfill=backfill)
    answer = plan(a_snapshot(a_machine(4), tree, jobs, running), policy)
    assert [start.job_id for start in answer.starts] == ["a", "b"]
    assert the_wait(answer, "c").reason is WaitReason.CEILING


def test_a_ceiling_holds_for_a_pressing_claim_too():
    tree = ShareTree(
        shares=(
            Share(path=("sme",), guarantee_ppm=500_000, widest_job_nodes=1),
            Share(path=("sme", "project"), ceiling_ppm=250_000),
        )
    )
    jobs = [a_pending("a", "sme"), a_pending("b", "sme")]
    state = {"lags": {("sme",): 10**12}, "pressing_since": {("sme",): 3}}
    answer = plan(a_snapshot(a_machine(4), tree, jobs, **state), a_policy())
    assert [start.job_id for start in answer.starts] == ["a"]
    assert the_wait(answer, "b").reason is WaitReason.CEILING


def test_a_pressing_group_takes_no_more_than_its_target_before_others():
    tree = a_tree(longer=(250_000, 1), shorter=(250_000, 1), other=(0, 1))
    jobs = [a_pending(f"l{number}", "longer") for number in range(6)]
    jobs += [a_pending(f"s{number}", "shorter", submitted=1) for number in range(6)]
    state = {
        "lags": {("longer",): 10**12, ("shorter",): 10**12},
        "pressing_since": {("longer",): 3, ("shorter",): 4},
    }
    answer = plan(a_snapshot(a_machine(6), tree, jobs, **state), a_policy())
    # Claims of 1.5 and a widest job of 1: two each in turn, the last two by submission.
    assert [start.job_id for start in answer.starts] == ["l0", "l1", "s0", "s1", "l2", "l3"]


def test_a_job_may_not_run_into_a_reduction_that_leaves_no_room_for_it():
    machine = a_machine(2, capacity_changes=(CapacityChange(at_seconds=NOW + 30, nodes=1),))
    jobs = [a_pending("wide", nodes=2, limit=20), a_pending("j", limit=50, submitted=1)]
    answer = plan(a_snapshot(machine, FREE, jobs, [a_running("r")]), a_policy())
    assert [wait.reason for wait in answer.waits] == [
        WaitReason.HEAD_UNDATED,
        WaitReason.CAPACITY,
    ]


def test_groups_that_press_alike_go_by_submission():
    tree = a_tree(a=(250_000, 1), b=(250_000, 1))
    jobs = [a_pending("later", "a", submitted=5), a_pending("sooner", "b", submitted=4)]
    state = {
        "lags": {("a",): 10**12, ("b",): 10**12},
        "pressing_since": {("a",): 3, ("b",): 3},
    }
    answer = plan(a_snapshot(a_machine(8), tree, jobs, **state), a_policy())
    assert [start.job_id for start in answer.starts] == ["sooner", "later"]
