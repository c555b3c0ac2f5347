"""One case on a lab of its own: submit what is due, let the controller look, read the records."""

import contextlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tools.slurm_lab import Lab

from allmende.backends.slurm.client import SlurmClient
from allmende.backends.slurm.steering import SlurmWheel
from allmende.domain.basics.sites import SlurmCluster
from bench.slurm_cases.load import BURSTS, NODES, REACTION_SECONDS, SECONDS, WEIGHTS, extra_lines

USER = "games"
CHANGE = ("sacctmgr", "-i", "-Q")
LOOK_SECONDS = 1


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of one job, in seconds since the case began."""

    group: str
    nodes: int
    submitted: int
    started: int
    ended: int
    was_preempted: bool


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What came of a case."""

    partition: Any
    submissions: tuple[tuple[int, str, int], ...]  # second, group, nodes of all its jobs together
    runs: tuple[Run, ...]
    seen_worst_lag: float  # node-seconds, as the controller itself saw it
    look_seconds: tuple[float, ...]  # that each look took


def try_case(partition: Any, *, is_steered: bool) -> Trial:
    """Run the load on a new cluster, for as long as it takes."""
    lab = Lab.make(nodes=NODES, gpus=0, cores=2, tied=True, extra=extra_lines()).start()
    try:
        _make_groups(lab, grace_seconds=partition.grace_seconds)
        lab.run("scontrol", "update", "partitionname=booster", "maxtime=1", "defaulttime=1")
        return _run(lab, partition, is_steered=is_steered)
    finally:
        lab.stop(and_forget=True)


def _make_groups(lab: Lab, *, grace_seconds: int) -> None:
    """Make what policy would: an account and a QOS for each group, weights as the guarantees."""
    lab.add_account("allmende")
    for group, weight in WEIGHTS.items():
        lab.run(*CHANGE, "add", "qos", group, f"gracetime={grace_seconds}")
        lab.add_account(group, parent="allmende", fairshare=str(weight))
        lab.add_account(f"p-{group}", USER, parent=group)
        lab.run(
            *CHANGE, "modify", "user", USER, "where", f"account=p-{group}", "set",
            f"qos={group}", f"defaultqos={group}",
        )  # fmt: skip


def _run(lab: Lab, partition: Any, *, is_steered: bool) -> Trial:
    from allmende import wiring  # noqa: PLC0415 - once Django knows its tables
    from allmende.domain.basics.people import DAEMON  # noqa: PLC0415
    from allmende.services import steering  # noqa: PLC0415
    from allmende.storage import steering as store  # noqa: PLC0415

    client = _client_of(lab)
    wheel, began = SlurmWheel(client, "booster"), time.time()
    due, submissions, looks = list(BURSTS), [], []
    while (now := time.time() - began) < SECONDS:
        while due and due[0].at_seconds <= now:
            burst = due.pop(0)
            lab.run(*burst.command(), user_name=USER)
            at = int(time.time() - began)
            submissions.append((at, burst.group, burst.jobs * burst.nodes))
        if is_steered:
            before = time.monotonic()
            steering.steer(
                wiring.deed_of(DAEMON),
                partition,
                wheel=wheel,
                look_seconds=LOOK_SECONDS,
                reaction_seconds=REACTION_SECONDS,
            )
            looks.append(time.monotonic() - before)
        time.sleep(max(0.0, 1 - (time.time() - began - now)))
    runs = _read_runs(client, began)
    memory = store.find_memory(partition.id) or {"fairness": {"worst_lags": []}}
    seen = max((lag for _, lag in memory["fairness"]["worst_lags"]), default=0)
    with contextlib.suppress(Exception):
        lab.run("scancel", f"--user={USER}")
    return Trial(
        partition=partition,
        submissions=tuple(submissions),
        runs=tuple(runs),
        seen_worst_lag=seen / 1_000_000,
        look_seconds=tuple(looks),
    )


def _client_of(lab: Lab) -> SlurmClient:
    cluster = SlurmCluster(
        cluster=lab.plan.cluster,
        conf=str(lab.plan.conf),
        bin_folder=str(lab.plan.folder / "bin"),
        work_folder="/tmp",
    )
    return SlurmClient(cluster)


def _read_runs(client: Any, began: float) -> list[Run]:
    """Return what the accounting says of every run that began, the stopped ones too."""
    time.sleep(3)  # until the last records have arrived
    told = client.run(
        "sacct", "--noheader", "--parsable2", "--allocations", "--duplicates", "--allusers",
        f"--starttime={datetime.fromtimestamp(began - 5, UTC):%Y-%m-%dT%H:%M:%S}",
        "--format=QOS,NNodes,Submit,Start,End,State",
    )  # fmt: skip
    runs = []
    for line in told.splitlines():
        group, nodes, submitted, started, ended, state = line.split("|")
        if not started.isdecimal() or group not in WEIGHTS:
            continue
        until = int(ended) if ended.isdecimal() else int(began) + SECONDS
        begin = int(began)
        if int(started) >= begin + SECONDS:
            continue
        runs.append(
            Run(
                group=group,
                nodes=int(nodes),
                submitted=max(0, int(submitted) - begin),
                started=max(0, int(started) - begin),
                ended=min(SECONDS, until - begin),
                was_preempted=state.startswith("PREEMPTED") or state.startswith("REQUEUED"),
            )
        )
    return runs
