"""Applications as rows; the form and what was frozen at submission are documents."""

from collections.abc import Collection
from datetime import datetime
from typing import cast

from django.db import models

from allmende.domain.access.application_forms import ApplicationForm
from allmende.domain.access.applications import Application, ApplicationState, Frozen
from allmende.domain.access.snapshots import from_plain, to_plain
from allmende.domain.basics.refusals import NotFound
from allmende.domain.basics.sentences import Sentence

# Handed in and not decided, in words of NULL: by them SQLite sees that a partial index fits.
WAITS = models.Q(due_at__isnull=False, decided_at__isnull=True)


class ApplicationRow(models.Model):
    """A request for compute time."""

    id = models.CharField(max_length=40, primary_key=True)
    call_id = models.CharField(max_length=40, db_index=True)
    organisation_id = models.CharField(max_length=40, db_index=True)
    applicant_id = models.CharField(max_length=40)
    state = models.CharField(max_length=30, db_index=True)
    form = models.JSONField()
    started_at = models.DateTimeField()
    edited_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True)
    cut_off_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    reviewed_at = models.DateTimeField(null=True)
    ranked_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField(null=True)
    decision = models.JSONField(null=True)
    decided_by = models.CharField(max_length=40, default="")
    frozen = models.JSONField(null=True)

    class Meta:
        app_label = "storage"
        db_table = "application"
        indexes = (
            models.Index(
                fields=("due_at", "id"),
                condition=WAITS,
                name="application_waiting",
            ),
            models.Index(
                fields=("-decided_at", "-id"),
                condition=models.Q(decided_at__isnull=False),
                name="application_decided",
            ),
            models.Index(fields=("call_id", "cut_off_at"), name="application_round"),
        )


def save_application(application: Application) -> None:
    """Write an application, new or changed."""
    ApplicationRow.objects.update_or_create(
        id=application.id,
        defaults={
            "call_id": application.call_id,
            "organisation_id": application.organisation_id,
            "applicant_id": application.applicant_id,
            "state": application.state.value,
            "form": to_plain(application.form),
            "started_at": application.started_at,
            "edited_at": application.edited_at,
            "submitted_at": application.submitted_at,
            "cut_off_at": application.cut_off_at,
            "due_at": application.due_at,
            "reviewed_at": application.reviewed_at,
            "ranked_at": application.ranked_at,
            "decided_at": application.decided_at,
            "decision": application.decision.to_json() if application.decision else None,
            "decided_by": application.decided_by,
            "frozen": to_plain(application.frozen) if application.frozen else None,
        },
    )


def get_application(application_id: str) -> Application:
    """Return an application; `NotFound` when there is none."""
    return _get(ApplicationRow.objects.filter(id=application_id), application_id)


def lock_application(application_id: str) -> Application:
    """Return an application that nobody else can change until this transaction ends."""
    rows = ApplicationRow.objects.select_for_update().filter(id=application_id)
    return _get(rows, application_id)


def list_applications(
    *,
    organisation_ids: frozenset[str] | None = None,
    states: Collection[ApplicationState] = (),
    handed_in: bool = False,
    after: str = "",
    limit: int = 100,
) -> list[Application]:
    """Return applications in the order of their ids, from the one after `after` on."""
    rows = ApplicationRow.objects.filter(id__gt=after).order_by("id")
    if organisation_ids is not None:
        rows = rows.filter(organisation_id__in=organisation_ids)
    if states:
        rows = rows.filter(state__in=[state.value for state in states])
    if handed_in:
        rows = rows.exclude(submitted_at=None)
    return [_from_row(row) for row in rows[:limit]]


def list_frozen(application_ids: Collection[str]) -> dict[str, dict[str, object]]:
    """Return form and frozen content of some applications as they are written, by application."""
    rows = ApplicationRow.objects.filter(id__in=list(application_ids))
    return {row["id"]: row for row in rows.values("id", "form", "frozen")}


def list_latest(organisation_ids: frozenset[str], *, limit: int) -> list[Application]:
    """Return the applications of organisations, those that were edited last first."""
    rows = ApplicationRow.objects.filter(organisation_id__in=organisation_ids)
    return [_from_row(row) for row in rows.order_by("-edited_at", "id")[:limit]]


def count_waiting() -> int:
    """Return how many applications wait for a decision."""
    return ApplicationRow.objects.filter(WAITS).count()


def list_waiting(*, after: str = "", limit: int = 100) -> list[Application]:
    """Return a page of what waits for a decision, what is due first before the rest."""
    rows = ApplicationRow.objects.filter(WAITS).order_by("due_at", "id")
    if after:
        due_at = _value_of("due_at", after)
        later = models.Q(due_at__gt=due_at) | models.Q(due_at=due_at, id__gt=after)
        rows = rows.filter(later, due_at__gte=due_at)
    return [_from_row(row) for row in rows[:limit]]


def list_decided(*, after: str = "", limit: int = 100) -> list[Application]:
    """Return a page of what was handed in and is decided or withdrawn, the newest first."""
    decided = models.Q(decided_at__isnull=False, submitted_at__isnull=False)
    rows = ApplicationRow.objects.filter(decided).order_by("-decided_at", "-id")
    if after:
        decided_at = _value_of("decided_at", after)
        before = models.Q(decided_at=decided_at, id__lt=after)
        earlier = models.Q(decided_at__lt=decided_at) | before
        rows = rows.filter(earlier, decided_at__lte=decided_at)
    return [_from_row(row) for row in rows[:limit]]


def list_round(call_id: str, cut_off_at: datetime) -> list[Application]:
    """Return everything that was handed in under a call for one cut-off, in order of arrival."""
    rows = ApplicationRow.objects.filter(call_id=call_id, cut_off_at=cut_off_at)
    return [_from_row(row) for row in rows.order_by("submitted_at", "id")]


def count_rounds() -> list[tuple[str, datetime, str, int]]:
    """Return call, cut-off, state and number of what was handed in for a cut-off."""
    rows = ApplicationRow.objects.filter(cut_off_at__isnull=False)
    counted = rows.values_list("call_id", "cut_off_at", "state").annotate(models.Count("id"))
    return list(counted.order_by("cut_off_at", "call_id", "state"))


def list_by_ids(application_ids: Collection[str]) -> dict[str, Application]:
    """Return applications by their ids; unknown ones are left out."""
    rows = ApplicationRow.objects.filter(id__in=list(application_ids))
    return {row.id: _from_row(row) for row in rows}


def list_organisations_of(person_ids: Collection[str], *, since: datetime) -> set[tuple[str, str]]:
    """Return applicant and organisation of what people handed in since an instant."""
    rows = ApplicationRow.objects.filter(applicant_id__in=list(person_ids), submitted_at__gte=since)
    return set(rows.values_list("applicant_id", "organisation_id").distinct())


def _value_of(column: str, application_id: str) -> datetime:
    """Return what a list is ordered by, of the application that a page ended with."""
    found = ApplicationRow.objects.filter(id=application_id).values_list(column, flat=True).first()
    if found is None:
        raise NotFound(kind="application", id=application_id)
    return cast(datetime, found)


def _get(rows: "models.QuerySet[ApplicationRow]", application_id: str) -> Application:
    row = rows.first()
    if row is None:
        raise NotFound(kind="application", id=application_id)
    return _from_row(row)


def _from_row(row: ApplicationRow) -> Application:
    return Application(
        id=row.id,
        call_id=row.call_id,
        organisation_id=row.organisation_id,
        applicant_id=row.applicant_id,
        state=ApplicationState(row.state),
        form=from_plain(ApplicationForm, row.form),
        started_at=row.started_at,
        edited_at=row.edited_at,
        submitted_at=row.submitted_at,
        cut_off_at=row.cut_off_at,
        due_at=row.due_at,
        reviewed_at=row.reviewed_at,
        ranked_at=row.ranked_at,
        decided_at=row.decided_at,
        decision=Sentence.from_json(row.decision) if row.decision else None,
        decided_by=row.decided_by,
        frozen=from_plain(Frozen, row.frozen) if row.frozen else None,
    )
