"""The size class of a firm: micro, small, medium, small mid-cap or large.

SMEs: Recommendation 2003/361/EC. Small mid-caps: Recommendation (EU) 2025/1099. What is not known
is taken once as nothing and once as without limit; where both give one class, the class is sure.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from fractions import Fraction
from statistics import median_low

from allmende.domain.access.ownership import (
    WHOLE_BASIS_POINTS,
    Firm,
    FirmKind,
    Holding,
    Limits,
    OwnershipGraph,
    Relations,
    YearFigures,
    find_relations,
)
from allmende.domain.basics.refusals import NotFound
from allmende.domain.basics.rules import RuleBook
from allmende.domain.basics.sentences import Sentence

__all__ = [
    "Firm",
    "FirmKind",
    "Holding",
    "OwnershipGraph",
    "SizeClass",
    "SizeFigures",
    "SizeResult",
    "YearFigures",
    "classify_size",
    "repeat_last_year",
]

CENTS = 100
HUNDREDTHS = 100


class SizeClass(StrEnum):
    """How big a firm is, together with its owners and holdings."""

    MICRO = "micro"
    SMALL = "small"
    MEDIUM = "medium"
    SMALL_MID_CAP = "small_mid_cap"
    LARGE = "large"
    UNRESOLVED = "unresolved"


# From small to big; a class is its place in this row while it is computed.
ORDER = (
    SizeClass.MICRO,
    SizeClass.SMALL,
    SizeClass.MEDIUM,
    SizeClass.SMALL_MID_CAP,
    SizeClass.LARGE,
)
BIGGEST_SME = ORDER.index(SizeClass.MEDIUM)
BIGGEST = ORDER.index(SizeClass.LARGE)

NAMES = {
    SizeClass.MICRO: Sentence("a micro enterprise"),
    SizeClass.SMALL: Sentence("a small enterprise"),
    SizeClass.MEDIUM: Sentence("a medium-sized enterprise"),
    SizeClass.SMALL_MID_CAP: Sentence("a small mid-cap"),
    SizeClass.LARGE: Sentence("a large enterprise"),
}


@dataclass(frozen=True, kw_only=True)
class SizeFigures:
    """The figures that decide; None where something is missing."""

    headcount_hundredths: int | None
    turnover_cents: int | None
    balance_sheet_cents: int | None


@dataclass(frozen=True, kw_only=True)
class SizeResult:
    """A size class with its proof; `lowest` and `highest` bound what is not resolved."""

    size_class: SizeClass
    lowest: SizeClass
    highest: SizeClass
    figures: SizeFigures
    reason: Sentence
    article: str
    steps: tuple[Sentence, ...] = ()
    missing: tuple[Sentence, ...] = ()

    @property
    def is_sme(self) -> bool | None:
        """Say whether it is an SME; None while that depends on what is missing."""
        if ORDER.index(self.highest) <= BIGGEST_SME:
            return True
        return False if ORDER.index(self.lowest) > BIGGEST_SME else None


def classify_size(graph: OwnershipGraph, firm_id: str, *, book: RuleBook, on: date) -> SizeResult:
    """Return the size class of a firm of the graph, as the rules of a day have it."""
    firm = graph.find(firm_id)
    if firm is None:
        raise NotFound(kind="firm", id=firm_id)
    least = _Bound(graph, firm, book=book, on=on, count_doubtful=False)
    most = _Bound(graph, firm, book=book, on=on, count_doubtful=True)
    low, high = least.settled(), most.settled()
    missing = tuple(most.list_missing())
    figures = least.figures() if low == high or not missing else most.figures()
    steps = tuple(least.list_steps(low))
    reason, article = _reason(firm, low, high, bound=least)
    return SizeResult(
        size_class=ORDER[low] if low == high else SizeClass.UNRESOLVED,
        lowest=ORDER[low],
        highest=ORDER[high],
        figures=figures,
        reason=reason,
        article=article,
        steps=steps,
        missing=missing if low != high else (),
    )


def repeat_last_year(firm: Firm) -> Firm:
    """Return the firm with its newest year repeated, where somebody says it was similar before."""
    if len(firm.years) != 1:
        return firm
    newest = firm.years[0]
    return replace(firm, years=(newest, replace(newest, year=newest.year - 1)))


class _Bound:
    """One bound of the class: everything unknown counts nothing, or counts without limit."""

    def __init__(
        self, graph: OwnershipGraph, firm: Firm, *, book: RuleBook, on: date, count_doubtful: bool
    ) -> None:
        self.graph, self.firm, self.book, self.on = graph, firm, book, on
        self.count_doubtful = count_doubtful
        self.limits = read_limits(book, on=on)
        self.relations: Relations = find_relations(
            graph, firm.id, limits=self.limits, count_doubtful=count_doubtful
        )

    @property
    def is_public(self) -> bool:
        return self.relations.public_basis_points >= self.limits.public_basis_points

    def settled(self) -> int:
        """Return the class after all known years.

        Art. 4(2): a class changes only when its ceilings are crossed in two years in a row. The
        new class is therefore the middle one of the class so far and the classes of two years.
        What a firm was before its first known year is unknown, unless it is new (Art. 4(3)).
        """
        if self.is_public:
            return BIGGEST
        classes = [self.class_of_year(age) for age in range(len(self.firm.years))][::-1]
        if not classes and self.firm.is_new and not self.count_doubtful:
            return 0
        before = BIGGEST if self.count_doubtful else 0
        settled = classes[0] if self.firm.is_new and classes else before
        for this in classes:
            settled, before = median_low([settled, before, this]), this
        return settled

    def class_of_year(self, age: int) -> int:
        """Return the class by the figures of one year alone; 0 is the newest year."""
        persons, turnover, balance = self.totals(age)
        for place, size_class in enumerate(ORDER[:-1]):
            limit = {
                part: self.book.number(f"size.{part}", on=self.on, size_class=size_class.value)
                for part in ("headcount", "turnover", "balance_sheet")
            }
            few = persons is not None and persons < int(limit["headcount"] * HUNDREDTHS)
            money = (turnover, limit["turnover"]), (balance, limit["balance_sheet"])
            if few and any(sum_ is not None and sum_ <= int(top * CENTS) for sum_, top in money):
                return place
        return BIGGEST

    def totals(self, age: int) -> tuple[Fraction | None, Fraction | None, Fraction | None]:
        """Return headcount, turnover and balance sheet of the firm with all that counts."""
        counted = [(firm_id, WHOLE_BASIS_POINTS) for firm_id in sorted(self.relations.linked_ids)]
        for partner in self.relations.partners:
            counted += [(each, partner.share_basis_points) for each in sorted(partner.firm_ids)]
        sums: list[Fraction | None] = [Fraction(0)] * 3
        for firm_id, share in counted:
            for place, figure in enumerate(_figures_of(self.get(firm_id), age)):
                so_far = sums[place]
                if figure is None and self.count_doubtful:
                    sums[place] = None
                elif so_far is not None:
                    sums[place] = so_far + Fraction((figure or 0) * share, WHOLE_BASIS_POINTS)
        return sums[0], sums[1], sums[2]

    def get(self, firm_id: str) -> Firm:
        firm = self.graph.find(firm_id)
        assert firm is not None, "relations name firms of the graph"
        return firm

    def figures(self) -> SizeFigures:
        persons, turnover, balance = (
            None if total is None else int(total) for total in self.totals(0)
        )
        return SizeFigures(
            headcount_hundredths=persons, turnover_cents=turnover, balance_sheet_cents=balance
        )

    def list_missing(self) -> Iterable[Sentence]:
        """Name every figure and every answer that would settle the class."""
        years = max(len(self.firm.years), 1)
        if len(self.firm.years) < 2 and not self.firm.is_new:
            yield Sentence(
                "{firm}: the figures of two years (a class changes only after two)",
                {"firm": self.firm.name},
            )
        partner_ids = {each for partner in self.relations.partners for each in partner.firm_ids}
        for firm_id in sorted(self.relations.linked_ids | partner_ids):
            firm = self.get(firm_id)
            if any(None in _figures_of(firm, age) for age in range(years)):
                yield Sentence(
                    "{firm}: headcount, turnover and balance sheet of {years} years",
                    {"firm": firm.name, "years": years},
                )
            if firm.kind is FirmKind.NATURAL_PERSON and firm.is_in_same_market is None:
                yield Sentence(
                    "{firm}: whether the firms of this person work in the same market",
                    {"firm": firm.name},
                )

    def list_steps(self, settled: int) -> Iterable[Sentence]:
        """Say what was counted, and what was left out."""
        for firm_id in sorted(self.relations.linked_ids - {self.firm.id}):
            yield Sentence("{firm} is linked and counts whole.", {"firm": self.get(firm_id).name})
        for partner in self.relations.partners:
            names = ", ".join(self.get(each).name for each in sorted(partner.firm_ids))
            percent = f"{partner.share_basis_points / 100:g}"
            yield Sentence(
                "{firm} is a partner and counts at {percent} %.",
                {"firm": names, "percent": percent},
            )
        for firm_id in sorted(self.relations.exempt_ids):
            yield Sentence(
                "{firm} is an investor that does not count (Art. 3(2)).",
                {"firm": self.get(firm_id).name},
            )
        if self.firm.years and not self.is_public:
            yield from self.list_year_steps(settled)

    def list_year_steps(self, settled: int) -> Iterable[Sentence]:
        alone = self.class_of_year(0)
        if alone != settled:
            yield Sentence(
                "The newest year alone would make it {alone}; a class changes only after two "
                "years in a row (Art. 4(2)).",
                {"alone": NAMES[ORDER[alone]]},
            )
        limit = self.book.number("size.headcount", on=self.on, size_class=SizeClass.MEDIUM.value)
        warn = self.book.number("size.warning_share", on=self.on)
        persons = self.totals(0)[0]
        if persons is not None and limit * warn <= persons / HUNDREDTHS < limit:
            yield Sentence(
                "The headcount is above {percent} % of the limit for SMEs of {limit} persons.",
                {"percent": int(warn * 100), "limit": int(limit)},
            )


def read_limits(book: RuleBook, *, on: date) -> Limits:
    """Return the numbers of Article 3 that are in force on a day."""
    return Limits(
        partner_basis_points=int(book.number("ownership.partner", on=on) * 100),
        linked_basis_points=int(book.number("ownership.linked", on=on) * 100),
        public_basis_points=int(book.number("ownership.public_bodies", on=on) * 100),
        angel_cents=int(book.number("ownership.business_angel", on=on) * CENTS),
        authority_budget_cents=int(book.number("ownership.authority_budget", on=on) * CENTS),
        authority_inhabitants=int(book.number("ownership.authority_inhabitants", on=on)),
    )


def _figures_of(firm: Firm, age: int) -> tuple[int | None, int | None, int | None]:
    if firm.kind in (FirmKind.NATURAL_PERSON, FirmKind.PUBLIC_BODY, FirmKind.LOCAL_AUTHORITY):
        return 0, 0, 0
    if age >= len(firm.years):
        return (0, 0, 0) if firm.is_new and firm.years else (None, None, None)
    year = firm.years[age]
    return year.headcount_hundredths, year.turnover_cents, year.balance_sheet_cents


def _reason(firm: Firm, low: int, high: int, *, bound: _Bound) -> tuple[Sentence, str]:
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
            "persons": f"{(figures.headcount_hundredths or 0) / HUNDREDTHS:g}",
            "turnover": _millions(figures.turnover_cents),
            "balance": _millions(figures.balance_sheet_cents),
            "size_class": NAMES[ORDER[low]],
        },
    )
    if low > BIGGEST_SME and ORDER[low] is SizeClass.SMALL_MID_CAP:
        return sure, "Rec. (EU) 2025/1099, Annex, Art. 2"
    return sure, "Rec. 2003/361/EC, Annex, Art. 2"


def _millions(cents: int | None) -> str:
    return f"{(cents or 0) / CENTS / 1_000_000:.2f}"
