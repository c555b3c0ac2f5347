"""The form of an application: all its sections together, and what is missing or wrong in them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from allmende.domain.access import questions
from allmende.domain.access.aid import is_aid
from allmende.domain.access.answers import read_answer, read_hours
from allmende.domain.access.calls import Call
from allmende.domain.access.modes import FormKind, Price
from allmende.domain.access.organisations import OrganisationKind
from allmende.domain.access.questions import Question
from allmende.domain.access.sections.code import CodeAnswers, review_code
from allmende.domain.access.sections.data import DataAnswers, review_data
from allmende.domain.access.sections.declarations import DeclarationAnswers
from allmende.domain.access.sections.ethics import EthicsAnswers
from allmende.domain.access.sections.model import ModelAnswers, review_model
from allmende.domain.access.sections.people import PeopleAnswers, review_people
from allmende.domain.access.sections.plan import PlanAnswers, review_plan
from allmende.domain.access.sections.project import ProjectAnswers, review_project
from allmende.domain.access.sections.resources import ResourceAnswers, review_resources
from allmende.domain.access.verdicts import ProjectPurpose
from allmende.domain.basics.refusals import InvalidInput, Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import TimeUnit, plain_hours


class HoursBelowZero(Refusal):
    """You ask for {asked} hours. Ask for more than 0."""

    status = 422


class HoursAboveLimit(Refusal):
    """You ask for {asked} {unit}; the call {call} gives up to {limit}. Ask for less, or look for a
    call in a larger access mode."""

    status = 422


class HoursBelowMinimum(Refusal):
    """You ask for {asked} {unit}; the call {call} starts at {limit}. Ask for more, or look for a
    call in a smaller access mode."""

    status = 422


class SizeInWrongUnit(Refusal):
    """You ask for {asked}; the call {call} counts in {wanted}. Give the size in {wanted}."""

    status = 422


class Section(StrEnum):
    """The tasks of the form, in order."""

    PROJECT = "project"
    PEOPLE = "people"
    RESOURCES = "resources"
    CODE = "code"
    MODEL = "model"
    DATA = "data"
    ETHICS = "ethics"
    PLAN = "plan"
    DECLARATIONS = "declarations"


ANSWERS: Mapping[Section, type[Any]] = {
    Section.PROJECT: ProjectAnswers,
    Section.PEOPLE: PeopleAnswers,
    Section.RESOURCES: ResourceAnswers,
    Section.CODE: CodeAnswers,
    Section.MODEL: ModelAnswers,
    Section.DATA: DataAnswers,
    Section.ETHICS: EthicsAnswers,
    Section.PLAN: PlanAnswers,
    Section.DECLARATIONS: DeclarationAnswers,
}
QUESTIONS: Mapping[str, Question] = {
    question.name: question
    for answers in ANSWERS.values()
    for question in questions.list_questions(answers)
}
SECTIONS: Mapping[str, Section] = {
    question.name: section
    for section, answers in ANSWERS.items()
    for question in questions.list_questions(answers)
}


@dataclass(frozen=True)
class Finding:
    """An answer that is missing or wrong."""

    section: Section
    field: str
    sentence: Sentence


@dataclass(frozen=True, kw_only=True)
class ApplicationForm(
    ProjectAnswers,
    PeopleAnswers,
    ResourceAnswers,
    CodeAnswers,
    ModelAnswers,
    DataAnswers,
    EthicsAnswers,
    PlanAnswers,
    DeclarationAnswers,
):
    """Every answer of the short and of the full form; empty or None is "not answered yet"."""

    def change(self, changes: Mapping[str, object]) -> "ApplicationForm":
        """Return the form with some answers changed.

        Values may be typed or text, as web forms and the command line give them;
        `requested_hours` is the size for people, and sets `requested_seconds`.
        """
        typed: dict[str, Any] = {}
        for name, value in changes.items():
            if name == "requested_hours":
                typed["requested_seconds"] = read_hours(value)
            elif name in QUESTIONS:
                typed[name] = read_answer(QUESTIONS[name], value, section=ApplicationForm)
            else:
                raise InvalidInput(field=name, problem=Sentence("There is no such question."))
        return replace(self, **typed)


def list_questions(section: Section, form: FormKind) -> tuple[Question, ...]:
    """Return what a section of a form asks, in order; nothing where the form leaves it out."""
    asked = questions.list_questions(ANSWERS[section])
    return tuple(question for question in asked if question.is_asked(form))


def list_sections(form: FormKind) -> tuple[Section, ...]:
    """Return the sections of a form, in order."""
    return tuple(section for section in Section if list_questions(section, form))


def without_secrets(form: ApplicationForm) -> ApplicationForm:
    """Return the form as reviewers may read it."""
    secrets = {
        name: questions.default_of(ApplicationForm, name)
        for name, question in QUESTIONS.items()
        if question.is_secret
    }
    return replace(form, **secrets)


def facts_of(call: Call) -> dict[str, Any]:
    """Return what labels and hints say about a call."""
    counts_gpus = call.unit is TimeUnit.GPU_SECONDS
    return {
        "unit": call.unit.hours_name,
        "device": Sentence("GPUs") if counts_gpus else Sentence("Nodes"),
        "most": plain_hours(call.size_max_seconds),
    }


def check_size(form: ApplicationForm, call: Call) -> None:
    """Refuse a size that is not above 0, beyond the call, or in another unit."""
    if form.requested_seconds is None:
        return
    asked = plain_hours(form.requested_seconds)
    if form.unit is not None and form.unit is not call.unit:
        raise SizeInWrongUnit(asked=form.unit.hours_name, call=call.id, wanted=call.unit.hours_name)
    if form.requested_seconds <= 0:
        raise HoursBelowZero(asked=asked)
    facts = {"asked": asked, "unit": call.unit.hours_name, "call": call.id}
    if form.requested_seconds > call.size_max_seconds:
        raise HoursAboveLimit(limit=plain_hours(call.size_max_seconds), **facts)
    if form.requested_seconds < call.size_min_seconds:
        raise HoursBelowMinimum(limit=plain_hours(call.size_min_seconds), **facts)


def review(
    form: ApplicationForm,
    call: Call,
    *,
    asked: FormKind = FormKind.SHORT,
    kind: OrganisationKind | None = None,
    barred: Mapping[str, Sentence] | None = None,
) -> tuple[Finding, ...]:
    """Return every answer that is missing or wrong, in the order of the form.

    `kind` is that of the organisation: what is State aid to it takes a declaration. `barred` are
    the countries of the team that may not use the machine, and why.
    """
    facts = facts_of(call)
    found = {
        name: Sentence(question.need, facts)
        for name, question in QUESTIONS.items()
        if question.need
        and question.is_asked(asked)
        and questions.is_missing(question, getattr(form, name))
    }
    found |= review_project(form, asked)
    found |= review_people(form, asked, barred=barred or {})
    found |= _review_size(form, call) | review_resources(form, asked, call)
    found |= review_code(form, asked) | review_model(form, asked) | review_data(form, asked)
    found |= review_plan(
        form,
        asked,
        is_eu_project=form.purpose is ProjectPurpose.EU_PROJECT,
        duration_months=form.duration_months,
    )
    price = Price.PAID if call.price_cents_per_hour else Price.FREE
    if form.aid_received_cents is None and is_aid(
        kind=kind, purpose=form.purpose, access_share=call.access_share, price=price
    ):
        found["aid_received_cents"] = Sentence(
            "Declare the de minimis aid of the last three years; write 0 if there was none."
        )
    return tuple(Finding(SECTIONS[name], name, found[name]) for name in QUESTIONS if name in found)


def _review_size(form: ApplicationForm, call: Call) -> dict[str, Sentence]:
    found: dict[str, Sentence] = {}
    if form.requested_seconds is None:
        found["requested_seconds"] = Sentence(
            "Say how many {unit} you need, up to {limit}.",
            {"unit": call.unit.hours_name, "limit": plain_hours(call.size_max_seconds)},
        )
    try:
        check_size(form, call)
    except Refusal as refusal:
        found["requested_seconds"] = refusal.sentence
    if form.duration_months not in call.durations_months:
        found["duration_months"] = Sentence(
            "Choose a duration in months: {choices}.",
            {"choices": ", ".join(str(months) for months in call.durations_months)},
        )
    return found
