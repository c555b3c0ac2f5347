"""A composed cluster is read through its months as the daemon reads a real one, and checked."""

import resource
import time
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from allmende.backends.slurm.accounting import parse_sacct, sacct_options
from allmende.backends.slurm.usage_reader import SlurmUsageReader
from allmende.domain.access.projects import Project, ProjectState
from allmende.domain.basics.people import DAEMON
from allmende.domain.basics.periods import Period
from allmende.domain.basics.sites import Partition, PartitionStatus, Site, SlurmCluster
from allmende.domain.basics.units import TimeUnit
from allmende.services import allocations, reconciliations, usage, usage_collecting
from allmende.services.deeds import Deed
from allmende.services.usage_collecting import Collection
from allmende.storage import ledger, projects
from bench.usage_cases.cluster import BEGINS, FIRST_JOB_ID, OUTSIDER, PROJECTS, ComposedCluster

BETWEEN_READINGS = timedelta(hours=6)
LAST_MONTH = timedelta(days=31)
ALONE_JOBS = 500  # one transaction for each of their runs
AWARDED = 10**12
SHARE = {"partition_id": "gpu", "access_share": "union", "mode_id": "fast"}
UNIT = TimeUnit.GPU_SECONDS
SITE = Site(
    id="composed",
    name="Composed",
    hosting_entity="Nobody",
    country="DE",
    slurm=SlurmCluster(cluster="composed", work_folder="/work"),
    partitions=(
        Partition(
            id="gpu",
            name="GPU",
            site_id="composed",
            country="DE",
            status=PartitionStatus.SLURM,
            unit=UNIT,
            hardware="4 GPUs",
            gpus_per_node=4,
        ),
    ),
)


def ingest(records: int) -> dict[str, Any]:
    """Read a cluster through its months; return what it took, and what is wrong with the ledger."""
    fill()
    cluster = ComposedCluster(records)
    reader, readings, is_complete = SlurmUsageReader(cluster), 0, False
    at_start, started, begun = peak_megabytes(), time.perf_counter(), time.process_time()
    while cluster.now < cluster.ends or not is_complete:
        cluster.now += BETWEEN_READINGS
        is_complete = collect(reader, at=cluster.now).is_complete
        readings += 1
    took = time.perf_counter() - started - cluster.seconds
    worked = time.process_time() - begun - cluster.cpu_seconds
    rows, peak = cluster.rows, peak_megabytes()
    again = collect(reader, at=cluster.now, since=cluster.now - LAST_MONTH)
    return {
        "rows": rows,
        "days": (cluster.now - BEGINS).days,
        "readings": readings,
        "seconds": round(took, 1),
        "cpu_microseconds_per_record": round(1_000_000 * worked / records),
        "records_per_second": round(records / took),
        "wrong_seconds": count_wrong(cluster),
        "unexplained_seconds": reconcile(reader, at=cluster.now).unexplained_seconds,
        "moved_again_seconds": again.came.moved_seconds,
        "start_megabytes": at_start,
        "peak_megabytes": peak,
        "whole_peak_megabytes": peak_megabytes(),
        "parsed_per_second": parse_alone(cluster),
        "alone_per_second": ingest_alone(cluster),
    }


def collect(reader: SlurmUsageReader, *, at: datetime, since: datetime | None = None) -> Collection:
    """Do what the daemon does."""
    return usage_collecting.collect(a_deed(at), SITE, reader=reader, since=since)


def count_wrong(cluster: ComposedCluster) -> int:
    """Return by how many seconds the balances of projects differ from the sum of their runs."""
    told: Counter[str] = Counter()
    for run in cluster.list_runs():
        told[f"consumed:{run.account}:gpu:union"] += run.gpu_seconds
    del told[f"consumed:{OUTSIDER}:gpu:union"]
    balances = ledger.get_balances(list(told))
    return sum(abs(balances[account_id] - seconds) for account_id, seconds in told.items())


def reconcile(reader: SlurmUsageReader, *, at: datetime) -> reconciliations.Reconciliation:
    """Do what an operator does at the end of a month."""
    period = Period(starts_at=at - LAST_MONTH, ends_at=at)
    return reconciliations.reconcile(DAEMON, SITE, period=period, now=at, accounting=reader)


def parse_alone(cluster: ComposedCluster) -> int:
    """Return how many rows per second are read out of text when nothing is done with them."""
    text = cluster.run(
        "sacct", *sacct_options(), f"--jobs={_ids(cluster, 10 * ALONE_JOBS)}", timeout_seconds=9
    )
    started = time.perf_counter()
    found = parse_sacct(text)
    return round(len(found) / (time.perf_counter() - started))


def ingest_alone(cluster: ComposedCluster) -> int:
    """Return how many records per second are taken in with a transaction for each.

    They are those of the last jobs, as of a cluster of another name: all of them are new.
    """
    asked = f"--jobs={_ids(cluster, ALONE_JOBS)}"
    records = parse_sacct(cluster.run("sacct", *sacct_options(), asked, timeout_seconds=9))
    started = time.perf_counter()
    for each in records:
        other = replace(each, cluster="other")
        usage.ingest_batch(a_deed(cluster.now), SITE, [other], read_at=cluster.now)
    return round(len(records) / (time.perf_counter() - started))


def _ids(cluster: ComposedCluster, count: int) -> str:
    jobs = range(max(0, cluster.jobs - count), cluster.jobs)
    return ",".join(str(FIRST_JOB_ID + job) for job in jobs)


def a_deed(at: datetime) -> Deed:
    return Deed(actor=DAEMON, now=at, new_id=str)


def fill() -> None:
    """Give time to the projects of the cluster."""
    deed = a_deed(BEGINS)
    allocations.open_pool(deed, **SHARE, unit=UNIT, seconds=AWARDED * PROJECTS)
    for number in range(PROJECTS):
        project = Project(
            id=f"pr-{number}",
            name=f"Project {number}",
            organisation_id="org-1",
            application_id=f"ap-{number}",
            group_id="sme",
            partition_id="gpu",
            access_share="union",
            awarded_seconds=AWARDED,
            period=Period(starts_at=BEGINS, ends_at=BEGINS + timedelta(days=999)),
            state=ProjectState.ACTIVE,
            member_ids=("per-1",),
        )
        projects.save_project(project)
        allocations.award_to_project(
            deed, award_id=f"aw-{number}", project_id=project.id, **SHARE, unit=UNIT,
            seconds=AWARDED,
        )  # fmt: skip


def peak_megabytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024  # KiB on Linux
