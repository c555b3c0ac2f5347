"""One reading of a firm's size, with everything unknown counted as nothing or without limit."""

from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from statistics import median_low

from allmende.domain.access.ownership import (
    WHOLE_BASIS_POINTS,
    Firm,
    FirmKind,
    Limits,
    OwnershipGraph,
    find_relations,
)
from allmende.domain.access.sizes import BIGGEST, ORDER, SizeFigures
from allmende.domain.basics.rules import RuleBook

CENTS = 100
HUNDREDTHS = 100
Figures = tuple[Fraction | None, Fraction | None, Fraction | None]
UNKNOWN: Figures = (None, None, None)
NOTHING: Figures = (Fraction(0), Fraction(0), Fraction(0))
WITHOUT_FIGURES = (FirmKind.NATURAL_PERSON, FirmKind.PUBLIC_BODY, FirmKind.LOCAL_AUTHORITY)


class Bound:
    """One bound of the class: everything unknown counts nothing, or counts without limit."""

    def __init__(
        self, graph: OwnershipGraph, firm: Firm, *, book: RuleBook, on: date, count_doubtful: bool
    ) -> None:
        self.graph, self.firm, self.book, self.on = graph, firm, book, on
        self.firms = {each.id: each for each in graph.firms}
        self.count_doubtful = count_doubtful
        self.limits = read_limits(book, on=on)
        self.relations = find_relations(
            graph, firm.id, limits=self.limits, count_doubtful=count_doubtful
        )

    @property
    def is_public(self) -> bool:
        """Say whether public bodies hold so much that it is no SME (Art. 3(4))."""
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

    def counted(self) -> Iterator[tuple[str, int]]:
        """Yield every firm that counts, and its share in basis points."""
        for firm_id in sorted(self.relations.linked_ids):
            yield firm_id, WHOLE_BASIS_POINTS
        for partner in self.relations.partners:
            for firm_id in sorted(partner.firm_ids):
                yield firm_id, partner.share_basis_points

    def totals(self, age: int, *, complete: bool = False) -> Figures:
        """Return headcount, turnover and balance sheet of the firm with all that counts.

        None is "without limit", or where only `complete` sums are wanted, "not known".
        """
        sums: list[Fraction | None] = [Fraction(0)] * 3
        for firm_id, share in self.counted():
            for place, figure in enumerate(figures_of(self.firms[firm_id], age)):
                so_far = sums[place]
                if figure is None and (self.count_doubtful or complete):
                    sums[place] = None
                elif so_far is not None:
                    sums[place] = so_far + Fraction(figure or 0) * share / WHOLE_BASIS_POINTS
        return sums[0], sums[1], sums[2]

    def figures(self, *, age: int = 0, complete: bool = False) -> SizeFigures:
        """Return the sums of a year as whole hundredths and cents."""
        return whole(self.totals(age, complete=complete))


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


def figures_of(firm: Firm, age: int) -> Figures:
    """Return a firm's own figures, exactly and in euros; 0 is its newest year."""
    if firm.kind in WITHOUT_FIGURES:
        return NOTHING
    if age >= len(firm.years):
        return NOTHING if firm.is_new and firm.years else UNKNOWN
    return firm.years[age].in_euros()


def whole(figures: Figures) -> SizeFigures:
    """Return figures without fractions of a hundredth or a cent."""
    persons, turnover, balance = (None if each is None else int(each) for each in figures)
    return SizeFigures(
        headcount_hundredths=persons, turnover_cents=turnover, balance_sheet_cents=balance
    )
