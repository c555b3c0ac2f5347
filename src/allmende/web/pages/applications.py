"""Applications: choosing a call, the task list, checking the answers, handing in."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from allmende.domain.access.appeals import find_end as find_appeal_end
from allmende.domain.access.application_forms import Finding
from allmende.domain.access.applications import (
    LIFECYCLE,
    Application,
    ApplicationIsFrozen,
    ApplicationState,
)
from allmende.domain.access.calls import Call
from allmende.domain.access.consents import read_declarations
from allmende.domain.access.gates import StepView, list_steps
from allmende.domain.access.modes import FormKind
from allmende.domain.access.rebuttals import can_answer
from allmende.domain.access.rebuttals import find_end as find_rebuttal_end
from allmende.domain.access.reviews import TechnicalAssessment
from allmende.domain.basics.people import PUBLIC, Person
from allmende.domain.basics.refusals import Refusal
from allmende.services import (
    appeals,
    application_marks,
    applications,
    awards,
    calls,
    documents,
    expert_reviews,
    mergers,
    organisations,
    rebuttals,
    report_bars,
    reviews,
)
from allmende.services.application_marks import MarkNotice
from allmende.web.acting import begin_deed, get_person
from allmende.web.answers import ReadSection, read_sections
from allmende.web.errors import ask_to_sign_in
from allmende.web.forms.applications import name_sections
from allmende.web.forms.eligibility import read_carried
from allmende.wiring import now
from allmende.wiring.access_rules import load_access_rules
from allmende.wiring.blueprints import load_trainings
from allmende.wiring.factory import load_factory


def apply(request: HttpRequest) -> HttpResponse:
    """Offer the open calls, and start a draft under one of them."""
    reader = get_person(request)
    if reader is PUBLIC:
        return ask_to_sign_in(request)
    if not reader.organisation_ids:
        return redirect(f"{reverse('organisation_new')}?{request.GET.urlencode()}")
    if request.method == "POST":
        return _start(request)
    merged = mergers.list_own_mergers(reader)
    left = reader.organisation_ids - {view.merger.organisation_id for view in merged}
    context = {
        "views": calls.list_open_calls(reader, now=now()),
        "mergers": merged,
        "organisations": [organisations.get_organisation(reader, each) for each in sorted(left)],
        "earlier": applications.list_earlier(reader),
        "copied": request.GET.get("copy", ""),
    }
    return render(request, "applications/apply.html", context)


def _start(request: HttpRequest) -> HttpResponse:
    deed, call_id = begin_deed(request), request.POST.get("call", "")
    if copied := request.POST.get("copy", ""):
        application = applications.copy_application(
            deed, copied, call_id=call_id, rules=load_access_rules()
        )
    else:
        application = applications.start_application(
            deed, call_id=call_id, organisation_id=request.POST.get("organisation", "")
        )
    if carried := read_carried(request.GET):
        applications.edit_application(deed, application.id, changes=carried)
    return redirect("application", application.id)


def show_application(request: HttpRequest, application_id: str) -> HttpResponse:
    """Show the tasks of a draft, or where a submitted application stands."""
    reader = get_person(request)
    application = applications.get_application(reader, application_id)
    if application.state is ApplicationState.DRAFT:
        return render(request, "applications/tasks.html", _task_context(reader, application))
    assessment = reviews.find_technical_assessment(reader, application_id)
    context = {
        "application": application,
        "assessment": assessment,
        **describe_steps(application, assessment),
        "opinions": expert_reviews.list_opinions(reader, application_id),
        **_second_looks(reader, application),
        "award": awards.find_award_of_application(reader, application_id),
        "marks": find_marks(application),
        "answers": list_answers(application),
        "documents": application.frozen.documents if application.frozen else (),
        "can_accept": application.organisation_id in reader.organisation_ids,
        "can_withdraw": LIFECYCLE.can_move(application.state, ApplicationState.WITHDRAWN)
        and application.organisation_id in reader.organisation_ids,
    }
    return render(request, "applications/show.html", context)


def _second_looks(reader: Person, application: Application) -> dict[str, Any]:
    """Return what the applicant can say to reviews and to a decision, and until when."""
    instant, is_own = now(), application.organisation_id in reader.organisation_ids
    rebuttal = rebuttals.find_rebuttal(reader, application.id)
    filed = appeals.list_appeals_of(reader, application.id)
    ends_at = find_appeal_end(application, rules=load_access_rules().book)
    is_filed = any(each.appealed_at == application.decided_at for each in filed)
    return {
        "rebuttal": rebuttal,
        "rebuttal_ends_at": find_rebuttal_end(application)
        if is_own and rebuttal is None and can_answer(application, now=instant)
        else None,
        "appeals": filed,
        "appeal_ends_at": ends_at
        if is_own and ends_at is not None and instant < ends_at and not is_filed
        else None,
    }


def _task_context(reader: Person, application: Application) -> dict[str, Any]:
    findings = list_findings(reader, application.id)
    open_sections = {finding.section for finding in findings}
    view = calls.get_call(reader, application.call_id, now=now())
    sections = name_sections(find_form(view.call))
    return {
        "application": application,
        "call": view,
        "organisation": organisations.get_organisation(reader, application.organisation_id),
        "tasks": [
            (section.value, *words, "open" if section in open_sections else "done")
            for section, words in sections.items()
        ],
        "documents": documents.list_documents(reader, application.id),
        "is_complete": not findings,
        "bar": _find_bar(application),
        "marks": find_marks(application),
        "first_open": next((each.value for each in sections if each in open_sections), ""),
        "open_count": len(open_sections),
    }


def check_answers(request: HttpRequest, application_id: str) -> HttpResponse:
    """Show every answer once more; the button hands the application in."""
    reader = get_person(request)
    application = applications.get_application(reader, application_id)
    if application.state is not ApplicationState.DRAFT:
        return redirect("application", application_id)
    refusal = None
    if request.method == "POST":
        try:
            applications.submit_application(
                begin_deed(request), application_id, rules=load_access_rules()
            )
        except ApplicationIsFrozen:  # in another tab, a moment ago: this is its page
            return redirect("application", application_id)
        except Refusal as error:
            if error.status in (401, 403, 404):
                raise
            refusal = error.sentence
        else:
            return redirect("application", application_id)
    context = {
        "application": application,
        "call": calls.get_call(reader, application.call_id, now=now()),
        "marks": find_marks(application),
        "answers": list_answers(application),
        "documents": documents.list_documents(reader, application_id),
        "findings": list_findings(reader, application_id),
        "refusal": refusal,
        "bar": None if refusal else _find_bar(application),
    }
    return render(request, "applications/check.html", context, status=422 if refusal else 200)


@require_POST
def withdraw_application(request: HttpRequest, application_id: str) -> HttpResponse:
    """Take an application back."""
    applications.withdraw_application(begin_deed(request), application_id)
    return redirect("application", application_id)


def describe_steps(
    application: Application, assessment: TechnicalAssessment | None
) -> dict[str, Any]:
    """Return the steps of an application with a mark on those that are late."""
    steps: tuple[StepView, ...] = list_steps(application, assessment)
    instant = now()
    has_experts = application.frozen is not None and application.frozen.mode.review is not None
    return {
        "steps": [(each, each.is_late(instant)) for each in steps],
        "is_infeasible": has_experts and assessment is not None and not assessment.is_feasible,
    }


def list_answers(application: Application, *, with_secrets: bool = True) -> list[ReadSection]:
    """Return each section with its answers, for reading."""
    frozen = application.frozen
    call = frozen.call if frozen else load_call(application)
    asked = frozen.mode.form if frozen else find_form(call)
    kept = frozen.declarations if frozen else ()
    words = kept or read_declarations(call, asked, book=load_access_rules().book)
    return read_sections(
        application.form,
        asked=asked,
        call=call,
        declared={each.name: each.texts for each in words},
        with_secrets=with_secrets,
    )


def find_marks(application: Application) -> tuple[MarkNotice, ...]:
    """Return the marks of the AI Act that an application passes, or could pass."""
    return application_marks.foresee_marks(
        application,
        factory=load_factory(),
        blueprints=load_trainings(),
        rules=load_access_rules(),
        now=now(),
    )


def load_call(application: Application) -> Call:
    """Return the call of a draft."""
    return calls.get_call(PUBLIC, application.call_id, now=now()).call


def find_form(call: Call) -> FormKind:
    """Return which form a call asks for."""
    return load_access_rules().get_mode_of(call).form


def _find_bar(application: Application) -> Refusal | None:
    return report_bars.find_bar(application, rules=load_access_rules(), now=now())


def list_findings(reader: Person, application_id: str) -> tuple[Finding, ...]:
    """Return what is still missing or wrong in a draft."""
    return applications.list_findings(reader, application_id, rules=load_access_rules(), now=now())
