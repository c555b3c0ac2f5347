"""The forms of the size calculator: one firm, person or body, and one holding, at a time."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from allmende.domain.access.firms import (
    MONTHS_OF_A_YEAR,
    ExchangeRate,
    Firm,
    FirmKind,
    Holding,
    OwnershipGraph,
    YearFigures,
)
from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.basics.sentences import Sentence
from allmende.web.forms.fields import AmountField, radio

MILLION_CENTS = 100_000_000
CENTS = 100
KINDS = (
    (FirmKind.ENTERPRISE, _("A company")),
    (FirmKind.NATURAL_PERSON, _("A person, or several who act together")),
    (FirmKind.VENTURE_CAPITAL, _("A venture capital company")),
    (FirmKind.BUSINESS_ANGEL, _("A business angel")),
    (FirmKind.INSTITUTIONAL_INVESTOR, _("An institutional investor or a regional fund")),
    (FirmKind.PUBLIC_INVESTMENT_CORPORATION, _("A public investment corporation")),
    (FirmKind.UNIVERSITY, _("A university or a non-profit research centre")),
    (FirmKind.LOCAL_AUTHORITY, _("A town or a district")),
    (FirmKind.PUBLIC_BODY, _("Another public body")),
)
PEOPLE = (FirmKind.NATURAL_PERSON, FirmKind.BUSINESS_ANGEL)
WITHOUT_FIGURES = (*PEOPLE, FirmKind.LOCAL_AUTHORITY, FirmKind.PUBLIC_BODY)
YES_NO_UNKNOWN = (("yes", _("Yes")), ("no", _("No")), ("", _("I do not know")))
MEANING = {"yes": True, "no": False, "": None}
WORDS = {True: "yes", False: "no", None: ""}


class KindForm(forms.Form):
    """What is to be added?"""

    kind = radio(KINDS, label=_("What do you want to add?"))


class FirmForm(forms.Form):
    """One firm, person or body; what does not apply to its kind is not asked."""

    name = forms.CharField(label=_("Name"), max_length=200)
    is_in_same_market = radio(
        YES_NO_UNKNOWN,
        label=_("Do the companies that this person controls work in the same market?"),
        help_text=_("Or in markets next to each other. Without a second company: no."),
        required=False,
    )
    budget = AmountField(
        label=_("Budget of a year, in million euros"),
        places=6,
        asks_which=True,
        required=False,
    )
    inhabitants = AmountField(label=_("Inhabitants"), places=0, required=False)
    is_new = forms.BooleanField(
        label=_("New: there are no approved accounts yet, and the figures are an estimate"),
        required=False,
    )
    year = forms.IntegerField(label=_("The year in which the last accounting year ended"))
    headcount = AmountField(
        label=_("People in that year"),
        help_text=_(
            "Full-time posts, with owners who work there. Half a post is 0.5, a quarter of a year"
            " 0.25."
        ),
        required=False,
    )
    turnover = AmountField(
        label=_("Turnover of that year, in millions"),
        places=6,
        asks_which=True,
        required=False,
    )
    balance = AmountField(
        label=_("Balance sheet total, in millions"),
        places=6,
        asks_which=True,
        required=False,
    )
    headcount_before = AmountField(label=_("People in the year before"), required=False)
    turnover_before = AmountField(
        label=_("Turnover of the year before, in millions"),
        places=6,
        asks_which=True,
        required=False,
    )
    balance_before = AmountField(
        label=_("Balance sheet total of the year before, in millions"),
        places=6,
        asks_which=True,
        required=False,
    )
    months = forms.IntegerField(
        label=_("Months of the last accounting year"),
        help_text=_("Twelve, unless it was cut short or made longer."),
        initial=MONTHS_OF_A_YEAR,
        required=False,
    )
    currency = forms.CharField(
        label=_("Currency, where it is not the euro"),
        help_text=_("Three letters, such as SEK."),
        max_length=3,
        required=False,
    )
    rate = AmountField(
        label=_("What one euro was in it, at the end of that year"),
        help_text=_("The reference rate of the European Central Bank."),
        places=6,
        required=False,
    )
    rate_before = AmountField(
        label=_("What one euro was in it, a year earlier"), places=6, required=False
    )
    register_number = forms.CharField(
        label=_("Its number in a commercial register, or for VAT"), max_length=60, required=False
    )

    def __init__(self, *args: Any, kind: FirmKind, on: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind, self.on = kind, on
        self.fields["year"].initial = on.year - 1
        asked = {"name"} | ASKED_OF.get(kind, set())
        if kind not in WITHOUT_FIGURES:
            asked |= FIGURES
        for name in list(self.fields.keys() - asked):
            del self.fields[name]

    def common(self) -> list[forms.BoundField]:
        """Return the fields that most firms need."""
        return [field for field in self if field.name not in RARE]

    def rare(self) -> list[forms.BoundField]:
        """Return the fields for short years and other currencies."""
        return [field for field in self if field.name in RARE]

    def shows_rare(self) -> bool:
        """Say whether one of those is filled in or wrong."""
        usual = ("", None, MONTHS_OF_A_YEAR, str(MONTHS_OF_A_YEAR))
        return any(field.errors or field.value() not in usual for field in self.rare())

    def read_firm(self, firm_id: str) -> Firm:
        """Return the firm; `InvalidInput` where its figures cannot be so."""
        data = self.cleaned_data
        return Firm(
            id=firm_id,
            name=data["name"],
            kind=self.kind,
            years=tuple(self._years(data)) if "year" in data else (),
            is_new=data.get("is_new", False),
            is_in_same_market=MEANING[data.get("is_in_same_market", "")],
            budget_cents=_times(data.get("budget"), MILLION_CENTS),
            inhabitants=_times(data.get("inhabitants"), 1),
            register_number=data.get("register_number", ""),
        )

    def _years(self, data: Mapping[str, Any]) -> list[YearFigures]:
        found = []
        for age, tail in enumerate(("", "_before")):
            figures = [data[f"{name}{tail}"] for name in ("headcount", "turnover", "balance")]
            if all(figure is None for figure in figures):
                break
            year = data["year"] - age
            found.append(
                YearFigures(
                    year=year,
                    headcount_hundredths=_times(figures[0], 100),
                    turnover_cents=_times(figures[1], MILLION_CENTS),
                    balance_sheet_cents=_times(figures[2], MILLION_CENTS),
                    is_estimate=data["is_new"],
                    months=(data["months"] or MONTHS_OF_A_YEAR) if age == 0 else MONTHS_OF_A_YEAR,
                    exchange=self._exchange(data, year, data[f"rate{tail}"]),
                )
            )
        return found

    def _exchange(
        self, data: Mapping[str, Any], year: int, rate: Decimal | None
    ) -> ExchangeRate | None:
        currency = data["currency"].strip().upper()
        if currency in ("", "EUR"):
            return None
        if rate is None:
            facts = {"currency": currency, "year": year}
            problem = Sentence("say how many {currency} one euro was at the end of {year}.", facts)
            raise InvalidInput(field="rate", problem=problem)
        on = min(date(year, 12, 31), self.on)
        return ExchangeRate(currency=currency, per_euro=rate.normalize(), on=on)


RARE = ("months", "currency", "rate", "rate_before")
FIGURES = {
    "is_new", "year", "headcount", "turnover", "balance", "headcount_before", "turnover_before",
    "balance_before", "months", "currency", "rate", "rate_before", "register_number",
}  # fmt: skip
ASKED_OF = {
    FirmKind.NATURAL_PERSON: {"is_in_same_market"},
    FirmKind.LOCAL_AUTHORITY: {"budget", "inhabitants"},
}


def initial_of_firm(firm: Firm) -> dict[str, Any]:
    """Return a firm as its form shows it."""
    initial: dict[str, Any] = {
        "name": firm.name,
        "is_in_same_market": WORDS[firm.is_in_same_market],
        "budget": _write(firm.budget_cents, MILLION_CENTS),
        "inhabitants": _write(firm.inhabitants, 1),
        "is_new": firm.is_new,
        "register_number": firm.register_number,
    }
    for year, tail in zip(firm.years, ("", "_before"), strict=False):
        initial |= {
            f"headcount{tail}": _write(year.headcount_hundredths, 100),
            f"turnover{tail}": _write(year.turnover_cents, MILLION_CENTS),
            f"balance{tail}": _write(year.balance_sheet_cents, MILLION_CENTS),
        }
        if year.exchange:
            initial |= {"currency": year.exchange.currency, f"rate{tail}": year.exchange.per_euro}
    if firm.years:
        initial |= {"year": firm.years[0].year, "months": firm.years[0].months}
    return initial


class HoldingForm(forms.Form):
    """Who holds how much of whom."""

    owner = forms.ChoiceField(label=_("Who holds"))
    owned = forms.ChoiceField(label=_("Of which company"))
    capital = AmountField(label=_("Share of the capital, in per cent"))
    votes = AmountField(
        label=_("Share of the votes, in per cent"),
        help_text=_("Only where it is another one than of the capital."),
        required=False,
    )
    control = radio(
        YES_NO_UNKNOWN,
        label=_("Do they control it in another way?"),
        help_text=_("By a contract, by an agreement, or by naming most of its managers."),
        required=False,
        initial="no",
    )
    invested = AmountField(
        label=_("Of a business angel: how much was invested, in euros"), required=False
    )

    def __init__(self, *args: Any, graph: OwnershipGraph, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [(firm.id, firm.name) for firm in graph.firms]
        people = {firm.id for firm in graph.firms if firm.kind in PEOPLE}
        owner, owned = self.fields["owner"], self.fields["owned"]
        assert isinstance(owner, forms.ChoiceField)
        assert isinstance(owned, forms.ChoiceField)
        owner.choices = names
        owned.choices = [(firm_id, name) for firm_id, name in names if firm_id not in people]
        if not any(firm.kind is FirmKind.BUSINESS_ANGEL for firm in graph.firms):
            del self.fields["invested"]

    def read_holding(self) -> Holding:
        """Return the holding; `InvalidInput` where it cannot be so."""
        data = self.cleaned_data
        capital = _times(data["capital"], 100)
        assert capital is not None, "it has to be given"
        return Holding(
            owner_id=data["owner"],
            owned_id=data["owned"],
            capital_basis_points=capital,
            votes_basis_points=_times(data["votes"], 100),
            has_control=MEANING[data["control"]],
            invested_cents=_times(data.get("invested"), CENTS),
        )


def initial_of_holding(holding: Holding) -> dict[str, Any]:
    """Return a holding as its form shows it."""
    return {
        "owner": holding.owner_id,
        "owned": holding.owned_id,
        "capital": _write(holding.capital_basis_points, 100),
        "votes": _write(holding.votes_basis_points, 100),
        "control": WORDS[holding.has_control],
        "invested": _write(holding.invested_cents, CENTS),
    }


def put_firm(graph: OwnershipGraph, firm: Firm) -> OwnershipGraph:
    """Return the graph with a firm in its place, or at the end."""
    if graph.find(firm.id) is None:
        return replace(graph, firms=(*graph.firms, firm))
    firms = tuple(firm if each.id == firm.id else each for each in graph.firms)
    return replace(graph, firms=firms)


def drop_firm(graph: OwnershipGraph, firm_id: str) -> OwnershipGraph:
    """Return the graph without a firm and without what it holds and who holds it."""
    return OwnershipGraph(
        firms=tuple(each for each in graph.firms if each.id != firm_id),
        holdings=tuple(h for h in graph.holdings if firm_id not in (h.owner_id, h.owned_id)),
    )


def drop_holding(graph: OwnershipGraph, holding: Holding | None) -> OwnershipGraph:
    """Return the graph without one holding."""
    return replace(graph, holdings=tuple(h for h in graph.holdings if h != holding))


def new_id(graph: OwnershipGraph) -> str:
    """Return an id that no firm of the graph has."""
    taken = {firm.id for firm in graph.firms}
    return next(each for number in range(1, 999) if (each := f"f{number}") not in taken)


def _times(number: Decimal | None, factor: int) -> int | None:
    return None if number is None else int(number * factor)


def _write(number: int | None, factor: int) -> str:
    return "" if number is None else f"{(Decimal(number) / factor).normalize():f}"
