"""A small factory's records, all of one story, and their export as the service makes it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from allmende.domain.accounting.allocations import AccessShare, award, fund, refund
from allmende.domain.accounting.holds import gather_holds, hold, list_moves, post
from allmende.domain.accounting.ledger import Entry as LedgerEntry
from allmende.domain.accounting.ledger import digest_transfers, recompute_balances
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Factory, Partition, PartitionStatus, Site
from allmende.domain.basics.units import TimeUnit
from allmende.domain.scheduling.backends import EndReason
from allmende.domain.scheduling.fairness import FairnessState
from allmende.domain.scheduling.jobs import Attempt, Job, JobState, ResourceRequest
from allmende.domain.scheduling.kernel import plan
from allmende.domain.scheduling.machine import Machine
from allmende.domain.scheduling.plans import PendingJob, RunningJob, Snapshot
from allmende.domain.scheduling.policies import Policy
from allmende.domain.scheduling.recordings import record_plan, record_snapshot
from allmende.domain.scheduling.shares import Share, ShareTree
from allmende.domain.training.models import Model, ModelFile
from allmende.domain.training.records import record_sha256
from allmende.domain.trust import anchors, audit, canonical, evidence, records
from allmende.domain.trust.audit import AuditEvent, Entry, Head
from allmende.domain.trust.facts import Targets
from allmende.domain.trust.gathering import gather_evidence
from allmende.domain.trust.promises import evaluate_promises

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
WHY = Sentence("because of {what}", {"what": "a test"})
PARTITION = Partition(
    id="werkbank",
    name="Werkbank",
    site_id="werkstatt",
    country="DE",
    status=PartitionStatus.EMBEDDED,
    unit=TimeUnit.NODE_SECONDS,
    hardware="virtual nodes",
    nodes=4,
)
SITE = Site(
    id="werkstatt",
    name="Werkstatt",
    hosting_entity="this machine",
    country="DE",
    partitions=(PARTITION,),
)
FACTORY = Factory(name="F", operator="O", countries=frozenset({"DE"}), sites=(SITE,))
TARGETS = Targets(
    countries=FACTORY.countries, sme_share=Fraction(1, 5), sme_share_source="own promise"
)
SHARE = AccessShare(partition_id="werkbank", name="union", unit=TimeUnit.NODE_SECONDS)
OWNED = SHARE.accounts_of("pr-1")
LEDGER_ENTRY = LedgerEntry(at=NOON, reason=WHY, deed="a test by p-1")

A_JOB = Job(
    id="j-1",
    name="secret name",
    project_id="pr-1",
    organisation_id="o-1",
    person_id="p-1",
    partition_id="werkbank",
    access_share="union",
    group_id="sme",
    data_class="health",
    request=ResourceRequest(nodes=1, time_limit_seconds=100, memory_bytes_per_node=10**9),
    state=JobState.COMPLETED,
    submitted_at=NOON,
    started_at=NOON + timedelta(seconds=1),
    ended_at=NOON + timedelta(seconds=90),
    attempts=2,
    client_key="c-1",
    spec={"blueprint": "medicine@1", "name": "secret name"},
)
DEAD = Attempt(
    key="j-1.1",
    job_id="j-1",
    number=1,
    nodes=("werkbank-01",),
    decided_at=NOON,
    cycle_number=1,
    hold_id="j-1.1",
    held_seconds=100,
    started_at=NOON,
    ended_at=NOON + timedelta(seconds=29.5),
    settled_at=NOON + timedelta(seconds=31),
    reason=EndReason.NODE_FAIL,
    sentence=Sentence("The node died."),
    cpu_seconds=12.25,
    used_seconds=30,
    refunded_seconds=30,
    energy_joules=267,
    energy_method="estimated",
    energy_scope="node",
)
DONE = replace(
    DEAD,
    key="j-1.2",
    number=2,
    hold_id="j-1.2",
    started_at=NOON + timedelta(seconds=40),
    ended_at=NOON + timedelta(seconds=90),
    settled_at=NOON + timedelta(seconds=91),
    reason=EndReason.COMPLETED,
    used_seconds=50,
    refunded_seconds=0,
)
WAITING = replace(
    A_JOB,
    id="j-2",
    state=JobState.PENDING,
    started_at=None,
    ended_at=None,
    attempts=0,
    client_key="c-2",
    spec={"run": "true"},
)
CONTENT = {"format": 1, "label": "a record"}
MODEL = Model(
    id="m-1",
    job_id="j-1",
    project_id="pr-1",
    organisation_id="o-1",
    name="secret name",
    family="secret name",
    version=1,
    licence="",
    created_at=NOON,
    files=(ModelFile(name="model.json", size_bytes=3, sha256="ab" * 32),),
    card="# Card",
    record={**CONTENT, "sha256": record_sha256(CONTENT)},
)
AN_APPLICATION = {
    "id": "app-1",
    "organisation_id": "o-1",
    "state": "awarded",
    "mode_id": "playground",
    "group_id": "sme",
    "verdict": "eligible",
    "access_share": "union",
    "submitted_at": NOON - timedelta(days=1),
    "due_at": NOON + timedelta(days=1),
    "decided_at": NOON - timedelta(hours=1),
    "rules_hash": "r",
    "terms_hash": "t",
    "award_id": "aw-1",
    "awarded_seconds": 1000,
    "price_cents_per_hour": 0,
}


def transfers_of_the_story():
    """Return what the ledger books: pool, award, and for each attempt hold, post and rest."""
    first = hold(OWNED, hold_id="j-1.1", seconds=100, entry=LEDGER_ENTRY)
    second = hold(OWNED, hold_id="j-1.2", seconds=100, entry=LEDGER_ENTRY)
    holds = gather_holds(list_moves([first, second]))
    given_back = refund(OWNED, refund_id="j-1.1", seconds=30, entry=LEDGER_ENTRY)
    return [
        [fund(SHARE, "playground", fund_id="f-1", seconds=5000, entry=LEDGER_ENTRY)],
        [award(OWNED, "playground", award_id="aw-1", seconds=1000, entry=LEDGER_ENTRY)],
        [first],
        [*post(holds["j-1.1"], OWNED, used_seconds=30, entry=LEDGER_ENTRY)],
        [given_back],
        [second],
        [*post(holds["j-1.2"], OWNED, used_seconds=50, entry=LEDGER_ENTRY)],
    ]


def cycles_of_the_story() -> list[dict[str, Any]]:
    """Return two recorded cycles of one partition."""
    policy = Policy(max_time_limit_seconds=100, usage_half_life_seconds=3600)
    tree = ShareTree(
        shares=(
            Share(path=("sme",), guarantee_ppm=250_000, weight=25, widest_job_nodes=1),
            Share(path=("industry",), weight=30, widest_job_nodes=2),
        )
    )
    cycles = []
    for number in (1, 2):
        seconds = int(NOON.timestamp()) + 60 * number
        snapshot = Snapshot(
            now_seconds=seconds,
            machine=Machine(nodes=PARTITION.node_names),
            tree=tree,
            pending=tuple(
                PendingJob(
                    id=f"j-{n}",
                    path=("sme", "pr-1", "p-1"),
                    nodes=1,
                    time_limit_seconds=100,
                    submitted_at_seconds=seconds - n,
                )
                for n in (3, 4, 5)
            ),
            running=(
                RunningJob(
                    id="j-9",
                    path=("industry", "pr-9", "p-9"),
                    node_indices=(0, 1),
                    submitted_at_seconds=seconds - 50,
                    started_at_seconds=seconds - 40,
                    ends_by_seconds=seconds + 60,
                ),
            ),
            fairness=FairnessState.begin(seconds),
        )
        cycles.append(
            {
                "number": number,
                "partition_id": "werkbank",
                "at": NOON + timedelta(minutes=number),
                "snapshot": record_snapshot(snapshot, policy),
                "plan": record_plan(plan(snapshot, policy)),
            }
        )
    return cycles


def plain(record: object) -> dict[str, Any]:
    value = canonical.to_json(record)
    assert isinstance(value, dict)
    return value


def records_of_the_story() -> dict[str, list[dict[str, Any]]]:
    """Return the records as the service gathers them, still without events."""
    transfers = [each for deed in transfers_of_the_story() for each in deed]
    balances = recompute_balances(transfers)
    accounts = [SHARE.capacity(), SHARE.pool("playground"), *OWNED.list_all()]
    written: dict[str, list[Any]] = {
        records.FACTORY: [
            records.record_of_factory(FACTORY),
            records.record_of_targets(TARGETS),
            records.record_of_partition(PARTITION),
        ],
        records.ACCOUNTS: [records.record_of_account(a, balances.get(a.id, 0)) for a in accounts],
        records.TRANSFERS: [records.record_of_transfer(each) for each in transfers],
        records.JOBS: [records.record_of_job(job) for job in (A_JOB, WAITING)],
        records.ATTEMPTS: [records.record_of_attempt(attempt) for attempt in (DEAD, DONE)],
        records.CYCLES: cycles_of_the_story(),
        records.APPLICATIONS: [AN_APPLICATION],
        records.TRAININGS: [records.record_of_training(A_JOB, MODEL)],
        records.PROMISES: [],
        records.EVENTS: [],
    }
    return {name: [plain(record) for record in found] for name, found in written.items()}


class Chain:
    """Events, appended one by one as the service does."""

    def __init__(self) -> None:
        self.events: list[AuditEvent] = []

    @property
    def head(self) -> Head:
        return audit.head_after(self.events[-1]) if self.events else Head()

    def record(self, action: str, subject: str, **facts: Any) -> None:
        at = NOON + timedelta(minutes=10, seconds=len(self.events))
        entry = Entry(at=at, actor_id="p-1", action=action, subject=subject, facts=facts)
        self.events.append(audit.append(self.head, entry))


def events_of_the_story(written: dict[str, list[dict[str, Any]]]) -> Chain:
    """Return the events that the deeds of the story left."""
    chain = Chain()
    for transfers in transfers_of_the_story():
        chain.record(
            "ledger.moved",
            transfers[0].id,
            transfer_ids=[each.id for each in transfers],
            transfers_digest=digest_transfers(transfers),
        )
    for job in (A_JOB, WAITING):
        facts = {"project": job.project_id, "data_class": job.data_class}
        chain.record("job.submitted", job.id, **facts)
    for attempt in (DEAD, DONE):
        chain.record(
            "attempt.settled",
            attempt.key,
            reason=attempt.reason,
            used_seconds=attempt.used_seconds,
            refunded_seconds=attempt.refunded_seconds,
            energy_joules=attempt.energy_joules,
        )
    chain.record(anchors.ANCHORED, "evidence", files=anchors.make_anchors(written, chain.events))
    return chain


class Folder:
    """An exported folder as it lies on a disk; it prints short when a test fails."""

    def __init__(self, files: dict[str, list[str]], manifest: dict[str, Any]) -> None:
        self.files = files
        self.manifest = manifest


def seal(written: dict[str, list[dict[str, Any]]], chain: Chain) -> Folder:
    """Export the records; the last event holds the digests of all other files."""
    files = {
        name: records.render_records(written[name])
        for name in records.FILES
        if name != records.EVENTS
    }
    described = evidence.describe_files(files)
    chain.record(evidence.EXPORTED, "evidence", files=described)
    files[records.EVENTS] = [canonical.render(event) for event in chain.events]
    at = canonical.render_instant(NOON)
    return Folder(files, evidence.write_manifest(files, head=chain.head, exported_at=at))


def an_export() -> Folder:
    """Return the whole story, exported."""
    written = records_of_the_story()
    chain = events_of_the_story(written)
    written[records.EVENTS] = [plain(event) for event in chain.events]
    at = NOON + timedelta(minutes=10, seconds=len(chain.events))
    results = evaluate_promises(gather_evidence(written, at=at))
    written[records.PROMISES] = [plain(result) for result in results]
    return seal(written, chain)
