"""A site with a Slurm cluster, projects with time there, and records as its accounting has them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from allmende.domain.access.projects import Project, ProjectState
from allmende.domain.basics.people import DAEMON
from allmende.domain.basics.periods import Period
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition, PartitionStatus, Site, SlurmCluster
from allmende.domain.basics.units import TimeUnit
from allmende.domain.basics.usage_records import UsageRecord
from allmende.domain.scheduling import jobs
from allmende.domain.scheduling.backends import AttemptState, EndReason, Observation
from allmende.domain.scheduling.jobs import Attempt, Job, JobState, ResourceRequest
from allmende.services import allocations, metering
from allmende.services.deeds import Deed
from allmende.storage import jobs as job_store
from allmende.storage import ledger as ledger_store
from allmende.storage import projects as project_store

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
DEED = Deed(actor=DAEMON, now=NOW, new_id=lambda prefix: f"{prefix}-1")
CLUSTER = "lab"
GPU = Partition(
    id="lab-gpu",
    name="GPU",
    site_id="lab",
    country="DE",
    status=PartitionStatus.SLURM,
    unit=TimeUnit.GPU_SECONDS,
    hardware="4 GPUs",
    gpus_per_node=4,
    slurm_partition="gpu",
)
CPU = replace(
    GPU, id="cpu", name="CPU", unit=TimeUnit.NODE_SECONDS, gpus_per_node=0, slurm_partition=""
)
SITE = Site(
    id="lab",
    name="Lab",
    hosting_entity="Lab",
    country="DE",
    slurm=SlurmCluster(cluster=CLUSTER, work_folder="/work"),
    partitions=(GPU, CPU),
)
AWARDED = 1_000_000
BEGIN = NOW - timedelta(days=60)


def open_pools() -> None:
    """Put time into the pools of both partitions."""
    for partition in (GPU, CPU):
        allocations.open_pool(
            DEED,
            partition_id=partition.id,
            access_share="union",
            mode_id="fast",
            unit=partition.unit,
            seconds=100 * AWARDED,
        )


def add_project(project_id: str, partition: Partition = GPU, *, begin: datetime = BEGIN) -> Project:
    """Start a project with time on a partition."""
    project = Project(
        id=project_id,
        name=project_id,
        organisation_id="org-1",
        application_id=f"ap-{project_id}",
        group_id="sme",
        partition_id=partition.id,
        access_share="union",
        awarded_seconds=AWARDED,
        period=Period(starts_at=begin, ends_at=NOW + timedelta(days=300)),
        state=ProjectState.ACTIVE,
        member_ids=("per-1",),
    )
    project_store.save_project(project)
    allocations.award_to_project(
        DEED,
        award_id=f"aw-{project_id}",
        project_id=project_id,
        partition_id=partition.id,
        access_share="union",
        mode_id="fast",
        unit=partition.unit,
        seconds=AWARDED,
    )
    return project


def a_record(job_id: int = 1, *, minutes: float | None = 10, **changes: object) -> UsageRecord:
    """Return a run of two GPUs that began an hour ago; without minutes, it goes on."""
    started_at = NOW - timedelta(hours=1)
    record = UsageRecord(
        cluster=CLUSTER,
        job_id=job_id,
        submitted_at=started_at - timedelta(minutes=1),
        user_name="meyer",
        account="pr-1",
        partition="gpu",
        state="RUNNING" if minutes is None else "COMPLETED",
        started_at=started_at,
        ended_at=None if minutes is None else started_at + timedelta(minutes=minutes),
        allocated_nodes=1,
        allocated_cores=16,
        allocated_gpus=2,
    )
    return replace(record, **changes)


def consumed(project_id: str = "pr-1", partition_id: str = "lab-gpu") -> int:
    """Return what the ledger says that a project used."""
    return balance(f"consumed:{project_id}:{partition_id}:union")


def left(project_id: str = "pr-1", partition_id: str = "lab-gpu") -> int:
    """Return what the ledger says that a project has left."""
    return balance(f"project:{project_id}:{partition_id}:union")


def balance(account_id: str) -> int:
    return ledger_store.get_balances([account_id]).get(account_id, 0)


HELD = 7200


def begin_attempt(job_id: str = "j-1", *, project_id: str = "pr-1") -> Attempt:
    """Hand a job over to the cluster: its time is held, and its first attempt is decided."""
    job = Job(
        id=job_id,
        name="train",
        project_id=project_id,
        organisation_id="org-1",
        person_id="per-1",
        partition_id=GPU.id,
        access_share="union",
        group_id="sme",
        data_class="public",
        request=ResourceRequest(nodes=1, time_limit_seconds=3600, memory_bytes_per_node=0),
        submitted_at=NOW - timedelta(hours=2),
        max_retries=2,
        client_key=job_id,
    )
    job = jobs.move(job, JobState.RUNNING, now=NOW - timedelta(hours=1))
    job = replace(job, attempts=1, hold_id=f"{job_id}.1", held_seconds=HELD)
    allocations.hold_for_job(
        DEED,
        project_id=project_id,
        hold_id=job.hold_id,
        seconds=HELD,
        reason=Sentence("a trial"),
        partition_id=GPU.id,
    )
    attempt = Attempt(
        key=f"{job_id}.1",
        job_id=job_id,
        number=1,
        nodes=(),
        decided_at=NOW - timedelta(hours=2),
        cycle_number=0,
        hold_id=job.hold_id,
        held_seconds=HELD,
    )
    job_store.save_job(job)
    job_store.save_attempt(attempt, partition_id=GPU.id)
    return attempt


def settle(record: UsageRecord, *, key: str = "j-1.1", names_record: bool = True) -> None:
    """Settle an attempt as the heartbeat does when the cluster says that it has ended."""
    reasons = {"NODE_FAIL": EndReason.NODE_FAIL, "COMPLETED": EndReason.COMPLETED}
    seen = Observation(
        key=key,
        state=AttemptState.ENDED,
        started_at=record.started_at,
        ended_at=record.ended_at,
        reason=reasons[record.state],
        nodes=("n1",),
        allocated_seconds=record.allocated_seconds(counts_gpus=True),
        record_key=record.key if names_record else "",
    )
    metering.settle_attempt(DEED, seen, partition=GPU, reading=None)


class Silent(Refusal):
    """Nothing answers."""

    status = 503


@dataclass
class Accounting:
    """What a cluster's accounting has been told so far."""

    records: list[UsageRecord] = field(default_factory=list)
    is_down: bool = False
    is_behind: bool = False
    asked: list[Period] = field(default_factory=list)
    asked_jobs: list[tuple[int, ...]] = field(default_factory=list)

    def is_up_to_date(self) -> bool:
        return not self.is_behind

    def read(self, period: Period) -> Iterator[UsageRecord]:
        self.asked.append(period)
        if self.is_down:
            raise Silent
        for record in self.records:
            ended_at = record.ended_at
            if ended_at is None or period.starts_at <= ended_at < period.ends_at:
                yield record

    def read_jobs(self, job_ids: Sequence[int]) -> Iterator[UsageRecord]:
        self.asked_jobs.append(tuple(job_ids))
        yield from (record for record in self.records if record.job_id in job_ids)
