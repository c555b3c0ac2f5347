"""The pages of a round with peer review: who reviews what, and how it ranks."""

from dataclasses import dataclass
from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from allmende.domain.access.applications import Application, ApplicationState
from allmende.domain.access.expert_reviews import Review, get_plan
from allmende.domain.access.rankings import Standing
from allmende.domain.access.rebuttals import Rebuttal
from allmende.domain.access.review_plans import Criterion, ReviewPlan
from allmende.domain.basics.refusals import InvalidInput, NotFound
from allmende.domain.basics.sentences import Sentence
from allmende.domain.trust.permissions import Permission, can_do
from allmende.services import expert_reviews, panels
from allmende.services.panels import Panel, RoundView
from allmende.web.acting import begin_deed, get_person
from allmende.web.templatetags.allmende import spoken
from allmende.wiring import now

CUT_OFF = "%Y%m%dT%H%M%SZ"
CHOICES_MAX = 20


@dataclass(frozen=True)
class Row:
    """One application in the ranking with its reviews."""

    standing: Standing
    application: Application
    reviews: tuple[Review, ...]
    rebuttal: Rebuttal | None

    @property
    def means(self) -> list[tuple[Criterion, float]]:
        """Return the criteria with their mean scores."""
        plan = get_plan(self.application)
        return [(each, float(self.standing.means[each.id])) for each in plan.criteria]

    @property
    def total(self) -> float:
        """Return the weighted sum."""
        return float(self.standing.total)

    @property
    def spread(self) -> float:
        """Return how far its reviewers are apart."""
        return float(self.standing.spread)


def list_rounds(request: HttpRequest) -> HttpResponse:
    """Show the rounds of all calls with peer review."""
    found = panels.list_rounds(get_person(request))
    context = {
        "rounds": [
            (each, write_cut_off(each.cut_off_at), _count(each, *STAGES[0]), *_counts(each))
            for each in found
        ]
    }
    return render(request, "panels/list.html", context)


STAGES = (
    (ApplicationState.SUBMITTED, ApplicationState.TECHNICAL_ASSESSMENT),
    (ApplicationState.EXPERT_REVIEW,),
    (ApplicationState.PANEL,),
    (ApplicationState.ASSESSED,),
)


def _count(view: RoundView, *states: ApplicationState) -> int:
    return sum(view.counts.get(state, 0) for state in states)


def _counts(view: RoundView) -> list[int]:
    return [_count(view, *states) for states in STAGES[1:]]


def show_panel(request: HttpRequest, call_id: str, cut_off: str) -> HttpResponse:
    """Show the ranking of a round, under what its call has to give."""
    reader = get_person(request)
    panel = panels.get_panel(reader, call_id, read_cut_off(cut_off), now=now())
    plan = next(
        (each.submitted.mode.review for each in (*panel.applications.values(), *panel.waiting)),
        None,
    )
    context = {
        "panel": panel,
        "plan": plan,
        "ties": _names_of_ties(plan) if plan else "",
        "cut_off": cut_off,
        "rows": _rows(panel),
        "calibrations": [
            (
                panel.names.get(each.reviewer_id, each.reviewer_id),
                each.reviews,
                float(each.mean_total),
                None if each.deviation is None else float(each.deviation),
            )
            for each in panel.calibrations
        ],
        "can_manage": can_do(reader, Permission.MANAGE_REVIEWS),
    }
    return render(request, "panels/show.html", context)


def _names_of_ties(plan: ReviewPlan) -> str:
    names = {criterion.id: criterion.names for criterion in plan.criteria}
    return ", ".join(spoken(names[each]) for each in plan.tie_breaks)


def _rows(panel: Panel) -> list[Row]:
    return [
        Row(
            each,
            panel.applications[each.application_id],
            panel.reviews.get(each.application_id, ()),
            panel.rebuttals.get(each.application_id),
        )
        for each in panel.standings
    ]


@require_POST
def close_panel(request: HttpRequest, call_id: str, cut_off: str) -> HttpResponse:
    """Close the panel; the decision on each application is next."""
    panels.close_panel(begin_deed(request), call_id, read_cut_off(cut_off))
    return redirect("panel", call_id, cut_off)


@require_POST
def recheck_conflicts(request: HttpRequest, call_id: str, cut_off: str) -> HttpResponse:
    """Look for conflicts that came up since, and recuse whom they concern."""
    panels.recheck_conflicts(begin_deed(request), call_id, read_cut_off(cut_off))
    return redirect("panel", call_id, cut_off)


def assign_reviewers(request: HttpRequest, call_id: str, cut_off: str) -> HttpResponse:
    """Show who could review what, the best assignment marked; invite whom the office marks."""
    instant = read_cut_off(cut_off)
    if request.method == "POST":
        pairs = [_read_pair(each) for each in request.POST.getlist("pair")]
        panels.invite_reviewers(begin_deed(request), pairs)
        return redirect("panel_reviewers", call_id, cut_off)
    found = panels.list_assignments(get_person(request), call_id, instant, now=now())
    context = {
        "assignments": [(each, each.choices[:CHOICES_MAX]) for each in found],
        "lacking": sum(each.lacking for each in found),
        "call_id": call_id,
        "cut_off": cut_off,
        "cut_off_at": instant,
    }
    return render(request, "panels/assign.html", context)


@require_POST
def call_off(request: HttpRequest, call_id: str, cut_off: str) -> HttpResponse:
    """Take an invitation back."""
    application_id, reviewer_id = _read_pair(request.POST.get("pair", ""))
    panels.call_off_review(begin_deed(request), application_id, reviewer_id=reviewer_id)
    return redirect("panel_reviewers", call_id, cut_off)


@require_POST
def recuse_reviewer(request: HttpRequest, application_id: str, reviewer_id: str) -> HttpResponse:
    """Close a file to a reviewer because the office found a conflict of interest."""
    expert_reviews.recuse_reviewer(begin_deed(request), application_id, reviewer_id=reviewer_id)
    return redirect("programme_application", application_id)


def write_cut_off(instant: datetime) -> str:
    """Return an instant as an address has it."""
    return instant.astimezone(UTC).strftime(CUT_OFF)


def read_cut_off(written: str) -> datetime:
    """Return the instant of an address; `NotFound` when it is none."""
    try:
        return datetime.strptime(written, CUT_OFF).replace(tzinfo=UTC)
    except ValueError as error:
        raise NotFound(kind="cut-off", id=written) from error


def _read_pair(written: str) -> tuple[str, str]:
    application_id, between, reviewer_id = written.partition(" ")
    if not between:
        problem = Sentence("Name an application and a reviewer.")
        raise InvalidInput(field="pair", problem=problem)
    return application_id, reviewer_id
