"""The programme office: applications to check, to assess, to award or to refuse."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from allmende.domain.access.applications import Application, ApplicationState, is_late
from allmende.domain.access.verdicts import Reason
from allmende.domain.accounting.ledger import AccountKind
from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.basics.units import TimeUnit, seconds_from_hours
from allmende.domain.trust.permissions import Permission, can_do, check_permission, is_member
from allmende.services import (
    aid,
    appeals,
    applications,
    awards,
    ceilings,
    expert_reviews,
    ledger,
    panels,
    rebuttals,
    reviews,
    worklists,
)
from allmende.services.application_marks import MarkNotice
from allmende.web.acting import begin_deed, get_person
from allmende.web.forms.programme import AwardForm
from allmende.web.pages.applications import describe_steps, find_marks, list_answers
from allmende.web.pages.panels import write_cut_off
from allmende.wiring import now
from allmende.wiring.access_rules import load_access_rules

PAGE_SIZE = 100


@dataclass(frozen=True)
class Arithmetic:
    """What an award would leave in the pool that it comes from."""

    unit: TimeUnit
    pool_seconds: int
    asked_seconds: int

    @property
    def left_seconds(self) -> int:
        """Return what would be left."""
        return self.pool_seconds - self.asked_seconds


def list_applications(request: HttpRequest) -> HttpResponse:
    """Show what waits for somebody, the most urgent first, and what was decided."""
    reader = get_person(request)
    check_permission(reader, Permission.SEE_EVERY_APPLICATION)
    instant = now()
    after = {name: request.GET.get(name, "") for name in ("after", "decided_after")}
    waiting = worklists.list_waiting(reader, after=after["after"], limit=PAGE_SIZE)
    decided = worklists.list_decided(reader, after=after["decided_after"], limit=PAGE_SIZE)
    context = {
        "count": worklists.count_waiting(reader),
        "waiting": [(each, is_late(each, now=instant)) for each in waiting],
        "waiting_next": _next_page(waiting, "after", after),
        "decided": decided,
        "decided_next": _next_page(decided, "decided_after", after),
        "can_see_calls": can_do(reader, Permission.SEE_MODES),
        "can_see_aid": can_do(reader, Permission.SEE_AID),
        "can_see_appeals": can_do(reader, Permission.SEE_APPEAL),
        "can_see_figures": can_do(reader, Permission.SEE_FIGURES),
    }
    return render(request, "programme/list.html", context)


def _next_page(page: list[Application], name: str, after: Mapping[str, str]) -> str:
    """Return the query of the page that follows; the other list stays where it is."""
    if len(page) < PAGE_SIZE:
        return ""
    return urlencode({key: value for key, value in {**after, name: page[-1].id}.items() if value})


def show_application(request: HttpRequest, application_id: str) -> HttpResponse:
    """Show an application with the step that is next."""
    reader = get_person(request)
    check_permission(reader, Permission.SEE_EVERY_APPLICATION)
    application = applications.get_application(reader, application_id)
    is_own = is_member(reader, application.organisation_id)
    state = application.state
    assessment = reviews.find_technical_assessment(reader, application_id)
    marks = find_marks(application)
    context = {
        "application": application,
        "marks": marks,
        "reasons": _reasons_beside(marks, application),
        "answers": list_answers(application),
        "assessment": assessment,
        **describe_steps(application, assessment),
        **_reviews_of(reader, application),
        "rebuttal": rebuttals.find_rebuttal(reader, application_id),
        **_appeals_on(reader, application),
        "award": awards.find_award_of_application(reader, application_id),
        "is_own": is_own,
        "can_decide_eligibility": not is_own
        and state is ApplicationState.SUBMITTED
        and can_do(reader, Permission.AWARD_APPLICATION),
        "can_assess": not is_own
        and state is ApplicationState.TECHNICAL_ASSESSMENT
        and can_do(reader, Permission.ASSESS_APPLICATION),
        "can_award": not is_own
        and state is ApplicationState.ASSESSED
        and can_do(reader, Permission.AWARD_APPLICATION),
        "can_take_letter": can_do(reader, Permission.AWARD_APPLICATION) or is_own,
        "arithmetic": _arithmetic(reader, application),
        **_limits(reader, application),
    }
    return render(request, "programme/show.html", context)


def _reasons_beside(marks: tuple[MarkNotice, ...], application: Application) -> list[Reason]:
    """Return the reasons of the eligibility check but those that the marks say below."""
    said = {each.mark.rule for each in marks}
    reasons = application.frozen.eligibility.reasons if application.frozen else ()
    return [each for each in reasons if each.rule not in said]


def _appeals_on(reader: Person, application: Application) -> dict[str, object]:
    """Return the appeals on an application, and the one that the reader can answer."""
    filed = appeals.list_appeals_of(reader, application.id)
    may = can_do(reader, Permission.ANSWER_APPEAL) and not is_member(
        reader, application.organisation_id
    )
    waiting = [each for each in filed if each.answered_at is None]
    return {
        "appeals": filed,
        "appeal_to_answer": waiting[0]
        if may and waiting and waiting[0].appealed_by != reader.id
        else None,
        "decided_oneself": bool(waiting) and waiting[0].appealed_by == reader.id,
    }


def _limits(reader: Person, application: Application) -> dict[str, object]:
    """Return what limits an award besides the pool: ceilings of the machine, and of State aid."""
    frozen, rules = application.frozen, load_access_rules()
    if frozen is None or application.state is not ApplicationState.ASSESSED:
        return {}
    instant = now()
    return {
        "contingents": ceilings.list_contingents_of(
            reader, frozen.call, frozen.mode, rules=rules, now=instant
        ),
        "aid_check": aid.find_check(reader, application.id, rules=rules, now=instant)
        if can_do(reader, Permission.SEE_AID)
        else None,
    }


def _reviews_of(reader: Person, application: Application) -> dict[str, Any]:
    """Return the reviews that are no longer blind, and the round that they belong to."""
    plan = application.frozen.mode.review if application.frozen else None
    if plan is None or application.cut_off_at is None or not can_do(reader, Permission.SEE_PANEL):
        return {}
    panel = panels.get_panel(reader, application.call_id, application.cut_off_at, now=now())
    standings = {each.application_id: each for each in panel.standings}
    return {
        "plan": plan,
        "standing": standings.get(application.id),
        "reviews": expert_reviews.list_reviews(reader, application.id),
        "can_recuse": can_do(reader, Permission.MANAGE_REVIEWS)
        and application.decided_at is None
        and not is_member(reader, application.organisation_id),
        "cut_off": write_cut_off(application.cut_off_at),
    }


def _arithmetic(reader: Person, application: Application) -> Arithmetic | None:
    if application.frozen is None or not can_do(reader, Permission.SEE_LEDGER):
        return None
    call = application.frozen.call
    pool = f"pool:{call.partition_id}:{call.access_share}:{call.mode_id}"
    balances = ledger.list_accounts(reader, kind=AccountKind.POOL, limit=1000)
    found = [each.balance_seconds for each in balances if each.account.id == pool]
    return Arithmetic(
        unit=call.unit,
        pool_seconds=found[0] if found else 0,
        asked_seconds=application.form.requested_seconds or 0,
    )


@require_POST
def decide_eligibility(request: HttpRequest, application_id: str) -> HttpResponse:
    """Decide where the rules leave it to a person."""
    reviews.record_eligibility(
        begin_deed(request),
        application_id,
        is_eligible=request.POST.get("answer") == "yes",
        why=request.POST.get("why", ""),
        rules=load_access_rules(),
    )
    return redirect("programme_application", application_id)


@require_POST
def assess_application(request: HttpRequest, application_id: str) -> HttpResponse:
    """Record the technical check."""
    reviews.record_technical_assessment(
        begin_deed(request),
        application_id,
        is_feasible=request.POST.get("answer") == "yes",
        notes=request.POST.get("notes", ""),
    )
    return redirect("programme_application", application_id)


@require_POST
def award_application(request: HttpRequest, application_id: str) -> HttpResponse:
    """Give the time; an award that the pool does not cover is refused as a whole."""
    form = AwardForm(request.POST)
    if not form.is_valid():
        name, problems = next(iter(form.errors.items()))
        field = _("Hours") if name == "hours" else _("Condition")
        raise InvalidInput(field=field, problem=problems[0])
    awards.award_application(
        begin_deed(request),
        application_id,
        rules=load_access_rules(),
        seconds=seconds_from_hours(form.cleaned_data["hours"]),
        condition=form.cleaned_data["condition"],
    )
    return redirect("programme_application", application_id)


@require_POST
def refuse_application(request: HttpRequest, application_id: str) -> HttpResponse:
    """Refuse, in words that the applicant reads."""
    why = request.POST.get("why", "").strip()
    if not why:
        raise InvalidInput(field=_("Reason"), problem=_("Say why; the applicant reads it."))
    rules = load_access_rules()
    awards.refuse_application(begin_deed(request), application_id, why=why, rules=rules)
    return redirect("programme_application", application_id)
