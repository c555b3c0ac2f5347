"""Firms, persons and what they hold of each other, as people enter them.

Recommendation 2003/361/EC, Annex. What is impossible is refused in a sentence; circles of owners
are possible.
"""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise

from allmende.domain.basics.characters import find_unseen
from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.basics.sentences import Sentence

WHOLE_BASIS_POINTS = 10_000
MONTHS_OF_A_YEAR = 12
PERIOD_MONTHS_MAX = 24
YEAR_MIN, YEAR_MAX = 1900, 2200
FIRMS_MAX = 200
HOLDINGS_MAX = 1000
NAME_MAX_LENGTH = 200
CENTS_MAX = 10**15  # ten trillion euros: more than any firm has
HEADCOUNT_HUNDREDTHS_MAX = 10**9
CURRENCY_CODE_LENGTH = 3


class FirmKind(StrEnum):
    """What a node of the graph is; some owners leave a firm autonomous (Art. 3(2))."""

    ENTERPRISE = "enterprise"
    NATURAL_PERSON = "natural_person"
    VENTURE_CAPITAL = "venture_capital"
    PUBLIC_INVESTMENT_CORPORATION = "public_investment_corporation"
    BUSINESS_ANGEL = "business_angel"
    UNIVERSITY = "university"  # and non-profit research centres
    INSTITUTIONAL_INVESTOR = "institutional_investor"  # and regional development funds
    LOCAL_AUTHORITY = "local_authority"
    PUBLIC_BODY = "public_body"


@dataclass(frozen=True, kw_only=True)
class ExchangeRate:
    """How many units of a currency one euro was on a day, as a central bank published it."""

    currency: str  # ISO 4217, such as SEK
    per_euro: Decimal
    on: date

    def __post_init__(self) -> None:
        code = self.currency
        is_code = len(code) == CURRENCY_CODE_LENGTH and code.isascii() and code.isalpha()
        if not is_code or not code.isupper() or code == "EUR":
            raise _wrong(
                Sentence("give a currency as three capital letters, such as SEK; euros need none.")
            )
        if not (self.per_euro.is_finite() and 0 < self.per_euro <= 10**9):
            raise _wrong(
                Sentence("say how many {currency} one euro was: above 0.", {"currency": code})
            )


@dataclass(frozen=True, kw_only=True)
class YearFigures:
    """One accounting period, named by the year in which it ends.

    Headcount is in hundredths of an annual work unit (Art. 5), the mean of the period. Money is in
    cents of a euro, or of the currency of `exchange`. Turnover is that of `months` months.
    """

    year: int
    headcount_hundredths: int | None = None
    turnover_cents: int | None = None
    balance_sheet_cents: int | None = None
    is_estimate: bool = False
    months: int = MONTHS_OF_A_YEAR
    exchange: ExchangeRate | None = None

    def __post_init__(self) -> None:
        money = (self.turnover_cents, self.balance_sheet_cents)
        figures = (self.headcount_hundredths, *money)
        facts = {"year": self.year}
        if not YEAR_MIN <= self.year <= YEAR_MAX:
            raise _wrong(Sentence("{year} is no year of accounts.", facts))
        if any(figure is not None and figure < 0 for figure in figures):
            raise _wrong(Sentence("{year}: no figure is below 0.", facts))
        if any(figure is not None and figure > CENTS_MAX for figure in money) or (
            (self.headcount_hundredths or 0) > HEADCOUNT_HUNDREDTHS_MAX
        ):
            raise _wrong(Sentence("{year}: no firm is as big as that.", facts))
        if not 1 <= self.months <= PERIOD_MONTHS_MAX:
            raise _wrong(Sentence("{year}: an accounting period has 1 to 24 months.", facts))
        if self.exchange and not 0 <= self.exchange.on.year - self.year <= 1:
            raise _wrong(
                Sentence("{year}: give the rate of a day in that year, or in the next.", facts)
            )

    def in_euros(self) -> tuple[Fraction | None, Fraction | None, Fraction | None]:
        """Return headcount, turnover of twelve months (Art. 4(1)) and balance sheet, exactly."""
        rate = Fraction(self.exchange.per_euro) if self.exchange else Fraction(1)
        turnover, balance = self.turnover_cents, self.balance_sheet_cents
        return (
            None if self.headcount_hundredths is None else Fraction(self.headcount_hundredths),
            None if turnover is None else turnover * MONTHS_OF_A_YEAR / (self.months * rate),
            None if balance is None else balance / rate,
        )


@dataclass(frozen=True, kw_only=True)
class Firm:
    """A node: an enterprise with its figures, or an owner of another kind."""

    id: str
    name: str
    kind: FirmKind = FirmKind.ENTERPRISE
    years: tuple[YearFigures, ...] = ()  # newest first
    is_new: bool = False  # its first accounts are not approved yet: estimates count (Art. 4(3))
    is_in_same_market: bool | None = None  # of a natural person: all its firms are (Art. 3(3))
    budget_cents: int | None = None  # of a local authority, a year
    inhabitants: int | None = None
    register_number: str = ""  # by it other organisations' owners are recognised as the same


@dataclass(frozen=True, kw_only=True)
class Holding:
    """An edge: what one firm holds of another. Shares are in basis points (10,000 = all)."""

    owner_id: str
    owned_id: str
    capital_basis_points: int
    votes_basis_points: int | None = None  # None: as many as capital
    has_control: bool | None = False  # by contract, agreement or the right to appoint a majority
    invested_cents: int | None = None  # of a business angel

    def __post_init__(self) -> None:
        for share in (self.capital_basis_points, self.votes):
            if not 0 <= share <= WHOLE_BASIS_POINTS:
                raise _wrong(Sentence("a share is between 0 and 100 %."))
        if not 0 <= (self.invested_cents or 0) <= CENTS_MAX:
            raise _wrong(Sentence("an investment is an amount from 0 on."))

    @property
    def votes(self) -> int:
        """Return the share of votes, which is that of capital where nothing else is said."""
        votes = self.votes_basis_points
        return self.capital_basis_points if votes is None else votes


@dataclass(frozen=True, kw_only=True)
class OwnershipGraph:
    """Firms and what they hold of each other."""

    firms: tuple[Firm, ...]
    holdings: tuple[Holding, ...] = ()

    def __post_init__(self) -> None:
        ids = {firm.id for firm in self.firms}
        for holding in self.holdings:
            if not {holding.owner_id, holding.owned_id} <= ids:
                raise _wrong(Sentence("a holding names an unknown firm."))

    def find(self, firm_id: str) -> Firm | None:
        """Return a firm, or None."""
        return next((firm for firm in self.firms if firm.id == firm_id), None)


def rename_firm(graph: OwnershipGraph, old: str, new: str) -> OwnershipGraph:
    """Return the graph with another id for one firm."""

    def named(firm_id: str) -> str:
        return new if firm_id == old else firm_id

    return OwnershipGraph(
        firms=tuple(replace(firm, id=named(firm.id)) for firm in graph.firms),
        holdings=tuple(
            replace(h, owner_id=named(h.owner_id), owned_id=named(h.owned_id))
            for h in graph.holdings
        ),
    )


def check_graph(graph: OwnershipGraph, *, on: date) -> None:
    """Refuse what cannot be so on a day: names, years, shares above the whole, self-ownership."""
    if not graph.firms:
        raise _wrong(Sentence("give at least one firm."))
    if len(graph.firms) > FIRMS_MAX or len(graph.holdings) > HOLDINGS_MAX:
        facts = {"firms": FIRMS_MAX, "holdings": HOLDINGS_MAX}
        raise _wrong(Sentence("give at most {firms} firms and {holdings} holdings.", facts))
    _check_names(graph.firms)
    for firm in graph.firms:
        _check_years(firm, on=on)
        for amount in (firm.budget_cents, firm.inhabitants):
            if not 0 <= (amount or 0) <= CENTS_MAX:
                raise _wrong(Sentence("{firm}: no figure is below 0.", {"firm": firm.name}))
    _check_holdings(graph)


def find_name_problem(name: str) -> Sentence | None:
    """Say what is wrong with a name that people read, or None: length, and letters unseen."""
    if not name.strip() or len(name) > NAME_MAX_LENGTH:
        return Sentence("give a name of 1 to {most} letters.", {"most": NAME_MAX_LENGTH})
    if unseen := find_unseen(name, is_line=True):
        return Sentence(
            "there is an invisible character ({code}) in the name: type it anew.",
            {"code": unseen[1]},
        )
    return None


def _check_names(firms: tuple[Firm, ...]) -> None:
    ids, names = Counter(firm.id for firm in firms), Counter(_folded(f.name) for f in firms)
    for firm in firms:
        for text in (firm.name, firm.register_number or "-", firm.id):
            if problem := find_name_problem(text):
                raise _wrong(problem)
        if ids[firm.id] > 1:
            raise _wrong(Sentence("two firms have the id {id}.", {"id": firm.id}))
        if names[_folded(firm.name)] > 1:
            facts = {"name": firm.name.strip()}
            raise _wrong(
                Sentence("two are called {name}: tell them apart, such as by their town.", facts)
            )


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


def _check_years(firm: Firm, *, on: date) -> None:
    facts = {"firm": firm.name}
    for year in firm.years:
        if year.is_estimate and not firm.is_new:
            raise _wrong(
                Sentence(
                    "{firm}: an estimate counts only for a new firm without approved accounts "
                    "(Art. 4(3)).",
                    facts,
                )
            )
        if year.year > on.year:
            raise _wrong(Sentence("{firm}: {year} is not over.", {**facts, "year": year.year}))
    for newer, older in pairwise(firm.years):
        shorter, longer = newer.months < MONTHS_OF_A_YEAR, newer.months > MONTHS_OF_A_YEAR
        if newer.year - older.year not in {1, 0 if shorter else 1, 2 if longer else 1}:
            raise _wrong(
                Sentence("{firm}: give the periods one after another, newest first.", facts)
            )


def _check_holdings(graph: OwnershipGraph) -> None:
    firms = {firm.id: firm for firm in graph.firms}
    capital: Counter[str] = Counter()
    votes: Counter[str] = Counter()
    seen = set()
    for holding in graph.holdings:
        owner, owned = firms[holding.owner_id], firms[holding.owned_id]
        facts = {"owner": owner.name, "owned": owned.name}
        if owner is owned:
            raise _wrong(Sentence("{owner} cannot hold itself: leave its own shares out.", facts))
        if owned.kind is FirmKind.NATURAL_PERSON:
            raise _wrong(Sentence("{owned} is a person, whom nobody holds.", facts))
        if (owner.id, owned.id) in seen:
            raise _wrong(
                Sentence("{owner} holds {owned} twice: write one line with the sum.", facts)
            )
        seen.add((owner.id, owned.id))
        capital[owned.id] += holding.capital_basis_points
        votes[owned.id] += holding.votes
    for firm_id, total in [*capital.items(), *votes.items()]:
        if total > WHOLE_BASIS_POINTS:
            facts = {"firm": firms[firm_id].name, "percent": f"{total / 100:g}"}
            raise _wrong(Sentence("the shares in {firm} add up to {percent} %.", facts))


def _wrong(problem: Sentence) -> InvalidInput:
    return InvalidInput(field="ownership", problem=problem)
