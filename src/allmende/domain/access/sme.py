"""The size class of a firm: micro, small, medium, small mid-cap or large.

SMEs: Recommendation 2003/361/EC. Small mid-caps: Recommendation (EU) 2025/1099. What is not known
is taken once as nothing and once as without limit; where both give one class, the class is sure.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from typing import Any

from allmende.domain.access.firms import MONTHS_OF_A_YEAR, YearFigures
from allmende.domain.access.ownership import Firm, FirmKind, Holding, OwnershipGraph
from allmende.domain.access.size_bounds import (
    HUNDREDTHS,
    Bound,
    figures_of,
    read_limits,
    whole,
)
from allmende.domain.access.sizes import (
    BIGGEST_SME,
    NAMES,
    ORDER,
    CountedFirm,
    Relation,
    SizeClass,
    SizeFigures,
    SizeResult,
    YearTotals,
)
from allmende.domain.basics.refusals import NotFound
from allmende.domain.basics.rules import RuleBook
from allmende.domain.basics.sentences import Sentence

__all__ = [
    "ORDER",
    "Firm",
    "FirmKind",
    "Holding",
    "OwnershipGraph",
    "SizeClass",
    "SizeFigures",
    "SizeResult",
    "YearFigures",
    "classify_size",
    "read_limits",
    "repeat_last_year",
]

CENTS = 100
MILLION = 1_000_000
OLD_AFTER_YEARS = 2  # approved accounts are seldom older; a word of advice, no rule


def classify_size(graph: OwnershipGraph, firm_id: str, *, book: RuleBook, on: date) -> SizeResult:
    """Return the size class of a firm of the graph, as the rules of a day have it."""
    firm = graph.find(firm_id)
    if firm is None:
        raise NotFound(kind="firm", id=firm_id)
    least = Bound(graph, firm, book=book, on=on, count_doubtful=False)
    most = Bound(graph, firm, book=book, on=on, count_doubtful=True)
    low, high = least.settled(), most.settled()
    missing = tuple(_list_missing(most))
    reason, article = _reason(firm, low, high, bound=least)
    return SizeResult(
        size_class=ORDER[low] if low == high else SizeClass.UNRESOLVED,
        lowest=ORDER[low],
        highest=ORDER[high],
        figures=least.figures() if low == high or not missing else most.figures(),
        reason=reason,
        article=article,
        steps=tuple(_list_steps(least, low)),
        missing=missing if low != high else (),
        counted=tuple(_list_counted(least)),
        years=tuple(_list_years(least, most)),
    )


def repeat_last_year(firm: Firm) -> Firm:
    """Return the firm with its newest year repeated, where somebody says it was similar before."""
    if len(firm.years) != 1:
        return firm
    newest = firm.years[0]
    return replace(firm, years=(newest, replace(newest, year=newest.year - 1)))


def _list_counted(bound: Bound) -> Iterator[CountedFirm]:
    """Yield every firm of the graph, those that count first, with how it counts."""
    shares = dict(bound.counted())
    relations = bound.relations

    def place(firm: Firm) -> tuple[bool, int, str]:
        return firm.id != bound.firm.id, -shares.get(firm.id, -1), firm.id

    for firm in sorted(bound.graph.firms, key=place):
        if firm.id == bound.firm.id:
            relation = Relation.OWN
        elif firm.id in relations.linked_ids:
            relation = Relation.LINKED
        elif firm.id in shares:
            relation = Relation.PARTNER
        else:
            is_investor = firm.id in relations.exempt_ids
            relation = Relation.INVESTOR if is_investor else Relation.APART
        yield CountedFirm(
            firm_id=firm.id,
            name=firm.name,
            relation=relation,
            share_basis_points=shares.get(firm.id, 0),
            figures=whole(figures_of(firm, 0)),
        )


def _list_years(least: Bound, most: Bound) -> Iterator[YearTotals]:
    for age, year in enumerate(least.firm.years):
        low, high = least.class_of_year(age), most.class_of_year(age)
        yield YearTotals(
            year=year.year,
            figures=least.figures(age=age, complete=True),
            size_class=ORDER[low] if low == high else SizeClass.UNRESOLVED,
        )


def _list_missing(bound: Bound) -> Iterable[Sentence]:
    """Name every figure and every answer that would settle the class."""
    firm = bound.firm
    years = max(len(firm.years), 1)
    if len(firm.years) < 2 and not firm.is_new:
        yield Sentence(
            "{firm}: the figures of two years (a class changes only after two)",
            {"firm": firm.name},
        )
    for firm_id, _ in bound.counted():
        each = bound.firms[firm_id]
        if any(None in figures_of(each, age) for age in range(years)):
            yield Sentence(
                "{firm}: headcount, turnover and balance sheet of {years} years",
                {"firm": each.name, "years": years},
            )
        if each.kind is FirmKind.NATURAL_PERSON and each.is_in_same_market is None:
            yield Sentence(
                "{firm}: whether the firms of this person work in the same market",
                {"firm": each.name},
            )
    yield from _list_missing_about_owners(bound)


def _list_missing_about_owners(bound: Bound) -> Iterable[Sentence]:
    for holding in bound.graph.holdings:
        owner, owned = bound.firms[holding.owner_id], bound.firms[holding.owned_id]
        facts = {"firm": owner.name, "owned": owned.name}
        if owner.kind is FirmKind.BUSINESS_ANGEL and holding.invested_cents is None:
            yield Sentence("{firm}: how much was invested in {owned}", facts)
        sizes = (owner.budget_cents, owner.inhabitants)
        if owner.kind is FirmKind.LOCAL_AUTHORITY and None in sizes:
            yield Sentence("{firm}: its budget of a year and its inhabitants", facts)
        if holding.has_control is None:
            yield Sentence("{firm}: whether it controls {owned} in another way", facts)


def _list_steps(bound: Bound, settled: int) -> Iterable[Sentence]:
    """Say what was counted, and what was left out."""
    firms, relations = bound.firms, bound.relations
    for firm_id in sorted(relations.linked_ids - {bound.firm.id}):
        yield Sentence("{firm} is linked and counts whole.", {"firm": firms[firm_id].name})
    for partner in relations.partners:
        names = ", ".join(firms[each].name for each in sorted(partner.firm_ids))
        percent = f"{partner.share_basis_points / 100:g}"
        yield Sentence(
            "{firm} is a partner and counts at {percent} %.",
            {"firm": names, "percent": percent},
        )
    for firm_id in sorted(relations.exempt_ids):
        yield Sentence(
            "{firm} is an investor that does not count (Art. 3(2)).",
            {"firm": firms[firm_id].name},
        )
    for firm_id, _ in bound.counted():
        yield from _list_conversions(firms[firm_id])
    if bound.firm.years and not bound.is_public:
        yield from _list_year_steps(bound, settled)


def _list_conversions(firm: Firm) -> Iterable[Sentence]:
    """Say how figures were taken that are no euros, no twelve months or no approved accounts."""
    for year in firm.years:
        facts: dict[str, Any] = {"firm": firm.name, "year": year.year}
        if year.is_estimate:
            yield Sentence("{firm}: {year} counts by an estimate in good faith (Art. 4(3)).", facts)
        if year.months != MONTHS_OF_A_YEAR:
            yield Sentence(
                "{firm}: {year} has {months} months; its turnover is taken for twelve (Art. 4(1)).",
                {**facts, "months": year.months},
            )
        if year.exchange is not None:
            rate = {
                "currency": year.exchange.currency,
                "rate": f"{year.exchange.per_euro.normalize():f}",
                "day": year.exchange.on.isoformat(),
            }
            yield Sentence(
                "{firm}: {year} is in {currency}; one euro was {rate} on {day}.", {**facts, **rate}
            )


def _list_year_steps(bound: Bound, settled: int) -> Iterable[Sentence]:
    alone = bound.class_of_year(0)
    if alone != settled:
        yield Sentence(
            "The newest year alone would make it {alone}; a class changes only after two "
            "years in a row (Art. 4(2)).",
            {"alone": NAMES[ORDER[alone]]},
        )
    newest = bound.firm.years[0].year
    if newest < bound.on.year - OLD_AFTER_YEARS:
        yield Sentence(
            "The newest figures are of {year}; give newer ones as soon as accounts are approved.",
            {"year": newest},
        )
    warn = bound.book.number("size.warning_share", on=bound.on)
    limits = {
        part: bound.book.number(f"size.{part}", on=bound.on, size_class=SizeClass.MEDIUM.value)
        for part in ("headcount", "turnover", "balance_sheet")
    }
    persons, turnover, balance = bound.totals(0)
    limit, percent = limits["headcount"], int(warn * 100)
    if persons is not None and limit * warn <= persons / HUNDREDTHS < limit:
        yield Sentence(
            "The headcount is above {percent} % of the limit for SMEs of {limit} persons.",
            {"percent": percent, "limit": int(limit)},
        )
    money = [(turnover, limits["turnover"]), (balance, limits["balance_sheet"])]
    if settled <= BIGGEST_SME and all(
        amount is not None and amount >= int(top * CENTS * warn) for amount, top in money
    ):
        yield Sentence(
            "Turnover and balance sheet are both above {percent} % of their limits for SMEs.",
            {"percent": percent},
        )


def _reason(firm: Firm, low: int, high: int, *, bound: Bound) -> tuple[Sentence, str]:
    if bound.is_public:
        facts = {
            "firm": firm.name,
            "percent": f"{bound.relations.public_basis_points / 100:g}",
            "limit": f"{bound.limits.public_basis_points / 100:g}",
        }
        public = Sentence(
            "Public bodies hold {percent} % of {firm}; from {limit} % on it is no SME, whatever "
            "its figures.",
            facts,
        )
        return public, "Rec. 2003/361/EC, Annex, Art. 3(4)"
    if low != high:
        bounds = {"firm": firm.name, "low": NAMES[ORDER[low]], "high": NAMES[ORDER[high]]}
        between = Sentence(
            "{firm} may be anything from {low} to {high} until the missing figures are known.",
            bounds,
        )
        return between, "Rec. 2003/361/EC, Annex, Art. 4 and 6"
    figures = bound.figures()
    sure = Sentence(
        "With its owners and holdings {firm} counts {persons} persons, {turnover} million EUR "
        "turnover and {balance} million EUR balance sheet: {size_class}.",
        {
            "firm": firm.name,
            "persons": _number(figures.headcount_hundredths, of=HUNDREDTHS),
            "turnover": _number(figures.turnover_cents, of=CENTS * MILLION),
            "balance": _number(figures.balance_sheet_cents, of=CENTS * MILLION),
            "size_class": NAMES[ORDER[low]],
        },
    )
    if low > BIGGEST_SME and ORDER[low] is SizeClass.SMALL_MID_CAP:
        return sure, "Rec. (EU) 2025/1099, Annex, Art. 2"
    return sure, "Rec. 2003/361/EC, Annex, Art. 2"


def _number(amount: int | None, *, of: int) -> int | float:
    """Return a number with two places as a fact, which each language writes in its own way."""
    number = round((amount or 0) / of, 2)
    return int(number) if number == int(number) else number
