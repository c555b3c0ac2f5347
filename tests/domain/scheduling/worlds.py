"""Small partitions, queues and states to plan, made at random from a seed."""

from random import Random

from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.kernel import (
    Backfill,
    CapacityChange,
    FairnessState,
    Machine,
    PendingJob,
    Policy,
    RunningJob,
    Share,
    ShareTree,
    Snapshot,
)
from allmende.domain.scheduling.shares import MICRONODES

NOW = 1_000


def a_machine(nodes, **rest):
    return Machine(nodes=tuple(f"node-{index}" for index in range(nodes)), **rest)


def a_policy(**rest):
    return Policy(**{"max_time_limit_seconds": 100, "usage_half_life_seconds": 3600, **rest})


def a_tree(**guarantees):
    """Return groups with (guarantee in ppm, widest job), all of weight 1."""
    return ShareTree(
        shares=tuple(
            Share(path=(name,), guarantee_ppm=ppm, widest_job_nodes=widest)
            for name, (ppm, widest) in guarantees.items()
        )
    )


def a_pending(job_id, group="free", nodes=1, limit=50, submitted=0, **rest):
    return PendingJob(
        id=job_id,
        path=rest.pop("path", (group, "project", "person")),
        nodes=nodes,
        time_limit_seconds=limit,
        submitted_at_seconds=submitted,
        **rest,
    )


def a_running(job_id, group="free", nodes=(0,), ends=NOW + 50, **rest):
    return RunningJob(
        id=job_id,
        path=rest.pop("path", (group, "project", "person")),
        node_indices=tuple(nodes),
        submitted_at_seconds=rest.pop("submitted", 0),
        started_at_seconds=rest.pop("started", NOW - 50),
        ends_by_seconds=ends,
        **rest,
    )


def a_snapshot(machine, tree, pending=(), running=(), *, demoted=(), **fairness):
    state = {"at_seconds": NOW, "usage_epoch_seconds": 0, **fairness}
    return Snapshot(
        now_seconds=NOW,
        machine=machine,
        tree=tree,
        pending=tuple(pending),
        running=tuple(running),
        fairness=FairnessState(**state),
        demoted=frozenset(demoted),
    )


def random_tree(rng, nodes):
    shares, room = [], nodes * MICRONODES
    for name in rng.sample(["a", "b", "c", "d"], rng.randint(1, 4)):
        widest = rng.randint(1, 3)
        most = max(0, (room - widest * MICRONODES) // nodes)
        ppm = rng.choice([0, rng.randint(0, most), most // 2]) if most else 0
        if ppm:
            room -= ppm * nodes + widest * MICRONODES
        ceiling = MICRONODES if rng.random() < 0.8 else rng.randint(400_000, MICRONODES)
        shares.append(
            Share(
                path=(name,),
                guarantee_ppm=ppm,
                weight=rng.randint(1, 4),
                ceiling_ppm=ceiling,
                widest_job_nodes=widest,
            )
        )
        if rng.random() < 0.2:
            shares.append(
                Share(path=(name, "p0"), weight=3, ceiling_ppm=rng.randint(200_000, MICRONODES))
            )
    return ShareTree(shares=tuple(shares))


def random_path(rng, tree):
    group = rng.choice(tree.groups).path
    return (*group, rng.choice(["p0", "p1"]), rng.choice(["u0", "u1", "u2"]))


def random_policy(rng, backfill=None):
    limit = 100
    return a_policy(
        backfill=backfill or rng.choice(list(Backfill)),
        preemption=rng.random() < 0.6,
        response_target_seconds=rng.choice([0, 5, 30]),
        max_grace_seconds=10,
        max_unpreemptible_limit_seconds=rng.choice([None, 40, limit]),
    )


def random_pending(rng, tree, number):
    path = random_path(rng, tree)
    width = rng.randint(1, tree.get_group(path).widest_job_nodes)
    return a_pending(
        f"j{number}",
        path=path,
        nodes=rng.randint(1, 11) if rng.random() < 0.05 else width,
        limit=rng.randint(1, 110) if rng.random() < 0.2 else rng.choice([5, 10, 20, 40]),
        submitted=rng.randint(0, 5),
        eligible=rng.random() < 0.95,
        hold_reason=rng.choice([None, Sentence("Its project is suspended.")]),
        preemptible=rng.random() < 0.8,
    )


def random_snapshot(rng: Random):
    nodes = rng.randint(3, 12)
    tree = random_tree(rng, nodes)
    indices = list(range(nodes))
    rng.shuffle(indices)
    drained = frozenset(indices[: rng.choice([0, 0, 0, 1, 2])])
    changes = sorted(rng.sample(range(NOW - 50, NOW + 150), rng.choice([0] * 7 + [1, 3])))
    machine = a_machine(
        nodes,
        drained=drained,
        capacity_changes=tuple(
            CapacityChange(at_seconds=at, nodes=rng.randint(0, nodes)) for at in changes
        ),
    )
    free, running = list(range(nodes)), []
    rng.shuffle(free)
    while free and rng.random() < 0.92:
        width = min(len(free), rng.randint(1, 3))
        started = NOW - rng.randint(1, 60)
        running.append(
            a_running(
                f"r{len(running)}",
                nodes=tuple(free.pop() for _ in range(width)),
                path=random_path(rng, tree),
                submitted=rng.randint(0, 5),
                started=started,
                ends=NOW + rng.choice([-3, 10, 20, 20, rng.randint(1, 100)]),
                preemptible=rng.random() < 0.7,
                is_stopping=rng.random() < 0.1,
                grace_seconds=rng.choice([0, 3, 10]),
                checkpoint_at_seconds=rng.choice([None, NOW - rng.randint(0, 60)]),
            )
        )
    pending = [random_pending(rng, tree, number) for number in range(rng.randint(0, 9))]
    places = {job.path[:depth] for job in [*running, *pending] for depth in (1, 2, 3)}
    guaranteed = [group.path for group in tree.groups if group.guarantee_ppm]
    lags = {path: rng.randint(0, 9) * rng.randint(1, 10**8) for path in guaranteed}
    pressing = [path for path, lag in lags.items() if lag and rng.random() < 0.5]
    return a_snapshot(
        machine,
        tree,
        pending,
        running,
        demoted=[path for path in sorted(places) if len(path) == 2 and rng.random() < 0.3],
        lags=lags,
        usages={path: rng.randint(0, 3) for path in sorted(places)},
        pressing_since={path: rng.randint(0, 3) for path in pressing},
    )
