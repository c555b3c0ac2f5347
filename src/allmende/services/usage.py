"""Usage of clusters: each record of their accounting enters the ledger once and only once."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from allmende.domain.accounting import allocations, usage
from allmende.domain.accounting.allocations import ProjectAccounts
from allmende.domain.accounting.ledger import AccountKind, Transfer, TransferKind
from allmende.domain.accounting.usage import Surroundings, Usage, UsageState
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition, Site
from allmende.domain.basics.usage_records import UsageRecord
from allmende.domain.scheduling.jobs import Attempt, Job
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import queues
from allmende.services.deeds import Deed, one_transaction
from allmende.services.ledger import entry_of, write_transfers
from allmende.storage import cluster_accounts as cluster_account_store
from allmende.storage import ledger as ledger_store
from allmende.storage import projects as project_store
from allmende.storage import usage as store
from allmende.storage.usage import KnownAttempt

# In one transaction. Each takes the same few questions, however many records it has.
BATCH = 1000
GIVING_BACK = (TransferKind.UNCHARGE, TransferKind.REFUND)
ALLOCATIONS_MAX = 100_000  # of the projects of a batch; an end only for the sake of the store


@dataclass(frozen=True, kw_only=True)
class Ingestion:
    """What came of a batch of records."""

    records: int = 0
    new: int = 0
    changed: int = 0
    moved_seconds: int = 0  # between accounts, in either direction
    states: Counter[UsageState] = field(default_factory=Counter)  # of those new or changed

    def __add__(self, other: "Ingestion") -> "Ingestion":
        return Ingestion(
            records=self.records + other.records,
            new=self.new + other.new,
            changed=self.changed + other.changed,
            moved_seconds=self.moved_seconds + other.moved_seconds,
            states=self.states + other.states,
        )


def ingest(
    deed: Deed, site: Site, records: Iterable[UsageRecord], *, read_at: datetime
) -> Ingestion:
    """Take in what a cluster's accounting said at an instant: in any order, as often as you like.

    A record of an attempt of ours is charged by the settlement of that attempt; here it is linked,
    and only what differs is put right. Everybody else's is charged to the project that its account
    names. What cannot be charged is kept and charged when what is missing is known.
    """
    check_permission(deed.actor, Permission.RECORD_USAGE)
    done, batch = Ingestion(), []
    for record in records:
        if record.started_at is None:
            continue  # it waits, or was cancelled while it did: nothing was allocated
        batch.append(record)
        if len(batch) == BATCH:
            done += ingest_batch(deed, site, batch, read_at=read_at)
            batch = []
    return done + ingest_batch(deed, site, batch, read_at=read_at) if batch else done


@one_transaction
def ingest_batch(
    deed: Deed, site: Site, records: Sequence[UsageRecord], *, read_at: datetime
) -> Ingestion:
    """Take in one batch: all of it, or nothing."""
    check_permission(deed.actor, Permission.RECORD_USAGE)
    for cluster in sorted({record.cluster for record in records}):
        store.lock_cluster(cluster)
    known = store.find_usages([record.key for record in records])
    heard = dict(known)
    for record in map(usage.trim, records):
        earlier = heard.get(record.key)
        if earlier is None:
            heard[record.key] = Usage(
                record=record, read_at=read_at, first_seen_at=deed.now, site_id=site.id
            )
        elif usage.is_newer(earlier, record, read_at=read_at):
            heard[record.key] = replace(earlier, record=record, read_at=read_at)
    changed = [
        each
        for key, each in heard.items()
        if key not in known or (each is not known[key] and _differs(each, known[key]))
    ]
    unended = [key for key, each in heard.items() if each.record.ended_at is None]
    if unended:
        store.note_read(unended, read_at=read_at)
    written, moved = _book(deed, site, changed)
    return Ingestion(
        records=len(records),
        new=sum(key not in known for key in heard),
        changed=sum(each.record.key in known for each in changed),
        moved_seconds=moved,
        states=Counter(each.state for each in written),
    )


def revisit(deed: Deed, site: Site) -> Ingestion:
    """Charge what could not be charged before and can be now; several transactions."""
    check_permission(deed.actor, Permission.RECORD_USAGE)
    assert site.slurm is not None, "only a cluster has records"
    cluster, done = site.slurm.cluster, Ingestion()
    after = 0
    while page := store.list_settling(cluster, after=after, limit=BATCH):
        done += _revisit_page(deed, site, [each.record.key for each in page])
        after = page[-1].number
    found = store.list_findings(cluster)
    projects = {
        project.id: project
        for project in project_store.list_projects_by_id({account for account, _ in found})
    }
    open_places = _find_accounts(projects)
    for account, name in found:
        partition = find_partition(site, name)
        if partition is None or (account, partition.id) not in open_places:
            continue
        begins_at, after = projects[account].period.starts_at, 0
        while page := store.list_to_charge(
            cluster,
            account=account,
            partition=name,
            begins_at=begins_at,
            after=after,
            limit=BATCH,
        ):
            done += _revisit_page(deed, site, [each.record.key for each in page])
            after = page[-1].number
    return done


@one_transaction
def _revisit_page(deed: Deed, site: Site, keys: Sequence[str]) -> Ingestion:
    assert site.slurm is not None
    store.lock_cluster(site.slurm.cluster)
    found = store.find_usages(keys)  # as they are now that nobody else changes them
    written, moved = _book(deed, site, list(found.values()))
    changed = [each for each in written if _differs(each, found[each.record.key])]
    return Ingestion(
        changed=len(changed),
        moved_seconds=moved,
        states=Counter(each.state for each in changed),
    )


def lock_record(record_key: str) -> None:
    """Let nobody else book the records of a cluster before this transaction ends.

    Taken before any balance is, by everybody: so no two deeds wait for each other in a circle.
    """
    store.lock_cluster(record_key.rsplit(":", 3)[0])


def note_settled(
    deed: Deed, job: Job, attempt: Attempt, *, record_key: str, partition: Partition
) -> None:
    """Write down that a record is charged by the settlement of its attempt; in its transaction.

    Should the cluster have said something else already, the ledger is put right at once.
    """
    lock_record(record_key)
    found = store.find_usages([record_key]).get(record_key)
    known = found or _placeholder(deed, job, record_key=record_key, partition=partition)
    record = known.record
    has_ended = record.ended_at is not None
    if not has_ended:
        record = replace(record, started_at=attempt.started_at, ended_at=attempt.ended_at)
    settled = replace(
        known,
        record=record,
        state=UsageState.CHARGED,
        partition_id=partition.id,
        project_id=job.project_id,
        person_id=job.person_id,
        attempt_key=attempt.key,
        used_seconds=known.used_seconds if has_ended else attempt.used_seconds,
        settled_seconds=known.settled_seconds + attempt.used_seconds,
        settled_refund_seconds=known.settled_refund_seconds + attempt.refunded_seconds,
    )
    transfers: tuple[Transfer, ...] = ()
    if has_ended:
        accounts = _find_accounts([job.project_id])[job.project_id, partition.id]
        settled, transfers = _true_up(deed, settled, accounts)
    store.save_usages([settled])
    _write(deed, transfers)


def _book(deed: Deed, site: Site, usages: Sequence[Usage]) -> tuple[list[Usage], int]:
    """Judge the records, write what moves into the ledger, and the records with it."""
    if not usages:
        return [], 0
    around = _Neighbourhood(site, usages)
    written: list[Usage] = []
    transfers: list[Transfer] = []
    for each in usages:
        judged = around.judge(each)
        if judged.state is UsageState.CHARGED:
            accounts = around.accounts[judged.project_id, judged.partition_id]
            judged, moves = _true_up(deed, judged, accounts)
            transfers += moves
        written.append(judged)
    store.save_usages(written)
    _write(deed, transfers)
    owners = {each.project.id: each for each in around.accounts.values()}
    given_back = {
        transfer.id: owners[transfer.credit_account_id]
        for transfer in transfers
        if transfer.kind in GIVING_BACK
    }
    ended = queues.find_ended(each.project_id for each in given_back.values())
    for transfer_id, owner in given_back.items():
        if owner.project_id in ended:  # meanwhile
            queues.expire_rest(
                deed,
                owner.project_id,
                partition_id=owner.share.partition_id,
                expiry_id=transfer_id,
            )
    return written, sum(transfer.amount_seconds for transfer in transfers)


class _Neighbourhood:
    """Everything that a batch of records is judged by, asked for with a few questions."""

    def __init__(self, site: Site, usages: Sequence[Usage]) -> None:
        self.site = site
        named = {each.project_id or each.record.account for each in usages}
        self.begins = project_store.find_begins(named)
        self.accounts = _find_accounts(self.begins)
        tags = {each.record.attempt_key for each in usages} - {""}
        self.attempts = store.find_attempts(tags) if tags else {}
        self.people = cluster_account_store.get_person_ids(
            site.id, {each.record.user_name for each in usages}
        )

    def judge(self, each: Usage) -> Usage:
        """Return the record with its project, its person, its attempt and its state."""
        # What stands in the ledger stays with the project that it was charged to.
        stays = bool(each.moves or each.settled_seconds)
        project_id = each.project_id if stays else each.record.account
        partition = self._find_partition(each, stays=stays)
        accounts = self.accounts.get((project_id, partition.id)) if partition else None
        each, attempt = self._link(each, project_id)
        around = Surroundings(
            partition=partition,
            accounts=accounts,
            begins_at=self.begins.get(project_id),
            awaits_settlement=attempt is not None and not attempt.is_settled,
        )
        return replace(
            each,
            partition_id=partition.id if partition else each.partition_id if stays else "",
            project_id=project_id if project_id in self.begins else "",
            person_id=(
                attempt.person_id if attempt else self.people.get(each.record.user_name, "")
            ),
            used_seconds=usage.count_used(each.record, partition),
            state=usage.judge(each, around),
        )

    def _find_partition(self, each: Usage, *, stays: bool) -> Partition | None:
        if stays:
            for partition in self.site.partitions:
                if partition.id == each.partition_id:
                    return partition
        return find_partition(self.site, each.record.partition)

    def _link(self, each: Usage, project_id: str) -> tuple[Usage, KnownAttempt | None]:
        """Return the record with the attempt of ours that it is; anybody can write a comment."""
        key = each.record.attempt_key
        attempt = self.attempts.get(key)
        if attempt is None or attempt.project_id != project_id:
            return each, None
        if attempt.record_key == each.record.key:
            return each, attempt
        if attempt.record_key or not (attempt.is_settled or attempt.is_alive):
            return replace(each, attempt_key=""), None
        if attempt.is_settled and not each.moves:
            # It was settled by our own count, before the cluster's account of it was there.
            self.attempts[key] = replace(attempt, record_key=each.record.key)
            each = replace(
                each,
                settled_seconds=attempt.used_seconds,
                settled_refund_seconds=attempt.refunded_seconds,
            )
        return replace(each, attempt_key=key), attempt


def _true_up(
    deed: Deed, each: Usage, accounts: ProjectAccounts
) -> tuple[Usage, tuple[Transfer, ...]]:
    reason = Sentence(
        "job {job} on {cluster}", {"job": each.record.job_id, "cluster": each.record.cluster}
    )
    return usage.true_up(each, accounts, entry=entry_of(deed, "ingest_usage", reason))


def _write(deed: Deed, transfers: Sequence[Transfer]) -> None:
    if transfers:
        write_transfers(deed, transfers, action="usage.charged", subject="usage")


def _find_accounts(project_ids: Iterable[str]) -> dict[tuple[str, str], ProjectAccounts]:
    """Return by project and partition where the time of projects is."""
    found = ledger_store.list_accounts(
        kind=AccountKind.PROJECT, owner_ids=sorted(project_ids) or [""], limit=ALLOCATIONS_MAX
    )
    # Should a project have time of two payers in one place, the first by name pays.
    return {
        (account.owner_id, account.partition_id): allocations.accounts_from(account)
        for account in reversed(found)
    }


def find_partition(site: Site, name: str) -> Partition | None:
    """Return the partition of ours that has this name in the cluster."""
    for partition in site.partitions:
        if partition.is_on_slurm and name == partition.name_on_slurm:
            return partition
    return None


def _differs(one: Usage, other: Usage) -> bool:
    """Say whether two readings of a record say different things."""
    return replace(one, read_at=other.read_at, number=other.number) != other


def _placeholder(deed: Deed, job: Job, *, record_key: str, partition: Partition) -> Usage:
    """Return what is known of a record that the cluster has not been asked for yet."""
    cluster, job_id, stamp, restarts = record_key.rsplit(":", 3)
    submitted_at = datetime.fromtimestamp(int(stamp), tz=UTC)
    return Usage(
        record=UsageRecord(
            cluster=cluster,
            job_id=int(job_id),
            submitted_at=submitted_at,
            restarts=int(restarts),
            user_name="",
            account=job.project_id,
            partition=partition.name_on_slurm,
            state="",
        ),
        read_at=submitted_at,  # whatever is read is newer
        first_seen_at=deed.now,
        site_id=partition.site_id,
    )
