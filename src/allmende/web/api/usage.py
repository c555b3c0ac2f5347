"""Usage of clusters: records, what charged them, and how Slurm and the ledger compare."""

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Path, Query, Router, Schema, Status
from pydantic import Field

from allmende import wiring
from allmende.domain.access.spans import parse_span
from allmende.domain.accounting.ledger import TransferKind
from allmende.domain.accounting.reconciliations import Cause, KeptReconciliation
from allmende.domain.accounting.usage import UsageState
from allmende.domain.basics.units import TimeUnit
from allmende.domain.trust.permissions import Permission
from allmende.services import reconciliations, usage_views
from allmende.services.usage_views import TracedUsage, UsageLine
from allmende.web.api.permits import begin_deed, get_actor, takes
from allmende.web.api.shapes import ID_PATTERN, Limit, Page, PathId, Words, page_of
from allmende.wiring.clusters import usage_reader
from allmende.wiring.factory import load_factory

router = Router(tags=["usage"])

Number = Annotated[int, Path(ge=1, lt=2**63)]
Before = Annotated[int, Query(ge=0, lt=2**63, description="The `next` of the page before.")]


class ChoiceIn(Schema):
    """Which runs; without a state, those in any. `foreign`: only what was plain sbatch."""

    state: Annotated[list[UsageState], Field(default_factory=list)]
    foreign: bool = False
    before: Annotated[int, Field(ge=0, lt=2**63, description="The `next` of the page before.")] = 0


class SiteChoiceIn(ChoiceIn):
    """Which runs at a site."""

    project_id: Annotated[str, Field(pattern=r"^$|" + ID_PATTERN)] = ""


class UsageOut(Schema):
    """A run as a cluster's accounting has it, and what the ledger has for it, in charged seconds.

    `attempt_key` is empty for what users gave the cluster with plain sbatch; `unit` is null where
    its partition is none of ours.
    """

    number: int = Field(alias="usage.number")
    key: str = Field(alias="usage.record.key")
    cluster: str = Field(alias="usage.record.cluster")
    job_id: int = Field(alias="usage.record.job_id")
    restarts: int = Field(alias="usage.record.restarts")
    job_name: str = Field(alias="usage.record.job_name")
    account: str = Field(alias="usage.record.account")
    user_name: str = Field(alias="usage.record.user_name")
    partition: str = Field(alias="usage.record.partition")
    slurm_state: str = Field(alias="usage.record.state")
    submitted_at: datetime = Field(alias="usage.record.submitted_at")
    started_at: datetime | None = Field(alias="usage.record.started_at")
    ended_at: datetime | None = Field(alias="usage.record.ended_at")
    allocated_nodes: int = Field(alias="usage.record.allocated_nodes")
    allocated_gpus: int = Field(alias="usage.record.allocated_gpus")
    state: UsageState = Field(alias="usage.state")
    partition_id: str = Field(alias="usage.partition_id")
    project_id: str = Field(alias="usage.project_id")
    person_id: str = Field(alias="usage.person_id")
    attempt_key: str = Field(alias="usage.attempt_key")
    unit: TimeUnit | None
    so_far_seconds: int
    charged_seconds: int = Field(alias="usage.booked_seconds")
    given_back_seconds: int = Field(alias="usage.given_back_seconds")


class UsageMoveOut(Schema):
    """A transfer of the ledger for a run; below zero it took back."""

    transfer_id: str = Field(alias="transfer.id")
    kind: TransferKind = Field(alias="transfer.kind")
    at: datetime = Field(alias="transfer.at")
    charged_seconds: int
    given_back_seconds: int


class TracedUsageOut(Schema):
    """A run with every transfer that moved time for it; together they are what it was charged."""

    line: UsageOut
    moves: list[UsageMoveOut]


class SiteUsageOut(Schema):
    """A page of what ran at a site; before `complete_until` nothing is missing."""

    complete_until: datetime | None
    read_at: datetime | None
    trouble: Words | None
    items: list[UsageOut]
    next: str | None


class ReconciledOut(Schema):
    """An account on one partition; `causes` are the parts of what Slurm has beyond the ledger."""

    account: str
    partition: str
    unit: TimeUnit
    runs: int
    slurm_seconds: int
    ledger_seconds: int
    causes: dict[Cause, int]
    unexplained_seconds: int


class GapOut(Schema):
    """A project whose balance is not what its records come to."""

    project_id: str
    partition_id: str
    balance_seconds: int
    unexplained_seconds: int


class ReconciliationSummaryOut(Schema):
    """A comparison that was kept."""

    number: int
    starts_at: datetime
    ends_at: datetime
    made_at: datetime
    by: str
    runs: int
    unexplained_seconds: int


class ReconciliationOut(Schema):
    """Every second of difference between a cluster's accounting and the ledger, by its cause."""

    number: int
    site_id: str
    cluster: str
    starts_at: datetime
    ends_at: datetime
    made_at: datetime
    by: str
    unexplained_seconds: int
    lines: list[ReconciledOut]
    gaps: list[GapOut]


class ReconcileIn(Schema):
    """A month, a quarter or a year that has begun, such as 2026-11."""

    span: Annotated[str, Field(max_length=10)]


@router.get("/clusters/{site_id}/usage", response=SiteUsageOut, **takes(Permission.SEE_EVERY_JOB))
def list_site_usage(
    request: HttpRequest, site_id: PathId, chosen: Query[SiteChoiceIn], limit: Limit = 50
) -> dict[str, Any]:
    """List what ran on a site's cluster, those records first that came last."""
    found = usage_views.list_site_usage(
        get_actor(request),
        site_id,
        factory=load_factory(),
        now=wiring.now(),
        project_id=chosen.project_id,
        states=chosen.state,
        only_foreign=chosen.foreign,
        before=chosen.before,
        limit=limit,
    )
    return {**vars(found.bookmark), **_page(found.lines, limit)}


@router.get(
    "/clusters/{site_id}/usage/{usage_number}",
    response=TracedUsageOut,
    **takes(Permission.SEE_EVERY_JOB),
)
def trace_site_usage(request: HttpRequest, site_id: PathId, usage_number: Number) -> TracedUsage:
    """Return a run at a site with the transfers of the ledger that charged it."""
    return usage_views.trace_site_usage(
        get_actor(request), site_id, usage_number, factory=load_factory(), now=wiring.now()
    )


@router.get("/projects/{project_id}/usage", response=Page[UsageOut], **takes(Permission.SEE_BUDGET))
def list_project_usage(
    request: HttpRequest, project_id: PathId, chosen: Query[ChoiceIn], limit: Limit = 50
) -> dict[str, Any]:
    """List what a project used on clusters, those records first that came last."""
    found = usage_views.list_project_usage(
        get_actor(request),
        project_id,
        factory=load_factory(),
        now=wiring.now(),
        states=chosen.state,
        only_foreign=chosen.foreign,
        before=chosen.before,
        limit=limit,
    )
    return _page(found, limit)


@router.get(
    "/projects/{project_id}/usage/{usage_number}",
    response=TracedUsageOut,
    **takes(Permission.SEE_BUDGET),
)
def trace_project_usage(
    request: HttpRequest, project_id: PathId, usage_number: Number
) -> TracedUsage:
    """Return a run of a project with the transfers of the ledger that charged it."""
    return usage_views.trace_project_usage(
        get_actor(request), project_id, usage_number, factory=load_factory(), now=wiring.now()
    )


@router.get(
    "/clusters/{site_id}/reconciliations",
    response=Page[ReconciliationSummaryOut],
    **takes(Permission.SEE_EVERY_JOB),
)
def list_reconciliations(
    request: HttpRequest, site_id: PathId, before: Before = 0, limit: Limit = 50
) -> dict[str, Any]:
    """List what was found when a cluster was compared with the ledger, the newest first."""
    found = reconciliations.list_kept(
        get_actor(request), site_id, factory=load_factory(), before=before, limit=limit
    )
    return page_of(found, limit=limit, key=lambda each: each.number)


@router.post(
    "/clusters/{site_id}/reconciliations",
    response={201: ReconciliationOut},
    **takes(Permission.SEE_EVERY_JOB),
)
def reconcile(request: HttpRequest, site_id: PathId, body: ReconcileIn) -> Status[dict[str, Any]]:
    """Ask a cluster what ended in a span, explain each second of difference, and keep it."""
    kept = reconciliations.reconcile_and_keep(
        lambda: begin_deed(request),
        site_id,
        period=parse_span(body.span).period,
        factory=load_factory(),
        reader_of=usage_reader,
    )
    return Status(201, _to_json(kept))


@router.get(
    "/clusters/{site_id}/reconciliations/{number}",
    response=ReconciliationOut,
    **takes(Permission.SEE_EVERY_JOB),
)
def get_reconciliation(request: HttpRequest, site_id: PathId, number: Number) -> dict[str, Any]:
    """Return what was found at one time."""
    kept = reconciliations.get_kept(get_actor(request), site_id, number, factory=load_factory())
    return _to_json(kept)


def _page(lines: tuple[UsageLine, ...] | list[UsageLine], limit: int) -> dict[str, Any]:
    return page_of(lines, limit=limit, key=lambda line: line.usage.number)


def _to_json(kept: KeptReconciliation) -> dict[str, Any]:
    found = kept.found
    return {
        "number": kept.number,
        "made_at": kept.made_at,
        "by": kept.by,
        "site_id": found.site_id,
        "cluster": found.cluster,
        "starts_at": found.period.starts_at,
        "ends_at": found.period.ends_at,
        "unexplained_seconds": found.unexplained_seconds,
        "lines": found.lines,
        "gaps": found.gaps,
    }
