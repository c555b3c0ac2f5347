"""The form of an application: its answers, its sections, and what is missing in them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from types import UnionType
from typing import Any, get_args, get_type_hints

from allmende.domain.access.aid import is_aid
from allmende.domain.access.calls import Call
from allmende.domain.access.modes import Experience, Price
from allmende.domain.access.organisations import OrganisationKind
from allmende.domain.access.verdicts import ProjectPurpose
from allmende.domain.basics.data_classes import DataClass
from allmende.domain.basics.refusals import InvalidInput, Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import (
    HOURS_MAX,
    SECONDS_PER_HOUR,
    TimeUnit,
    TooManyHours,
    hours_from_seconds,
    seconds_from_hours,
)

SUMMARY_MIN_LENGTH = 40
LINE_MAX_LENGTH = 200
TEXT_MAX_LENGTH = 10_000
LONG_TEXTS = frozenset({"summary", "data_description", "excluded_reviewers"})
# The largest answers that still mean something, each small enough to store and to round.
LARGEST: Mapping[str, int] = {
    "contract_months_after_end": 1200,
    "requested_seconds": HOURS_MAX * SECONDS_PER_HOUR,
    "duration_months": 1200,
    "training_flop": 10**30,
    "aid_received_cents": 10**15,
}


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


class WrongUnit(Refusal):
    """You ask for {asked}; the call {call} counts in {wanted}. Give the size in {wanted}."""

    status = 422


class Section(StrEnum):
    """The tasks of the form, in order."""

    PROJECT = "project"
    PEOPLE = "people"
    RESOURCES = "resources"
    DATA = "data"
    DECLARATIONS = "declarations"


PERSONAL_CLASSES = frozenset({DataClass.PERSONAL, DataClass.HEALTH})
DECLARATIONS = frozenset({"declares_correct", "accepts_terms"})


@dataclass(frozen=True)
class Finding:
    """An answer that is missing or wrong."""

    section: Section
    field: str
    sentence: Sentence


@dataclass(frozen=True, kw_only=True)
class ApplicationForm:
    """Every answer; empty or None is "not answered yet"."""

    title: str = ""
    summary: str = ""
    purpose: ProjectPurpose | None = None
    is_civilian: bool | None = None
    is_confidential: bool = True
    blueprint_id: str = ""
    principal_investigator: str = ""
    principal_investigator_email: str = ""
    contract_months_after_end: int | None = None
    team_countries: tuple[str, ...] = ()
    excluded_reviewers: str = ""  # names or e-mail addresses, one a line; reviewers never see it
    experience: Experience | None = None
    requested_seconds: int | None = None
    unit: TimeUnit | None = None
    duration_months: int | None = None
    data_class: DataClass | None = None
    data_description: str = ""
    has_personal_data: bool | None = None
    training_flop: int | None = None
    is_prohibited_practice: bool | None = None
    aid_received_cents: int | None = None
    publish_names: bool = False
    declares_correct: bool = False
    accepts_terms: bool = False

    def change(self, changes: Mapping[str, object]) -> "ApplicationForm":
        """Return the form with some answers changed.

        Values may be typed or text, as web forms and the command line give them;
        `requested_hours` is the size for people, and sets `requested_seconds`.
        """
        kinds = get_type_hints(ApplicationForm)
        typed: dict[str, Any] = {}
        for name, value in changes.items():
            if name == "requested_hours":
                typed["requested_seconds"] = read_hours(value)
            elif name in kinds:
                typed[name] = _read(name, kinds[name], value)
            else:
                raise InvalidInput(field=name, problem=Sentence("There is no such question."))
        return replace(self, **typed)


SECTIONS: Mapping[str, Section] = {
    "title": Section.PROJECT,
    "summary": Section.PROJECT,
    "purpose": Section.PROJECT,
    "is_civilian": Section.PROJECT,
    "is_confidential": Section.PROJECT,
    "blueprint_id": Section.PROJECT,
    "principal_investigator": Section.PEOPLE,
    "principal_investigator_email": Section.PEOPLE,
    "contract_months_after_end": Section.PEOPLE,
    "team_countries": Section.PEOPLE,
    "excluded_reviewers": Section.PEOPLE,
    "experience": Section.RESOURCES,
    "requested_seconds": Section.RESOURCES,
    "unit": Section.RESOURCES,
    "duration_months": Section.RESOURCES,
    "data_class": Section.DATA,
    "data_description": Section.DATA,
    "has_personal_data": Section.DATA,
    "training_flop": Section.DATA,
    "is_prohibited_practice": Section.DATA,
    "aid_received_cents": Section.DECLARATIONS,
    "publish_names": Section.DECLARATIONS,
    "declares_correct": Section.DECLARATIONS,
    "accepts_terms": Section.DECLARATIONS,
}

# What the short form asks for; the other answers may stay empty.
REQUIRED: Mapping[str, Sentence] = {
    "title": Sentence("Give the project a title."),
    "purpose": Sentence("Say what the compute time is for."),
    "is_civilian": Sentence("Say whether the project serves civilian purposes."),
    "principal_investigator": Sentence("Name the principal investigator."),
    "principal_investigator_email": Sentence("Give the principal investigator's e-mail address."),
    "contract_months_after_end": Sentence(
        "Say how many months the principal investigator's contract runs after the end."
    ),
    "data_class": Sentence("Say how sensitive the data is."),
    "has_personal_data": Sentence("Say whether there is personal data in it."),
    "is_prohibited_practice": Sentence(
        "Say whether the system does anything that Art. 5 of the AI Act forbids."
    ),
    "declares_correct": Sentence("Declare that your answers are correct and complete."),
    "accepts_terms": Sentence("Accept the terms of the call."),
}


def check_size(form: ApplicationForm, call: Call) -> None:
    """Refuse a size that is not above 0, beyond the call, or in another unit."""
    if form.requested_seconds is None:
        return
    asked = _hours(form.requested_seconds)
    if form.unit is not None and form.unit is not call.unit:
        raise WrongUnit(asked=form.unit.hours_name, call=call.id, wanted=call.unit.hours_name)
    if form.requested_seconds <= 0:
        raise HoursBelowZero(asked=asked)
    facts = {"asked": asked, "unit": call.unit.hours_name, "call": call.id}
    if form.requested_seconds > call.size_max_seconds:
        raise HoursAboveLimit(limit=_hours(call.size_max_seconds), **facts)
    if form.requested_seconds < call.size_min_seconds:
        raise HoursBelowMinimum(limit=_hours(call.size_min_seconds), **facts)


def review(
    form: ApplicationForm, call: Call, *, kind: OrganisationKind | None = None
) -> tuple[Finding, ...]:
    """Return every answer that is missing or wrong, in the order of the form.

    `kind` is that of the organisation: what is State aid to it takes a declaration.
    """
    found = {name: why for name, why in REQUIRED.items() if _is_missing(name, getattr(form, name))}
    if len(form.summary.strip()) < SUMMARY_MIN_LENGTH:
        found["summary"] = Sentence(
            "Describe the project in at least {length} characters.", {"length": SUMMARY_MIN_LENGTH}
        )
    if form.principal_investigator_email and "@" not in form.principal_investigator_email:
        found["principal_investigator_email"] = Sentence("An e-mail address has an @ in it.")
    found |= _review_resources(form, call)
    if (
        form.data_class in (DataClass.PERSONAL, DataClass.HEALTH)
        and form.has_personal_data is False
    ):
        found["has_personal_data"] = Sentence("The class of the data says that it is personal.")
    price = Price.PAID if call.price_cents_per_hour else Price.FREE
    if form.aid_received_cents is None and is_aid(
        kind=kind, purpose=form.purpose, access_share=call.access_share, price=price
    ):
        found["aid_received_cents"] = Sentence(
            "Declare the de minimis aid of the last three years; write 0 if there was none."
        )
    order = [each.name for each in fields(ApplicationForm)]
    return tuple(Finding(SECTIONS[name], name, found[name]) for name in order if name in found)


def _is_missing(name: str, answer: object) -> bool:
    return answer is not True if name in DECLARATIONS else answer in (None, "")


def _review_resources(form: ApplicationForm, call: Call) -> dict[str, Sentence]:
    found: dict[str, Sentence] = {}
    if form.requested_seconds is None:
        found["requested_seconds"] = Sentence(
            "Say how many {unit} you need, up to {limit}.",
            {"unit": call.unit.hours_name, "limit": _hours(call.size_max_seconds)},
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


def _hours(seconds: int) -> str:
    return f"{hours_from_seconds(seconds).normalize():f}"


def read_hours(value: object, *, field: str = "requested_hours") -> int | None:
    """Return the seconds of a number of hours as people write it; None where nothing is written."""
    if value in (None, ""):
        return None
    try:
        hours = Decimal(str(value).replace(",", "."))
        return seconds_from_hours(hours)
    except TooManyHours as refusal:
        raise InvalidInput(field=field, problem=refusal.sentence) from refusal
    except (InvalidOperation, ValueError) as error:
        raise InvalidInput(field=field, problem=Sentence("Give a number such as 2.5.")) from error


def _read(name: str, kind: Any, value: object) -> object:
    """Return the value in the type of the answer, reading text where it is text."""
    part = _part(kind)
    if value is None or (value == "" and part is not str):
        return _empty(name)
    if isinstance(part, type) and issubclass(part, StrEnum):
        return _read_choice(name, part, value)
    if part is bool:
        return _read_bool(name, value)
    if part is int:
        return _read_int(name, value)
    if part is str:
        return _read_text(name, str(value))
    names = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(names, list | tuple):
        raise InvalidInput(field=name, problem=Sentence("Give codes such as FR, NL."))
    return tuple(str(each).upper() for each in names)


def _read_text(name: str, text: str) -> str:
    length = TEXT_MAX_LENGTH if name in LONG_TEXTS else LINE_MAX_LENGTH
    if len(text) > length:
        facts = {"length": length}
        raise InvalidInput(field=name, problem=Sentence("Use at most {length} characters.", facts))
    return text


def _part(kind: Any) -> Any:
    if isinstance(kind, UnionType):
        return next(part for part in get_args(kind) if part is not type(None))
    return kind


def _empty(name: str) -> object:
    return getattr(ApplicationForm(), name)


def _read_choice(name: str, kind: type[StrEnum], value: object) -> StrEnum:
    try:
        return kind(str(value))
    except ValueError as error:
        choices = {"choices": ", ".join(kind)}
        raise InvalidInput(
            field=name, problem=Sentence("Choose one of: {choices}.", choices)
        ) from error


def _read_bool(name: str, value: object) -> bool:
    words = {"true": True, "yes": True, "on": True, "1": True}
    words |= {"false": False, "no": False, "off": False, "0": False}
    word = str(value).lower()
    if word not in words:
        raise InvalidInput(field=name, problem=Sentence("Answer yes or no."))
    return words[word]


def _read_int(name: str, value: object) -> int:
    try:
        number = Decimal(str(value))
        is_small_enough = abs(number) <= LARGEST[name]
    except InvalidOperation as error:
        raise InvalidInput(field=name, problem=Sentence("Give a whole number.")) from error
    if not is_small_enough:
        most = {"most": LARGEST[name]}
        raise InvalidInput(field=name, problem=Sentence("Give a number up to {most}.", most))
    if number < 0 and name != "requested_seconds":
        raise InvalidInput(field=name, problem=Sentence("Give a number from 0 on."))
    if number != int(number):
        raise InvalidInput(field=name, problem=Sentence("Give a whole number."))
    return int(number)
