"""How long a heartbeat and a forecast take while 100,000 jobs wait on 6,000 nodes.

The queue of the live benchmark stands as rows in a new SQLite file; the services plan it, write
down why each job waits, and say when one starts: near the head, half-way, and at the tail.
"""

import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console
from rich.table import Table

from allmende.domain.scheduling.plans import PendingJob, RunningJob, Snapshot
from allmende.twin.forecasts import make_dice
from allmende.twin.replay import compile_everything
from bench.twin_cases import live
from bench.twin_cases.workloads import DAY, GROUPS, invent

PAST_JOBS = 2_000
PLACES = (("near the head", 0.01), ("half-way", 0.5), ("at the tail", 1.0))
FIRST_SECONDS, FORECAST_SECONDS = 0.3, 2.0


@dataclass(frozen=True, kw_only=True)
class Result:
    """What something takes, and the most that it should."""

    case: str
    seconds: float
    cpu_seconds: float  # of all its threads: what it takes whatever else the machine does
    target_seconds: float | None = None
    note: str = ""

    @property
    def is_met(self) -> bool | None:
        return None if self.target_seconds is None else self.seconds <= self.target_seconds


def measure() -> list[Result]:
    """Fill a new database, let the heart beat, and ask for forecasts."""
    compile_everything()
    with tempfile.TemporaryDirectory(prefix="allmende-bench-") as home:
        os.environ["ALLMENDE_HOME"] = home
        from allmende import wiring  # noqa: PLC0415 - the settings read the environment just set

        wiring.start()
        partition = a_partition()
        now = fill(partition)
        return beat(partition, now) + look_ahead(partition, now)


def a_partition() -> Any:
    from allmende import wiring  # noqa: PLC0415
    from allmende.domain.basics.sites import ShareGroup  # noqa: PLC0415

    small = wiring.workshop().factory.get_partition("werkbank")
    groups = tuple(
        ShareGroup(id=name, name=name, guarantee=part, widest_job_nodes=widest)
        for name, part, widest, _ in GROUPS
    )
    return replace(
        small,
        nodes=live.NODES,
        groups=groups,
        max_time_limit_seconds=DAY,
        max_nodes_per_job=live.NODES,
        response_target_seconds=0,
    )


def fill(partition: Any) -> datetime:
    """Write the rows of the queue, of what runs, and of what ran before; return the instant."""
    from django.conf import settings  # noqa: PLC0415
    from django.core.management import call_command  # noqa: PLC0415

    from allmende.storage.jobs import AttemptRow, JobRow  # noqa: PLC0415
    from allmende.storage.projects import ProjectRow  # noqa: PLC0415

    settings.MIGRATION_MODULES = dict.fromkeys(
        path.rpartition(".")[2] for path in settings.INSTALLED_APPS
    )
    call_command("migrate", run_syncdb=True, verbosity=0)
    snapshot = live.take_snapshot()
    now = at(snapshot.now_seconds)
    jobs = [a_job(partition, job) for job in (*snapshot.running, *snapshot.pending)]
    JobRow.objects.bulk_create(jobs + past_jobs(partition, snapshot))
    AttemptRow.objects.bulk_create(an_attempt(partition, job) for job in snapshot.running)
    projects = {(job.group_id, job.project_id) for job in jobs}
    ProjectRow.objects.bulk_create(a_project(*each, now=now) for each in sorted(projects))
    return now


def at(seconds: int) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def a_job(partition: Any, job: PendingJob | RunningJob, **changes: Any) -> Any:
    from allmende.storage.jobs import JobRow  # noqa: PLC0415

    runs = isinstance(job, RunningJob)
    limit = job.ends_by_seconds - job.started_at_seconds if runs else job.time_limit_seconds
    values: dict[str, Any] = {
        "id": job.id,
        "name": job.id,
        "project_id": job.path[1],
        "organisation_id": "o",
        "person_id": job.path[2],
        "partition_id": partition.id,
        "access_share": "union",
        "group_id": job.path[0],
        "data_class": "public",
        "nodes": len(job.node_indices) if runs else job.nodes,
        "time_limit_seconds": limit - partition.grace_seconds - 2,
        "memory_bytes_per_node": 10**9,
        "preemptible": True,
        "grace_seconds": partition.grace_seconds,
        "state": "running" if runs else "pending",
        "submitted_at": at(job.submitted_at_seconds),
        "started_at": at(job.started_at_seconds) if runs else None,
        "attempts": int(runs),
        "max_retries": 3,
        "node_failures": 0,
        "stop_request": "none",
        "hold_id": f"{job.id}.1",
        "held_seconds": 3_600,
        "client_key": job.id,
        "sweep_id": "",
        "spec": {"name": job.id, "run": "train", "resources": {"nodes": 1}, "params": {"lr": 0.1}},
    }
    return JobRow(**values | changes)


def past_jobs(partition: Any, snapshot: Snapshot) -> list[Any]:
    """Return rows of jobs that have ended, as many as a forecast looks back upon."""
    trace = invent(jobs=PAST_JOBS, seed=2)
    shift = snapshot.now_seconds - int(trace.arrivals[-1]) - DAY - 1
    rows = []
    for j in range(PAST_JOBS):
        pending = live.read_pending(trace, j)
        begun = int(trace.arrivals[j]) + shift
        rows.append(
            a_job(
                partition,
                replace(pending, id=f"p{j:07}", submitted_at_seconds=begun),
                state="completed",
                started_at=at(begun),
                ended_at=at(begun + int(trace.seconds[j])),
            )
        )
    return rows


def an_attempt(partition: Any, job: RunningJob) -> Any:
    from allmende.storage.jobs import AttemptRow  # noqa: PLC0415

    names = partition.node_names
    return AttemptRow(
        key=f"{job.id}.1",
        job_id=job.id,
        number=1,
        partition_id=partition.id,
        nodes=[names[index] for index in job.node_indices],
        decided_at=at(job.started_at_seconds),
        started_at=at(job.started_at_seconds),
        cycle_number=0,
        hold_id=f"{job.id}.1",
        held_seconds=3_600,
        cpu_seconds=0.0,
        max_memory_bytes=0,
        used_seconds=0,
        refunded_seconds=0,
        energy_joules=0,
    )


def a_project(group_id: str, project_id: str, *, now: datetime) -> Any:
    from allmende.storage.projects import ProjectRow  # noqa: PLC0415

    return ProjectRow(
        id=project_id,
        name=project_id,
        organisation_id="o",
        application_id=f"a-{project_id}",
        group_id=group_id,
        partition_id="werkbank",
        access_share="union",
        awarded_seconds=10**12,
        starts_at=now - timedelta(days=365),
        ends_at=now + timedelta(days=365),
        state="active",
    )


def beat(partition: Any, now: datetime) -> list[Result]:
    """Plan and write down three times: everything is news, only starts are, nothing is."""
    from allmende.domain.basics.people import DAEMON  # noqa: PLC0415
    from allmende.services import cycle  # noqa: PLC0415
    from allmende.services.deeds import Deed  # noqa: PLC0415

    results = []
    for number, case in enumerate(("all is news", "after those starts", "nothing is news")):
        deed = Deed(actor=DAEMON, now=now + timedelta(seconds=number), new_id=str)
        result, decided = timed(f"a decision, {case}", cycle.decide, deed, partition)
        note = f"{len(decided.starts)} started, {len(decided.waits):,} wait"
        results.append(replace(result, note=note))
    return results


def look_ahead(partition: Any, now: datetime) -> list[Result]:
    """See how long the queue is, as a page does at first; read it, and ask when jobs start."""
    from allmende.services import forecasts  # noqa: PLC0415
    from allmende.storage import queues  # noqa: PLC0415

    now += timedelta(seconds=3)
    first = timed(
        "how many wait, for a page's first sight", queues.count_waiting_jobs, partition.id
    )
    read = timed("reading the queue for a forecast", forecasts.look_ahead, partition, now)
    results, forward = [replace(first[0], target_seconds=FIRST_SECONDS), read[0]], read[1]
    for name, part in PLACES:
        job_id = forward.eligible[int(part * (len(forward.eligible) - 1))].id
        result, told = timed(
            f"a forecast {name}",
            lambda job_id=job_id: forward.forecast(
                job_id, dice=make_dice(1), decisions=forecasts.WHOLE
            ),
        )
        note = f"{told.runs} runs, {hours(told.earliest_seconds)} … {hours(told.latest_seconds)}"
        results.append(replace(result, target_seconds=FORECAST_SECONDS, note=note))
    return results


def hours(seconds: int | None) -> str:
    return "?" if seconds is None else f"{seconds / 3_600:.1f} h"


def timed(case: str, work: Callable[..., Any], *arguments: Any) -> tuple[Result, Any]:
    started, cpu_started = time.perf_counter(), time.process_time()
    answer = work(*arguments)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    return Result(case=case, seconds=seconds, cpu_seconds=cpu_seconds), answer


def main() -> None:
    """Print a table for people and one line of JSON for programs."""
    results = measure()
    table = Table("case", "ms", "ms of CPU", "target", "met", "", box=None)
    for each in results:
        target = "" if each.target_seconds is None else f"≤ {1e3 * each.target_seconds:,.0f}"
        met = {None: "", True: "yes", False: "NO"}[each.is_met]
        table.add_row(
            each.case,
            f"{1e3 * each.seconds:,.0f}",
            f"{1e3 * each.cpu_seconds:,.0f}",
            target,
            met,
            each.note,
        )
    Console().print(f"Waiting: {live.PENDING:,} jobs, {live.NODES:,} nodes", style="bold")
    Console().print(table)
    print(json.dumps([asdict(each) | {"is_met": each.is_met} for each in results]))


if __name__ == "__main__":
    main()
