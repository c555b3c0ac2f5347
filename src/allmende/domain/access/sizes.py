"""Size classes, and the proof of one: what was counted, year by year."""

from dataclasses import dataclass
from enum import StrEnum

from allmende.domain.basics.sentences import Sentence


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


class Relation(StrEnum):
    """How a firm counts with the one that is asked about."""

    OWN = "own"
    LINKED = "linked"
    PARTNER = "partner"
    INVESTOR = "investor"  # leaves it autonomous (Art. 3(2))
    APART = "apart"


@dataclass(frozen=True, kw_only=True)
class SizeFigures:
    """The figures that decide; None where something is missing."""

    headcount_hundredths: int | None
    turnover_cents: int | None
    balance_sheet_cents: int | None


@dataclass(frozen=True, kw_only=True)
class CountedFirm:
    """One firm with its own newest figures in euros, and how much of it counts."""

    firm_id: str
    name: str
    relation: Relation
    share_basis_points: int
    figures: SizeFigures


@dataclass(frozen=True, kw_only=True)
class YearTotals:
    """What the firm counts in one year with all that counts, and the class of that year alone."""

    year: int
    figures: SizeFigures
    size_class: SizeClass  # unresolved where a missing figure could change it


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
    counted: tuple[CountedFirm, ...] = ()
    years: tuple[YearTotals, ...] = ()  # newest first

    @property
    def is_sme(self) -> bool | None:
        """Say whether it is an SME; None while that depends on what is missing."""
        if ORDER.index(self.highest) <= BIGGEST_SME:
            return True
        return False if ORDER.index(self.lowest) > BIGGEST_SME else None
