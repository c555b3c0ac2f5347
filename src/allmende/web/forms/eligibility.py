"""The questions of the eligibility check, one to a page."""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from allmende.domain.access.calls import AccessRules
from allmende.domain.access.firms import Firm, Holding, OwnershipGraph, YearFigures
from allmende.domain.access.modes import Experience
from allmende.domain.access.organisations import OrganisationKind
from allmende.domain.access.sizes import SizeResult
from allmende.domain.access.sme import repeat_last_year
from allmende.domain.access.verdicts import Answers, ProjectPurpose
from allmende.domain.basics.units import seconds_from_hours
from allmende.services import eligibility
from allmende.web.countries import COUNTRIES
from allmende.web.forms.fields import YES_NO, AmountField, radio
from allmende.wiring.ownership_files import unpack_graph

START_UP = "start_up"
MILLION_CENTS = 100_000_000
# What the check asks already, and under which name the application asks for it.
CARRIED = {
    "purpose": "purpose",
    "civilian": "is_civilian",
    "prohibited": "is_prohibited_practice",
    "experience": "experience",
    "personal": "has_personal_data",
    "team_countries": "team_countries",
}


class Question(forms.Form):
    """One page of the check; what was answered before decides whether it is asked."""

    name: ClassVar[str]

    @classmethod
    def applies(cls, _answers: Mapping[str, Any]) -> bool:
        """Say whether the question makes sense after these answers."""
        return True


class KindQuestion(Question):
    """What applies?"""

    name = "kind"
    kind = radio(
        (
            (OrganisationKind.ENTERPRISE, _("A company")),
            (START_UP, _("A start-up")),
            (OrganisationKind.UNIVERSITY, _("A university")),
            (OrganisationKind.RESEARCH_INSTITUTE, _("A public research institute")),
            (OrganisationKind.PUBLIC_BODY, _("A public body")),
            (OrganisationKind.ASSOCIATION, _("An association, a chamber or a foundation")),
            (OrganisationKind.NO_LEGAL_PERSON, _("A group of people without a legal form")),
        ),
        label=_("What kind of organisation are you?"),
    )


class CountryQuestion(Question):
    """Where is it established?"""

    name = "country"
    country = forms.ChoiceField(
        choices=COUNTRIES,
        label=_("In which country is your organisation established?"),
        help_text=_("The registered seat counts, not the nationality of the people."),
    )


class SizeQuestion(Question):
    """How big is it? Asked of companies only."""

    name = "size"
    headcount = AmountField(
        label=_("How many people work for you?"),
        help_text=_("Full-time posts over the last year; part-time counts in part."),
    )
    turnover = AmountField(
        label=_("Turnover of the last year, in million euros"),
        help_text=_("For example 1.5"),
        asks_which=True,
    )
    balance = AmountField(label=_("Balance sheet total, in million euros"), asks_which=True)
    similar = radio(
        (
            ("yes", _("Yes, in the same size class")),
            ("no", _("No, or I do not know")),
            ("new", _("There was no year before: we are new")),
        ),
        label=_("Was it similar in the year before?"),
    )
    owner = radio(
        YES_NO,
        label=_("Does one other company hold 25 % or more of yours, or you of one?"),
        help_text=_("Its people and figures then count too."),
    )

    @classmethod
    def applies(cls, answers: Mapping[str, Any]) -> bool:
        """Ask companies only, and none that came from the size calculator."""
        return is_company(answers) and not answers.get("graph")


class OwnerQuestion(Question):
    """Who owns it? Asked of companies with a large owner or holding."""

    name = "owner"
    owner_share = AmountField(label=_("How much is held, in per cent?"))
    owner_headcount = AmountField(label=_("How many people work for the other company?"))
    owner_turnover = AmountField(
        label=_("Its turnover of the last year, in million euros"), asks_which=True
    )
    owner_balance = AmountField(
        label=_("Its balance sheet total, in million euros"), asks_which=True
    )

    @classmethod
    def applies(cls, answers: Mapping[str, Any]) -> bool:
        """Ask companies with an owner only."""
        return SizeQuestion.applies(answers) and answers.get("owner") == "yes"

    def clean_owner_share(self) -> Decimal:
        """Refuse more than all of it."""
        share: Decimal = self.cleaned_data["owner_share"]
        if share > 100:
            raise forms.ValidationError(_("A share is at most 100 per cent."))
        return share


class TeamQuestion(Question):
    """Where do the others of the team work?"""

    name = "team"
    team = radio(
        (
            ("own", _("Yes, all of us")),
            ("others", _("No, some work for organisations in other countries")),
        ),
        label=_("Does everybody in the team work in the country of your organisation?"),
        help_text=_("Where their employers have their seats counts, not where people come from."),
    )


class TeamCountriesQuestion(Question):
    """In which countries? Asked where not all work in the same."""

    name = "team_countries"
    team_countries = forms.MultipleChoiceField(
        choices=COUNTRIES,
        widget=forms.CheckboxSelectMultiple,
        label=_("In which other countries do they work?"),
        error_messages={"required": _("Choose at least one country.")},
    )

    @classmethod
    def applies(cls, answers: Mapping[str, Any]) -> bool:
        """Ask teams of several countries only."""
        return answers.get("team") == "others"


class PurposeQuestion(Question):
    """What is the time for?"""

    name = "purpose"
    purpose = radio(
        (
            (ProjectPurpose.PRIVATE_INNOVATION, _("A product, a service or a process of our own")),
            (ProjectPurpose.RESEARCH, _("Research whose results are published")),
            (
                ProjectPurpose.EU_PROJECT,
                _("A project under Horizon Europe or Digital Europe, or with a Seal of Excellence"),
            ),
            (ProjectPurpose.COMMISSIONED, _("Work that a company ordered and will own")),
        ),
        label=_("What do you need the compute time for?"),
    )


class CivilianQuestion(Question):
    """Is it civilian?"""

    name = "civilian"
    civilian = radio(YES_NO, label=_("Does the project serve civilian purposes only?"))


class PracticeQuestion(Question):
    """Is it forbidden?"""

    name = "practice"
    prohibited = radio(
        (("no", _("No, nothing of that kind")), ("yes", _("Yes, something of that kind"))),
        label=_("Does it do anything that the AI Act forbids?"),
        help_text=_(
            "Such as manipulating people, scoring their social behaviour, or reading emotions at"
            " work or at school (Article 5)."
        ),
    )


class ContractQuestion(Question):
    """Will the person who leads it still be there?"""

    name = "contract"
    contract = AmountField(
        label=_("For how many months does the contract of the project lead run beyond the end?"),
        help_text=_(
            "Three are needed. A permanent contract, or an owner: write 120. If you do not know"
            " yet, leave it empty."
        ),
        places=0,
        required=False,
    )


class AidQuestion(Question):
    """What aid was received? Asked of companies only."""

    name = "aid"
    aid = AmountField(
        label=_("How much de minimis aid did you receive in the last three years, in euros?"),
        help_text=_(
            "Together with companies that control yours or that you control. Write 0 if there was"
            " none; leave it empty if you do not know. It matters for time of the national share."
        ),
        required=False,
    )

    @classmethod
    def applies(cls, answers: Mapping[str, Any]) -> bool:
        """Ask companies only."""
        return is_company(answers)


class AmountQuestion(Question):
    """How much, and how used are you to such machines?"""

    name = "amount"
    experience = radio(
        (
            (Experience.NEW, _("No, this is the first time")),
            (Experience.FAMILIAR, _("Yes, our code runs on several GPUs")),
            (Experience.READY_FOR_REVIEW, _("Yes, with measurements of how it scales")),
        ),
        label=_("Have you trained on a supercomputer before?"),
    )
    gpu_hours = AmountField(
        label=_("How many GPU hours do you need?"),
        help_text=_("If you do not know yet, leave it empty: you will see what fits."),
        required=False,
    )


class DataQuestion(Question):
    """Is there personal data?"""

    name = "data"
    personal = radio(YES_NO, label=_("Does your training data say anything about living people?"))


QUESTIONS: tuple[type[Question], ...] = (
    KindQuestion,
    CountryQuestion,
    TeamQuestion,
    TeamCountriesQuestion,
    SizeQuestion,
    OwnerQuestion,
    PurposeQuestion,
    CivilianQuestion,
    PracticeQuestion,
    AmountQuestion,
    AidQuestion,
    ContractQuestion,
    DataQuestion,
)


def is_company(answers: Mapping[str, Any]) -> bool:
    """Say whether the size matters."""
    return answers.get("kind") in (OrganisationKind.ENTERPRISE, START_UP)


def list_questions(answers: Mapping[str, Any]) -> list[type[Question]]:
    """Return the questions that these answers lead through."""
    return [question for question in QUESTIONS if question.applies(answers)]


def bind_questions(query: QueryDict) -> Iterator[Question]:
    """Return the questions in order, each with the answer that the address holds, if any."""
    for question in list_questions(query):
        is_answered = bool(question.base_fields.keys() & query.keys())
        yield question(query if is_answered else None)


def initial_of(question: Question, query: QueryDict) -> dict[str, object]:
    """Return the answers in an address as a question shows them again."""
    return {
        name: query.getlist(name)
        if isinstance(field, forms.MultipleChoiceField)
        else query.get(name)
        for name, field in question.base_fields.items()
    }


def read_answers(data: Mapping[str, Any], *, rules: AccessRules, on: date) -> Answers:
    """Return the answers of the whole check as the rules take them."""
    is_start_up = data["kind"] == START_UP
    hours = data.get("gpu_hours")
    return Answers(
        kind=OrganisationKind.ENTERPRISE if is_start_up else OrganisationKind(data["kind"]),
        country=data["country"],
        is_start_up=is_start_up,
        size=_find_size(data, rules=rules, on=on) if is_company(data) else None,
        purpose=ProjectPurpose(data["purpose"]),
        is_civilian=data["civilian"] == "yes",
        is_prohibited_practice=data["prohibited"] == "yes",
        requested_seconds=seconds_from_hours(hours) if hours else None,
        experience=Experience(data["experience"]),
        has_personal_data=data["personal"] == "yes",
        team_countries=tuple(data.get("team_countries", ())),
        contract_months_after_end=_whole(data["contract"]),
        aid_received_cents=_whole(data.get("aid"), times=100),
        machine_bought_after_2020=_bought_after_2020(rules),
    )


def read_carried(query: QueryDict) -> dict[str, object]:
    """Return what the check asked already, as the answers of an application."""
    data: dict[str, Any] = {}
    for question in bind_questions(query):
        if question.is_bound and question.is_valid():
            data |= question.cleaned_data
    carried = {answer: data.get(asked) for asked, answer in CARRIED.items()}
    if "aid" in data:
        carried["aid_received_cents"] = _whole(data["aid"], times=100)
    if "contract" in data:
        carried["contract_months_after_end"] = _whole(data["contract"])
    return {answer: value for answer, value in carried.items() if value not in (None, "")}


def _bought_after_2020(rules: AccessRules) -> bool | None:
    """Say when the machines of this factory were bought; None where they differ."""
    kinds = {partition.bought_after_2020 for partition in rules.partitions}
    return kinds.pop() if len(kinds) == 1 else None


def _whole(number: Decimal | None, *, times: int = 1) -> int | None:
    return None if number is None else int(number * times)


def _find_size(data: Mapping[str, Any], *, rules: AccessRules, on: date) -> SizeResult:
    graph = unpack_graph(data["graph"]) if data.get("graph") else read_ownership(data, on=on)
    return eligibility.find_size(graph, rules=rules, on=on)


def read_ownership(data: Mapping[str, Any], *, on: date, firm_id: str = "own") -> OwnershipGraph:
    """Return the firm and, where there is one, its owner, with the figures that were given."""
    firm = Firm(
        id=firm_id,
        name=gettext("your company"),
        years=(_figures(data, on.year - 1),),
        is_new=data.get("similar") == "new",
    )
    if data.get("similar") == "yes":
        firm = repeat_last_year(firm)
    if data.get("owner") != "yes":
        return OwnershipGraph(firms=(firm,))
    owner = Firm(
        id="owner",
        name=gettext("the other company"),
        years=(_figures(data, on.year - 1, "owner_"),),
        register_number=data.get("owner_number", "").strip(),
    )
    if data.get("similar") == "yes":
        owner = repeat_last_year(owner)
    share = int(data["owner_share"] * 100)
    holding = Holding(owner_id="owner", owned_id=firm_id, capital_basis_points=share)
    return OwnershipGraph(firms=(firm, owner), holdings=(holding,))


def _figures(data: Mapping[str, Any], year: int, prefix: str = "") -> YearFigures:
    return YearFigures(
        year=year,
        headcount_hundredths=int(data[f"{prefix}headcount"] * 100),
        turnover_cents=int(data[f"{prefix}turnover"] * MILLION_CENTS),
        balance_sheet_cents=int(data[f"{prefix}balance"] * MILLION_CENTS),
    )
