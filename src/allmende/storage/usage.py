"""Usage records of clusters as rows, and up to when each cluster was read."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, models

from allmende.domain.accounting.usage import FINDINGS, REFUNDED_STATES, Usage, UsageState
from allmende.domain.basics.periods import Period
from allmende.domain.basics.refusals import NotFound
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.usage_records import UsageRecord
from allmende.storage import lookups
from allmende.storage.jobs import ALIVE, AttemptRow, JobRow


class UsageRow(models.Model):
    """One run of one job as a cluster's accounting has it, and what the ledger has for it."""

    number = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=120, unique=True)
    site_id = models.CharField(max_length=40)
    # What the cluster says.
    cluster = models.CharField(max_length=60)
    job_id = models.BigIntegerField()
    submitted_at = models.DateTimeField()
    restarts = models.PositiveIntegerField()
    user_name = models.CharField(max_length=64)
    account = models.CharField(max_length=100)
    partition = models.CharField(max_length=100)
    qos = models.CharField(max_length=100)
    job_name = models.CharField(max_length=200)
    slurm_state = models.CharField(max_length=30)
    exit_code = models.IntegerField(null=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    suspended_seconds = models.BigIntegerField()
    allocated_nodes = models.PositiveIntegerField()
    allocated_cores = models.PositiveIntegerField()
    allocated_gpus = models.PositiveIntegerField()
    comment = models.CharField(max_length=100)
    read_at = models.DateTimeField()
    first_seen_at = models.DateTimeField()
    # What it is here.
    state = models.CharField(max_length=20)
    partition_id = models.CharField(max_length=40)
    project_id = models.CharField(max_length=40)
    person_id = models.CharField(max_length=40)
    attempt_key = models.CharField(max_length=60)
    used_seconds = models.BigIntegerField()
    settled_seconds = models.BigIntegerField()
    settled_refund_seconds = models.BigIntegerField()
    charged_seconds = models.BigIntegerField()
    refunded_seconds = models.BigIntegerField()
    moves = models.PositiveIntegerField()

    class Meta:
        app_label = "storage"
        db_table = "usage_record"
        indexes = (
            models.Index(fields=("project_id", "-number"), name="usage_of_project"),
            models.Index(fields=("cluster", "ended_at"), name="usage_ended"),
            models.Index(
                fields=("attempt_key",), condition=~models.Q(attempt_key=""), name="usage_attempt"
            ),
            # What is charged is settled; the few others are looked at again.
            models.Index(
                fields=("cluster", "state", "number"),
                condition=~models.Q(state="charged"),
                name="usage_open",
            ),
        )


class UsageBookmarkRow(models.Model):
    """How far a cluster's accounting was read. Its row is also the lock of the cluster's usage."""

    cluster = models.CharField(max_length=60, primary_key=True)
    complete_until = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True)
    trouble = models.JSONField(null=True)

    class Meta:
        app_label = "storage"
        db_table = "usage_bookmark"


lookups.register()

# Fields that a row, a usage and its record share by name and form.
PLAIN_RECORD_FIELDS = (
    "cluster job_id restarts user_name account partition qos job_name exit_code suspended_seconds "
    "allocated_nodes allocated_cores allocated_gpus comment"
).split()
RECORD_INSTANTS = "submitted_at started_at ended_at".split()
PLAIN_USAGE_FIELDS = (
    "site_id partition_id project_id person_id attempt_key used_seconds settled_seconds "
    "settled_refund_seconds charged_seconds refunded_seconds moves"
).split()
USAGE_INSTANTS = "read_at first_seen_at".split()
COLUMNS = (
    *("key", "slurm_state", "state"),
    *PLAIN_RECORD_FIELDS,
    *PLAIN_USAGE_FIELDS,
    *RECORD_INSTANTS,
    *USAGE_INSTANTS,
)
FIXED = frozenset({"key", "site_id", "first_seen_at"})
_SAVE = (
    f"INSERT INTO usage_record ({', '.join(COLUMNS)}) "  # noqa: S608 - constants only
    f"VALUES ({', '.join(['%s'] * len(COLUMNS))}) ON CONFLICT (key) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in COLUMNS if name not in FIXED)
)


@dataclass(frozen=True, kw_only=True)
class Bookmark:
    """How far a cluster was read. Before `complete_until` nothing is missing."""

    cluster: str
    complete_until: datetime | None = None
    read_at: datetime | None = None  # the last answer, complete or not
    trouble: Sentence | None = None  # why there is no newer one


@dataclass(frozen=True, kw_only=True)
class UsageSum:
    """What the records of a project on a partition come to."""

    project_id: str
    partition_id: str
    records: int
    used_seconds: int  # by those that are charged
    settled_seconds: int
    charged_seconds: int
    given_back_seconds: int
    refunded_seconds: int  # of that, by transfers of their own
    lost_seconds: int  # used in runs that the site did not deliver

    @property
    def booked_seconds(self) -> int:
        """Return what stands in the ledger as consumed."""
        return self.settled_seconds + self.charged_seconds


@dataclass(frozen=True, kw_only=True)
class KnownAttempt:
    """What a record that names an attempt of ours is compared with."""

    project_id: str
    person_id: str
    is_alive: bool  # its job may still make attempts
    is_settled: bool
    used_seconds: int = 0
    refunded_seconds: int = 0
    record_key: str = ""  # of the record that stands for it in the ledger, if one does


def lock_cluster(cluster: str) -> None:
    """Let nobody else write the usage of a cluster before this transaction ends."""
    UsageBookmarkRow.objects.bulk_create([UsageBookmarkRow(cluster=cluster)], ignore_conflicts=True)
    UsageBookmarkRow.objects.select_for_update().get(cluster=cluster)


def find_usages(keys: Collection[str]) -> dict[str, Usage]:
    """Return those of the records that are known, by key."""
    rows = UsageRow.objects.filter(key__among=frozenset(keys))
    return {row.key: _usage(row) for row in rows}


def find_attempts(keys: Collection[str]) -> dict[str, KnownAttempt]:
    """Return by key the attempts, made or still to be made, of jobs that there are."""
    wanted = frozenset(keys)
    jobs = JobRow.objects.filter(id__among=frozenset(_job_id(key) for key in wanted))
    found = {row[0]: row for row in jobs.values_list("id", "project_id", "person_id", "state")}
    attempts = AttemptRow.objects.filter(key__among=wanted, settled_at__isnull=False)
    settled = {
        row[0]: row for row in attempts.values_list("key", "used_seconds", "refunded_seconds")
    }
    # Asked last: whoever settles meanwhile has written both, or is seen as not settled yet.
    rows = UsageRow.objects.filter(attempt_key__among=wanted, state=UsageState.CHARGED.value)
    taken = dict(rows.exclude(attempt_key="").values_list("attempt_key", "key"))
    known = {}
    for key in wanted:
        if _job_id(key) in found:
            _, project_id, person_id, state = found[_job_id(key)]
            _, used, refunded = settled.get(key, (key, 0, 0))
            known[key] = KnownAttempt(
                project_id=project_id,
                person_id=person_id,
                is_alive=state in ALIVE,
                is_settled=key in settled,
                used_seconds=used,
                refunded_seconds=refunded,
                record_key=taken.get(key, ""),
            )
    return known


def save_usages(usages: Iterable[Usage]) -> None:
    """Write the records, new or changed."""
    # Plain SQL: Django makes a statement of its own for every thirty rows or so.
    adapt = connection.ops.adapt_datetimefield_value
    rows = [
        (
            usage.record.key,
            usage.record.state,
            usage.state.value,
            *(getattr(usage.record, name) for name in PLAIN_RECORD_FIELDS),
            *(getattr(usage, name) for name in PLAIN_USAGE_FIELDS),
            *(adapt(getattr(usage.record, name)) for name in RECORD_INSTANTS),
            *(adapt(getattr(usage, name)) for name in USAGE_INSTANTS),
        )
        for usage in sorted(usages, key=lambda usage: usage.record.key)
    ]
    with connection.cursor() as cursor:
        cursor.executemany(_SAVE, rows)


def note_read(keys: Collection[str], *, read_at: datetime) -> None:
    """Write down that what is known of these records was read again."""
    rows = UsageRow.objects.filter(key__among=frozenset(keys), read_at__lt=read_at)
    rows.update(read_at=read_at)


def list_usages(
    *,
    project_id: str = "",
    site_id: str = "",
    states: Collection[UsageState] = (),
    only_foreign: bool = False,
    before: int = 0,
    limit: int,
) -> list[Usage]:
    """Return a page of records, those that came last first, from the one before `before` on."""
    rows = UsageRow.objects.order_by("-number")
    if project_id:
        rows = rows.filter(project_id=project_id)
    if site_id:
        rows = rows.filter(site_id=site_id)
    if states:
        rows = rows.filter(state__in=[state.value for state in states])
    if only_foreign:
        rows = rows.filter(attempt_key="")
    if before:
        rows = rows.filter(number__lt=before)
    return [_usage(row) for row in rows[:limit]]


def get_usage(number: int, *, project_id: str = "", site_id: str = "") -> Usage:
    """Return a record of a project or of a site; `NotFound` when it has none of this number."""
    rows = UsageRow.objects.filter(number=number)
    rows = rows.filter(project_id=project_id) if project_id else rows.filter(site_id=site_id)
    row = rows.first()
    if row is None:
        raise NotFound(kind="record of usage", id=str(number))
    return _usage(row)


def list_findings(cluster: str) -> list[tuple[str, str]]:
    """Return the accounts and the cluster's partitions of what could not be charged."""
    rows = UsageRow.objects.filter(cluster=cluster, state__in=_names(FINDINGS))
    return sorted(set(rows.values_list("account", "partition").distinct()))


def list_to_charge(
    cluster: str, *, account: str, partition: str, begins_at: datetime, after: int, limit: int
) -> list[Usage]:
    """Return a page of what could not be charged to an account before, and can be now."""
    rows = UsageRow.objects.filter(
        models.Q(ended_at__isnull=True) | models.Q(ended_at__gt=begins_at),
        cluster=cluster,
        state__in=_names(FINDINGS),
        account=account,
        partition=partition,
        number__gt=after,
    )
    return [_usage(row) for row in rows.order_by("number")[:limit]]


def list_settling(cluster: str, *, after: int, limit: int) -> list[Usage]:
    """Return a page of what ended and waits for the settlement of its attempt."""
    rows = UsageRow.objects.filter(
        cluster=cluster, state=UsageState.SETTLING.value, number__gt=after
    )
    return [_usage(row) for row in rows.order_by("number")[:limit]]


def list_unread(cluster: str, *, since: datetime, before: datetime, limit: int) -> list[int]:
    """Return the jobs with a run that has no end and was last read in this time, in that order."""
    rows = UsageRow.objects.filter(
        ~models.Q(state=UsageState.CHARGED.value),
        cluster=cluster,
        ended_at__isnull=True,
        read_at__gte=since,
        read_at__lt=before,
    )
    return list(rows.order_by("read_at", "number").values_list("job_id", flat=True)[:limit])


def get_bookmark(cluster: str) -> Bookmark:
    """Return how far a cluster was read."""
    row = UsageBookmarkRow.objects.filter(cluster=cluster).first()
    if row is None:
        return Bookmark(cluster=cluster)
    return Bookmark(
        cluster=cluster,
        complete_until=row.complete_until,
        read_at=row.read_at,
        trouble=Sentence.from_json(row.trouble) if row.trouble else None,
    )


def save_bookmark(bookmark: Bookmark) -> None:
    """Write down how far a cluster was read."""
    UsageBookmarkRow.objects.update_or_create(
        cluster=bookmark.cluster,
        defaults={
            "complete_until": bookmark.complete_until,
            "read_at": bookmark.read_at,
            "trouble": bookmark.trouble.to_json() if bookmark.trouble else None,
        },
    )


def sum_usages(cluster: str = "", *, period: Period | None = None) -> list[UsageSum]:
    """Return what the records come to by project and partition; of a period, what ended in it."""
    rows = UsageRow.objects.filter(cluster=cluster) if cluster else UsageRow.objects.all()
    if period is not None:
        rows = rows.filter(ended_at__gte=period.starts_at, ended_at__lt=period.ends_at)
    was_lost = models.Q(slurm_state__in=REFUNDED_STATES) | models.Q(settled_refund_seconds__gt=0)
    is_charged = models.Q(state=UsageState.CHARGED.value)
    totals = rows.values("project_id", "partition_id").annotate(
        records=models.Count("number"),
        used=models.Sum("used_seconds", filter=is_charged),
        settled=models.Sum("settled_seconds"),
        charged=models.Sum("charged_seconds"),
        settled_refunds=models.Sum("settled_refund_seconds"),
        refunds=models.Sum("refunded_seconds"),
        lost=models.Sum("used_seconds", filter=was_lost & is_charged),
    )
    return [
        UsageSum(
            project_id=row["project_id"],
            partition_id=row["partition_id"],
            records=row["records"],
            used_seconds=row["used"] or 0,
            settled_seconds=row["settled"],
            charged_seconds=row["charged"],
            given_back_seconds=row["settled_refunds"] + row["refunds"],
            refunded_seconds=row["refunds"],
            lost_seconds=row["lost"] or 0,
        )
        for row in totals.order_by("project_id", "partition_id")
    ]


def _job_id(attempt_key: str) -> str:
    return attempt_key.rpartition(".")[0]


def _names(states: Iterable[UsageState]) -> list[str]:
    return sorted(state.value for state in states)


def _usage(row: UsageRow) -> Usage:
    return Usage(
        number=row.number,
        record=UsageRecord(
            state=row.slurm_state,
            **{name: getattr(row, name) for name in (*PLAIN_RECORD_FIELDS, *RECORD_INSTANTS)},
        ),
        state=UsageState(row.state),
        **{name: getattr(row, name) for name in (*PLAIN_USAGE_FIELDS, *USAGE_INSTANTS)},
    )
