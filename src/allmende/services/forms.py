"""What the form of a call asks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from allmende.domain.access.application_forms import (
    Section,
    facts_of,
    list_questions,
    list_sections,
)
from allmende.domain.access.calls import AccessRules
from allmende.domain.access.consents import Declaration, read_declarations
from allmende.domain.access.modes import FormKind
from allmende.domain.access.questions import Kind, Question
from allmende.domain.basics.people import Person
from allmende.domain.basics.sentences import Sentence
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.storage import calls as call_store


@dataclass(frozen=True, kw_only=True)
class AskedQuestion:
    """A question as a program needs it to answer for a person."""

    section: Section
    name: str
    kind: Kind
    label: Sentence
    hint: Sentence | None
    is_required: bool  # others may be asked for by what else was answered
    length: int | None  # of texts, in characters as people see them
    least: int | None
    most: int | None
    choices: tuple[str, ...]
    columns: tuple["AskedQuestion", ...]  # of rows


@dataclass(frozen=True, kw_only=True)
class FormView:
    """The form of a call: its questions in order, and the words that are declared with it."""

    form: FormKind
    questions: tuple[AskedQuestion, ...]
    declarations: tuple[Declaration, ...]


def describe_form(reader: Person, call_id: str, *, rules: AccessRules) -> FormView:
    """Return what an application under a call has to answer and to declare."""
    check_permission(reader, Permission.SEE_FACTORY)
    call = call_store.get_call(call_id)
    form, facts = rules.get_mode_of(call).form, facts_of(call)
    return FormView(
        form=form,
        questions=tuple(
            _describe(question, section, facts)
            for section in list_sections(form)
            for question in list_questions(section, form)
        ),
        declarations=read_declarations(call, form, book=rules.book),
    )


def _describe(question: Question, section: Section, facts: Mapping[str, Any]) -> AskedQuestion:
    is_text = question.kind in (Kind.LINE, Kind.TEXT)
    is_number = question.kind in (Kind.WHOLE, Kind.DECIMAL, Kind.HOURS, Kind.EUROS)
    return AskedQuestion(
        section=section,
        name=question.name,
        kind=question.kind,
        label=Sentence(question.label, facts),
        hint=Sentence(question.hint, facts) if question.hint else None,
        is_required=bool(question.need),
        length=question.length if is_text else None,
        least=question.least if is_number else None,
        most=question.most if is_number else None,
        choices=tuple(question.choices),
        columns=tuple(_describe(column, section, facts) for column in question.columns),
    )
