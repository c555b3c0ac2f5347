"""One section of a draft: saved as its fields are left, also while others write in it.

The page carries the answers that it was made with (`based_on`). What its reader did not touch is
never sent over somebody else's change; what both changed is asked.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse

from allmende.domain.access.application_forms import ApplicationForm, Finding, Section
from allmende.domain.access.applications import Application, ApplicationState, check_draft
from allmende.domain.access.edits import Difference
from allmende.domain.access.modes import FormKind
from allmende.domain.access.snapshots import to_plain
from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.basics.sentences import Sentence
from allmende.services import applications
from allmende.services.deeds import Deed
from allmende.web.acting import begin_deed, get_person
from allmende.web.answers import ReadAnswer, read_question
from allmende.web.forms.applications import FIELD_OF, SectionForm, name_sections, open_section
from allmende.web.pages.applications import find_form, find_marks, list_findings, load_call
from allmende.wiring import now
from allmende.wiring.languages import translate

MINE, THEIRS = "mine", "theirs"
Answers = dict[str, Any]


@dataclass(frozen=True)
class Choice:
    """An answer that two have changed: both are shown, and one is chosen."""

    name: str  # of the field
    theirs: ReadAnswer
    yours: ReadAnswer


@dataclass(kw_only=True)
class Saving:
    """A section that was sent: what it is based on, what was chosen, and what became of it."""

    application: Application
    asked_form: FormKind
    form: SectionForm
    based_on: Answers
    kept: Mapping[str, str] = field(default_factory=dict)  # field: mine or theirs
    is_saved: bool = False
    choices: list[Choice] = field(default_factory=list)
    asked: Answers = field(default_factory=dict)  # what the choices show of the others

    @property
    def taken(self) -> set[str]:
        """Return the fields in which the others' answer stays."""
        return {name for name, whose in self.kept.items() if whose == THEIRS}


def edit_section(request: HttpRequest, application_id: str, section: str) -> HttpResponse:
    """Show one section, and save it: field by field with htmx, or as a whole without."""
    reader = get_person(request)
    application = applications.get_application(reader, application_id)
    if request.method == "POST":
        check_draft(application)  # what was typed into a page that is out of date is not dropped
    call = load_call(application)
    asked_form = find_form(call)
    if application.state is not ApplicationState.DRAFT or section not in name_sections(asked_form):
        return redirect("application", application_id)
    part = Section(section)
    if request.method != "POST":
        form = open_section(part, asked=asked_form, call=call, answers=application.form)
        saving = Saving(
            application=application,
            asked_form=asked_form,
            form=form,
            based_on=_list_seen(application.form, form),
        )
        return _show(request, saving)
    form = SectionForm(request.POST, section=part, asked=asked_form, call=call)
    saving = Saving(
        application=application, asked_form=asked_form, form=form, **_read(request.POST)
    )
    _save(begin_deed(request), request.POST, saving)
    if request.headers.get("HX-Request"):
        return _tell(request, saving)
    return _go_on(request, saving)


def _go_on(request: HttpRequest, saving: Saving) -> HttpResponse:
    """Show the section again while something in it is open, else the next one."""
    form, application_id = saving.form, saving.application.id
    if saving.choices or not saving.is_saved:
        return _show(request, saving)
    if "size" in request.POST:
        return redirect("application_calculator", application_id)
    if "more" in request.POST and not form.errors:  # another row of a table
        return redirect(f"{request.path}#{request.POST['more']}")
    _add_findings(form, list_findings(get_person(request), application_id))
    if form.errors and saving.taken:  # what was taken from the others has to be seen
        return redirect("application_section", application_id, form.section.value)
    if form.errors:
        return _show(request, saving)
    return redirect(_next_address(saving))


def _read(posted: QueryDict) -> dict[str, Any]:
    """Return what was sent; who keeps their own answer has seen the one that it replaces."""
    based_on, asked = _read_answers(posted, "based_on"), _read_answers(posted, "asked")
    kept = {name: posted.get(f"keep-{name}", "") for name in map(_in_form, asked)}
    kept = {name: whose for name, whose in kept.items() if whose in (MINE, THEIRS)}
    based_on |= {name: asked[name] for name in asked if kept.get(_in_form(name)) == MINE}
    return {"based_on": based_on, "kept": kept}


def _read_answers(posted: QueryDict, name: str) -> Answers:
    """Return answers that the page carries; they are names of questions with plain values."""
    try:
        answers = json.loads(posted.get(name) or "{}")
    except (ValueError, RecursionError):
        answers = None
    if not isinstance(answers, dict):
        problem = Sentence("Reload the page: what it carries cannot be read.")
        raise InvalidInput(field=name, problem=problem)
    return answers


def _save(deed: Deed, posted: QueryDict, saving: Saving) -> None:
    """Save every answer that fits and that nobody else has changed; the others wait."""
    form = saving.form
    readable = posted.copy()
    for name in form.errors:
        readable.pop(name, None)
    changes, left_out = form.changes(readable), {*form.errors, *saving.taken}
    while True:
        wanted = {name: each for name, each in changes.items() if _in_form(name) not in left_out}
        try:
            edited, differences = applications.save_answers(
                deed, saving.application.id, changes=wanted, seen=saving.based_on
            )
        except InvalidInput as refusal:
            wrong = _add_refusal(form, refusal)
            if wrong not in map(_in_form, wanted):
                return
            left_out.add(wrong)
        else:
            break
    saving.is_saved, saving.application = True, edited
    written = edited.form.change(wanted)
    saving.choices = _list_choices(form, edited.form, written, differences)
    saving.asked = {each.field: each.theirs for each in differences}
    left_out |= {_in_form(name) for name in saving.asked}
    for name, answer in _list_seen(written, form).items():
        if name in saving.based_on and _in_form(name) not in left_out:
            saving.based_on[name] = answer


def _add_refusal(form: SectionForm, refusal: InvalidInput) -> str:
    name, problem = _in_form(str(refusal.facts["field"])), refusal.facts["problem"]
    text = problem if isinstance(problem, str) else translate(problem)
    form.add_error(name if name in form.fields else None, text)
    return name


def _list_choices(
    form: SectionForm,
    here: ApplicationForm,
    written: ApplicationForm,
    differences: tuple[Difference, ...],
) -> list[Choice]:
    differ = {each.field for each in differences}
    return [
        Choice(
            name=_in_form(question.name),
            theirs=read_question(question, here, form.call),
            yours=read_question(question, written, form.call),
        )
        for question in form.questions
        if question.name in differ
    ]


def _list_seen(answers: ApplicationForm, form: SectionForm) -> Answers:
    """Return the answers that a page shows as plain values; what is not asked is not in it."""
    return {each.name: to_plain(getattr(answers, each.name)) for each in form.questions}


def _in_form(name: str) -> str:
    """Return what the form calls an answer."""
    return FIELD_OF.get(name, name)


def _add_findings(form: SectionForm, findings: tuple[Finding, ...]) -> None:
    for finding in findings:
        name = _in_form(finding.field)
        if finding.section is form.section and name in form.fields and name not in form.errors:
            form.add_error(name, translate(finding.sentence))


def _show(request: HttpRequest, saving: Saving) -> HttpResponse:
    names = list(name_sections(saving.asked_form))
    context = {
        **_describe(saving),
        "number": names.index(saving.form.section) + 1,
        "count": len(names),
    }
    status = 409 if saving.choices else 422 if saving.form.errors else 200
    return render(request, "applications/section.html", context, status=status)


def _tell(request: HttpRequest, saving: Saving) -> HttpResponse:
    """Answer htmx: whether it is saved, what to base the next change on, what has to be chosen."""
    form, answers = saving.form, saving.application.form
    shown = open_section(form.section, asked=saving.asked_form, call=form.call, answers=answers)
    if saving.is_saved:  # the others' answer now stands in the page, too
        here = _list_seen(answers, form)
        saving.based_on |= {name: here[name] for name in here if _in_form(name) in saving.taken}
    context = {
        **_describe(saving),
        "taken": [shown[name] for name in saving.taken if name in shown.fields],
        "wrong": [bound for bound in form if bound.errors],
    }
    return render(request, "applications/saved.html", context)


def _describe(saving: Saving) -> dict[str, Any]:
    return {
        "application": saving.application,
        "marks": find_marks(saving.application),
        "form": saving.form,
        "saved": saving.is_saved,
        "saved_at": now(),
        "based_on": json.dumps(saving.based_on),
        "choices": saving.choices,
        "asked": json.dumps(saving.asked),
    }


def _next_address(saving: Saving) -> str:
    names, application_id = list(name_sections(saving.asked_form)), saving.application.id
    place = names.index(saving.form.section) + 1
    if place < len(names):
        return reverse("application_section", args=[application_id, names[place].value])
    return reverse("application_check", args=[application_id])
