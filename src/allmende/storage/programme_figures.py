"""The questions behind the programme's figures: each one statement, however much there is."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Case, Count, Exists, F, Min, OuterRef, Q, Sum, Value, When
from django.db.models.fields.json import KT

from allmende.domain.access.appeals import AppealState
from allmende.domain.access.applications import ApplicationState
from allmende.domain.access.modes import Price
from allmende.domain.access.organisations import OrganisationKind
from allmende.domain.access.programme_figures import (
    SMES,
    Decision,
    Movement,
    Stage,
    Subject,
    categorise,
)
from allmende.domain.access.sectors import section_of
from allmende.domain.access.sme import SizeClass
from allmende.domain.access.spans import Span
from allmende.domain.access.verdicts import Verdict
from allmende.domain.accounting.ledger import AccountKind, TransferKind
from allmende.domain.basics.periods import Period
from allmende.domain.basics.units import TimeUnit
from allmende.storage.appeals import AppealRow
from allmende.storage.applications import ApplicationRow
from allmende.storage.awards import AwardRow
from allmende.storage.calls import CallRow
from allmende.storage.jobs import AttemptRow, JobRow
from allmende.storage.ledger import LedgerTransferRow
from allmende.storage.projects import ProjectRow
from allmende.storage.reviews import TechnicalAssessmentRow

State = ApplicationState
HANDED_IN = Q(submitted_at__isnull=False)
WAS_ASSESSED = Q(was_assessed=True)
WAS_ELIGIBLE = Q(
    state__in=[
        state.value
        for state in (
            State.TECHNICAL_ASSESSMENT,
            State.EXPERT_REVIEW,
            State.PANEL,
            State.ASSESSED,
            State.AWARDED,
            State.REFUSED,
        )
    ]
)
ENDED = [each.value for each in (State.AWARDED, State.REFUSED, State.INELIGIBLE, State.WITHDRAWN)]
# What was withdrawn had been eligible if the rules said so at once, or somebody went on with it.
STAGES: dict[Stage, Q] = {
    Stage.STARTED: Q(),
    Stage.SUBMITTED: HANDED_IN,
    Stage.ELIGIBLE: WAS_ELIGIBLE
    | Q(state=State.WITHDRAWN.value)
    & HANDED_IN
    & (WAS_ASSESSED | Q(frozen__eligibility__verdict=Verdict.ELIGIBLE.value)),
    Stage.ASSESSED: WAS_ASSESSED,
    Stage.AWARDED: Q(state=State.AWARDED.value),
    Stage.REFUSED: Q(state=State.REFUSED.value),
    Stage.INELIGIBLE: Q(state=State.INELIGIBLE.value),
    Stage.WITHDRAWN: Q(state=State.WITHDRAWN.value) & HANDED_IN,
    Stage.OPEN: HANDED_IN & ~Q(state__in=ENDED),
}
# Where the ledger moves time of a project, by the kinds of both accounts.
POOL, PROJECT = AccountKind.POOL.value, AccountKind.PROJECT.value
HELD, CONSUMED = AccountKind.HELD.value, AccountKind.CONSUMED.value
EXPIRED, REFUNDED = AccountKind.EXPIRED.value, AccountKind.REFUNDED.value
MEANINGS = {
    (POOL, PROJECT): ("granted_seconds", 1),
    (PROJECT, POOL): ("granted_seconds", -1),
    (HELD, CONSUMED): ("used_seconds", 1),
    (PROJECT, CONSUMED): ("used_seconds", 1),
    (CONSUMED, PROJECT): ("used_seconds", -1),
    (REFUNDED, PROJECT): ("used_seconds", -1),
    (PROJECT, REFUNDED): ("used_seconds", 1),
    (PROJECT, EXPIRED): ("expired_seconds", 1),
    (EXPIRED, PROJECT): ("expired_seconds", -1),
}
NOT_COUNTED = (TransferKind.HOLD, TransferKind.RELEASE, TransferKind.VOID, TransferKind.FUND,
               TransferKind.EXPIRE_HOLD)  # fmt: skip


def list_call_modes() -> dict[str, tuple[str, Any, int]]:
    """Return mode, names and promised working days of every call that was opened."""
    columns = ("id", "mode_id", "content__names", "content__decision_working_days")
    rows = CallRow.objects.order_by("id").values_list(*columns)
    return {call_id: (mode_id, names, days) for call_id, mode_id, names, days in rows}


def count_stages(period: Period) -> dict[str, dict[Stage, int]]:
    """Return how many applications of each call reached each stage.

    What was handed in counts in the period in which it was, a draft in that of its start.
    """
    counts = {
        stage.value: Count("id", filter=condition) if condition else Count("id")
        for stage, condition in STAGES.items()
    }
    rows = _applications_of(period).values("call_id").annotate(**counts).order_by("call_id")
    return {row["call_id"]: {stage: row[stage.value] for stage in Stage} for row in rows}


def list_stage(
    period: Period, stage: Stage, *, call_ids: Collection[str], after: str = "", limit: int
) -> list[str]:
    """Return a page of the ids of what reached a stage, in their order; no drafts."""
    rows = _applications_of(period).filter(STAGES[stage], HANDED_IN, call_id__in=call_ids)
    return list(rows.filter(id__gt=after).order_by("id").values_list("id", flat=True)[:limit])


def list_decisions(period: Period, modes: dict[str, str], *, now: datetime) -> list[Decision]:
    """Return what was decided in a period, and what was due in it and is still missing."""
    decided = Q(decided_at__gte=period.starts_at, decided_at__lt=period.ends_at)
    missing = Q(decided_at__isnull=True, due_at__lte=now) & Q(
        due_at__gte=period.starts_at, due_at__lt=period.ends_at
    )
    rows = ApplicationRow.objects.filter(decided | missing, due_at__isnull=False)
    rows = rows.exclude(state=State.WITHDRAWN.value).order_by("id")
    columns = ("id", "call_id", "submitted_at", "cut_off_at", "due_at", "decided_at")
    lands = dict(CallRow.objects.values_list("id", "content__land"))
    return [
        Decision(
            application_id=application_id,
            mode_id=modes[call_id],
            counted_from=cut_off_at or submitted_at,
            due_at=due_at,
            decided_at=decided_at,
            land=lands[call_id] or "",
        )
        for application_id, call_id, submitted_at, cut_off_at, due_at, decided_at in (
            rows.values_list(*columns)
        )
    ]


def list_movements(span: Span) -> list[Movement]:
    """Return what the ledger moved for each project, month by month."""
    period = span.period
    rows = LedgerTransferRow.objects.filter(at__gte=period.starts_at, at__lt=period.ends_at)
    rows = rows.exclude(kind__in=[kind.value for kind in NOT_COUNTED]).order_by()
    months = [When(at__lt=month.ends_at, then=Value(name)) for name, month in span.list_months()]
    in_pool = Q(debit_account__kind__in=(POOL, REFUNDED))
    rows = rows.annotate(
        month=Case(*months, output_field=models.CharField()),
        project=Case(
            When(in_pool, then=F("credit_account__owner_id")),
            When(debit_account__kind=EXPIRED, then=F("credit_account__owner_id")),
            default=F("debit_account__owner_id"),
        ),
    )
    columns = (
        "project",
        "debit_account__partition_id",
        "debit_account__access_share",
        "debit_account__unit",
        "month",
        "debit_account__kind",
        "credit_account__kind",
    )
    summed = rows.values_list(*columns).annotate(seconds=Sum("amount_seconds"))
    return list(_gather(summed))


def _gather(rows: Iterable[tuple[Any, ...]]) -> Iterator[Movement]:
    """Join the routes of the ledger to one movement for project, share and month."""
    found: dict[tuple[str, ...], dict[str, int]] = {}
    for *key, debit_kind, credit_kind, seconds in rows:
        if (debit_kind, credit_kind) not in MEANINGS:  # a fund that was corrected
            continue
        amount, sign = MEANINGS[debit_kind, credit_kind]
        amounts = found.setdefault(tuple(key), {})
        amounts[amount] = amounts.get(amount, 0) + sign * seconds
    for key in sorted(found):
        project_id, partition_id, access_share, unit, month = key
        yield Movement(
            project_id=project_id,
            partition_id=partition_id,
            access_share=access_share,
            unit=TimeUnit(unit),
            month=month,
            **found[key],
        )


# As texts: what is read as JSON makes a number of a sector such as 62.01.
FROZEN = {
    f"frozen_{name}": KT(f"frozen__organisation__{name}")
    for name in ("kind", "size_class", "country", "nace_code", "is_start_up")
}
SUBJECT_COLUMNS = ("id", "call_id", "organisation_id", *FROZEN)


def list_subjects(project_ids: Collection[str], modes: dict[str, str]) -> dict[str, Subject]:
    """Return whose hours the projects have, by the project."""
    wanted = frozenset(project_ids)
    awards = AwardRow.objects.filter(project_id__among=wanted)
    prices = dict(awards.values_list("application_id", "content__price"))
    project_of = dict(
        ProjectRow.objects.filter(id__among=wanted).values_list("application_id", "id")
    )
    rows = ApplicationRow.objects.filter(id__among=frozenset(project_of))
    return {
        project_of[row[0]]: _subject(
            row, project_of[row[0]], modes, prices.get(row[0], Price.FREE.value)
        )
        for row in rows.annotate(**FROZEN).values_list(*SUBJECT_COLUMNS)
    }


def list_events(period: Period, modes: dict[str, str]) -> Iterator[tuple[Stage, Subject]]:
    """Yield each application with the stages that it reached in a period, for public figures.

    What is not eligible counts as refused.
    """
    submitted = Q(submitted_at__gte=period.starts_at, submitted_at__lt=period.ends_at)
    ended = Q(decided_at__gte=period.starts_at, decided_at__lt=period.ends_at)
    rows = ApplicationRow.objects.filter(HANDED_IN).filter(submitted | ended)
    columns = (*SUBJECT_COLUMNS, "submitted_at", "decided_at", "state")
    for *row, submitted_at, decided_at, state in rows.annotate(**FROZEN).values_list(*columns):
        subject = _subject(tuple(row), "", modes, Price.FREE.value)
        if submitted_at in period:
            yield Stage.SUBMITTED, subject
        if decided_at is not None and decided_at in period:
            yield Stage.REFUSED if state == State.INELIGIBLE else Stage(state), subject
    yield from _list_taken_back(period, modes)


def _list_taken_back(period: Period, modes: dict[str, str]) -> Iterator[tuple[Stage, Subject]]:
    """Yield the refusals of a period that an appeal undid later: that they were does not change."""
    appeals = AppealRow.objects.filter(
        state=AppealState.UPHELD.value,
        appealed_at__gte=period.starts_at,
        appealed_at__lt=period.ends_at,
    )
    refused = list(appeals.values_list("application_id", flat=True))
    rows = ApplicationRow.objects.filter(id__among=frozenset(refused)).annotate(**FROZEN)
    subjects = {
        row[0]: _subject(row, "", modes, Price.FREE.value)
        for row in rows.values_list(*SUBJECT_COLUMNS)
    }
    for application_id in refused:
        yield Stage.REFUSED, subjects[application_id]


def _subject(row: tuple[Any, ...], project_id: str, modes: dict[str, str], price: str) -> Subject:
    application_id, call_id, organisation_id, kind, size_class, country, nace, is_start_up = row
    is_enterprise = kind == OrganisationKind.ENTERPRISE
    return Subject(
        project_id=project_id,
        application_id=application_id,
        organisation_id=organisation_id,
        mode_id=modes[call_id],
        user_category=categorise(OrganisationKind(kind), Price(price)),
        size_class=SizeClass(size_class),
        country=country,
        sector=section_of(nace or ""),
        is_sme=is_enterprise and SizeClass(size_class) in SMES,
        is_start_up=is_start_up == "true",
    )


def list_first_jobs(period: Period) -> list[tuple[str, datetime, Any]]:
    """Return the mode of each award of a period, when it was granted, and its first job's start."""
    rows = AwardRow.objects.filter(granted_at__gte=period.starts_at, granted_at__lt=period.ends_at)
    granted = list(rows.values_list("project_id", "content__mode_id", "granted_at"))
    jobs = JobRow.objects.filter(project_id__among=frozenset(row[0] for row in granted))
    starts = dict(
        jobs.values("project_id").annotate(at=Min("started_at")).values_list("project_id", "at")
    )
    return [(mode_id, granted_at, starts.get(each)) for each, mode_id, granted_at in granted]


def sum_energy(span: Span) -> list[dict[str, Any]]:
    """Return joules and metered seconds by machine, month, and how the energy was found."""
    period = span.period
    rows = AttemptRow.objects.filter(
        ended_at__gte=period.starts_at, ended_at__lt=period.ends_at, settled_at__isnull=False
    ).order_by()
    months = [
        When(ended_at__lt=each.ends_at, then=Value(name)) for name, each in span.list_months()
    ]
    rows = rows.annotate(month=Case(*months, output_field=models.CharField()))
    columns = ("partition_id", "month", "energy_method", "energy_scope")
    summed = rows.values(*columns).annotate(
        joules=Sum("energy_joules"), used=Sum("used_seconds"), attempts=Count("key")
    )
    return list(summed.order_by(*columns))


def _applications_of(period: Period) -> "models.QuerySet[ApplicationRow]":
    handed_in = Q(submitted_at__gte=period.starts_at, submitted_at__lt=period.ends_at)
    draft = Q(
        submitted_at__isnull=True,
        started_at__gte=period.starts_at,
        started_at__lt=period.ends_at,
    )
    assessment = TechnicalAssessmentRow.objects.filter(application_id=OuterRef("id"))
    return ApplicationRow.objects.filter(handed_in | draft).annotate(
        was_assessed=Exists(assessment)
    )


def find_last_transfer() -> str:
    """Return the id of the newest transfer: the head of the ledger."""
    newest = LedgerTransferRow.objects.order_by("-number").values_list("id", flat=True)
    return next(iter(newest[:1]), "")
