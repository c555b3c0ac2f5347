"""A rebuttal: what the applicant says to the experts' texts before the panel ranks."""

from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import datetime

from allmende.domain.access.applications import Application, ApplicationState
from allmende.domain.access.working_days import due_after
from allmende.domain.basics.characters import check_written
from allmende.domain.basics.refusals import Refusal

TEXT_MAX = 2_000  # characters as people see them


class RebuttalIsClosed(Refusal):
    """Application {application} takes no answer to its reviews now. The time for it begins when all
    reviews are in, where its mode has one, and ends before the panel closes."""


class RebuttalIsIn(Refusal):
    """Your answer to these reviews is with the panel. It cannot be changed any more."""


@dataclass(frozen=True, kw_only=True)
class Rebuttal:
    """One answer, to the reviews that were complete at `reviewed_at`; handed in once."""

    application_id: str
    reviewed_at: datetime
    text: str
    written_by: str
    written_at: datetime


def find_end(application: Application) -> datetime | None:
    """Return the first instant at which an answer is too late; None where none can be given."""
    plan = application.frozen.mode.review if application.frozen else None
    if plan is None or not plan.rebuttal_working_days:
        return None
    if application.reviewed_at is None or application.state is not ApplicationState.PANEL:
        return None
    days, land = plan.rebuttal_working_days, application.submitted.call.land
    return due_after(application.reviewed_at, working_days=days, land=land)


def can_answer(application: Application, *, now: datetime) -> bool:
    """Say whether the applicant may answer the reviews at that instant."""
    ends_at = find_end(application)
    return ends_at is not None and now < ends_at


def list_open_ends(
    members: Iterable[Application], answered: Container[str], *, now: datetime
) -> list[datetime]:
    """Return until when each applicant of a round who has not answered may still do so."""
    ends = [find_end(each) for each in members if each.id not in answered]
    return [end for end in ends if end is not None and now < end]


def write_rebuttal(application: Application, *, text: str, by: str, now: datetime) -> Rebuttal:
    """Return the answer of the applicant to the reviews that are in."""
    if not can_answer(application, now=now):
        raise RebuttalIsClosed(application=application.id)
    assert application.reviewed_at is not None, "only complete reviews can be answered"
    check_written("text", text, most=TEXT_MAX)
    return Rebuttal(
        application_id=application.id,
        reviewed_at=application.reviewed_at,
        text=text.strip(),
        written_by=by,
        written_at=now,
    )
