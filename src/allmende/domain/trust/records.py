"""What is written down of each record: one line of canonical JSON, without names or free text."""

from collections.abc import Mapping
from dataclasses import asdict
from fractions import Fraction
from typing import Any, TypeAlias

from allmende.domain.access.applications import Application, ApplicationState
from allmende.domain.access.awards import Award
from allmende.domain.access.modes import Price
from allmende.domain.accounting.ledger import Account, AccountKind, Transfer, TransferKind
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Factory, Partition
from allmende.domain.basics.units import TimeUnit
from allmende.domain.scheduling.jobs import Attempt, Job, JobState
from allmende.domain.training.models import Model
from allmende.domain.training.records import is_record_whole
from allmende.domain.trust import canonical
from allmende.domain.trust.facts import Targets

Record: TypeAlias = dict[str, Any]
# Each file with its records, in the order of their lines.
Records: TypeAlias = Mapping[str, list[Record]]

FACTORY = "factory.jsonl"
ACCOUNTS = "ledger_accounts.jsonl"
TRANSFERS = "ledger_transfers.jsonl"
JOBS = "jobs.jsonl"
ATTEMPTS = "attempts.jsonl"
CYCLES = "cycles.jsonl"
APPLICATIONS = "applications.jsonl"
TRAININGS = "trainings.jsonl"
PROMISES = "promises.jsonl"
EVENTS = "events.jsonl"

# In the order in which they are written; the events close the export and vouch for the others.
FILES = (
    FACTORY,
    ACCOUNTS,
    TRANSFERS,
    JOBS,
    ATTEMPTS,
    CYCLES,
    APPLICATIONS,
    TRAININGS,
    PROMISES,
    EVENTS,
)

# How a record of each file is named, where it can be anchored one by one.
KEYS: Mapping[str, str] = {
    TRANSFERS: "id",
    JOBS: "id",
    ATTEMPTS: "key",
    CYCLES: "number",
    APPLICATIONS: "id",
    TRAININGS: "job_id",
}


def render_records(records: list[Record]) -> list[str]:
    """Return the lines of a file."""
    return [canonical.render(record) for record in records]


def record_of_factory(factory: Factory) -> Record:
    """Return what the promises need to know of the factory."""
    return {"record": "factory", "name": factory.name, "countries": sorted(factory.countries)}


def record_of_partition(partition: Partition) -> Record:
    """Return what the promises need to know of a partition."""
    return {
        "record": "partition",
        "id": partition.id,
        "site_id": partition.site_id,
        "country": partition.country,
        "charge_factor": partition.charge_factor,
        "unit": partition.unit.value,
        "status": partition.status.value,
        "nodes": partition.nodes,
    }


USAGE_FIELDS = (
    "project_id partition_id booked_seconds used_seconds charged_seconds lost_seconds "
    "given_back_seconds refunded_seconds"
).split()


def record_of_usage(sums: object) -> Record:
    """Return what a cluster's records of a project come to: one line, however many they are."""
    return {"record": "usage", **{name: getattr(sums, name) for name in USAGE_FIELDS}}


def record_of_targets(targets: Targets) -> Record:
    """Return the promised numbers and where they stand."""
    return {
        "record": "targets",
        "sme_group_id": targets.sme_group_id,
        "sme_share": str(targets.sme_share),
        "sme_share_source": targets.sme_share_source,
        "renewable_share": str(targets.renewable_share),
        "heat_used_share": str(targets.heat_used_share),
    }


def record_of_account(account: Account, balance_seconds: int) -> Record:
    """Return an account with its balance."""
    return {**asdict(account), "balance_seconds": balance_seconds}


def account_of(record: Record) -> Account:
    """Read an account back."""
    values = {name: value for name, value in record.items() if name != "balance_seconds"}
    kind, unit = AccountKind(values["kind"]), TimeUnit(values["unit"])
    return Account(**{**values, "kind": kind, "unit": unit})


def record_of_transfer(transfer: Transfer) -> Record:
    """Return a transfer, whole."""
    return {name: getattr(transfer, name) for name in Transfer.__slots__}


def transfer_of(record: Record) -> Transfer:
    """Read a transfer back."""
    return Transfer(
        **{
            **record,
            "kind": TransferKind(record["kind"]),
            "at": canonical.parse_instant(record["at"]),
            "reason": Sentence.from_json(record["reason"]),
        }
    )


# The job file and the name are the customer's own: their digest shows that they did not change.
_JOB_FIELDS = (
    "id project_id organisation_id partition_id access_share group_id data_class state "
    "submitted_at started_at ended_at attempts max_retries sweep_id"
).split()


def record_of_job(job: Job) -> Record:
    """Return a job without its name, its owner's person and its file."""
    return {
        **{name: getattr(job, name) for name in _JOB_FIELDS},
        "request": job.request,
        "blueprint": str(job.spec.get("blueprint", "")),
        "spec_sha256": canonical.digest(canonical.render(job.spec)),
    }


# What the node said in words may quote the customer's program; the reason alone is kept.
_ATTEMPT_FIELDS = (
    "key job_id number nodes decided_at cycle_number hold_id held_seconds stop_reason started_at "
    "ended_at settled_at reason exit_code cpu_seconds max_memory_bytes used_seconds "
    "refunded_seconds energy_joules energy_method energy_scope"
).split()


def record_of_attempt(attempt: Attempt) -> Record:
    """Return an attempt: where it ran, what it used, and how it ended."""
    return {name: getattr(attempt, name) for name in _ATTEMPT_FIELDS}


def record_of_application(application: Application, award: Award | None) -> Record:
    """Return when an application was due and decided, and what the award costs."""
    frozen = application.submitted
    return {
        "id": application.id,
        "organisation_id": application.organisation_id,
        "state": application.state,
        "mode_id": frozen.mode.id,
        "group_id": frozen.eligibility.group_id,
        "verdict": frozen.eligibility.verdict,
        "access_share": frozen.call.access_share,
        "submitted_at": application.submitted_at,
        "due_at": application.due_at,
        "decided_at": application.decided_at,
        "rules_hash": frozen.rules_hash,
        "terms_hash": frozen.terms_hash,
        "award_id": award.id if award else "",
        "awarded_seconds": award.seconds if award else 0,
        "price_cents_per_hour": _price(award),
    }


def _price(award: Award | None) -> int | None:
    if award is None:
        return None
    return award.price_cents_per_hour if award.price is Price.PAID else 0


def is_judged(application: Application) -> bool:
    """Say whether an application was handed in and not taken back."""
    undecidable = (ApplicationState.DRAFT, ApplicationState.WITHDRAWN)
    return application.due_at is not None and application.state not in undecidable


def is_finished_training(job: Record) -> bool:
    """Say whether a job came from a blueprint and ended well, so that it owes its documents."""
    return bool(job["blueprint"]) and job["state"] == JobState.COMPLETED.value


def record_of_training(job: Job, model: Model | None) -> Record:
    """Return which documents a finished training left, and their digests."""
    documents = []
    if model is not None:
        found = {
            "model": bool(model.files),
            "card": bool(model.card),
            "record": is_record_whole(model.record),
        }
        documents = [name for name, is_there in found.items() if is_there]
    return {
        "job_id": job.id,
        "model_id": model.id if model else "",
        "documents": sorted(documents),
        "files": {file.name: file.sha256 for file in model.files} if model else {},
        "card_sha256": canonical.digest(model.card) if model else "",
        "record_sha256": str(model.record.get("sha256", "")) if model else "",
    }


def targets_of(records: list[Record]) -> Targets:
    """Read the promised numbers back."""
    by_kind = {record["record"]: record for record in records}
    factory, targets = by_kind["factory"], by_kind["targets"]
    return Targets(
        countries=frozenset(factory["countries"]),
        sme_group_id=targets["sme_group_id"],
        sme_share=Fraction(targets["sme_share"]),
        sme_share_source=targets["sme_share_source"],
        renewable_share=Fraction(targets["renewable_share"]),
        heat_used_share=Fraction(targets["heat_used_share"]),
    )
