"""How a mode reviews: its criteria, their thresholds, how many reviews, and the clock of its steps.

It is a part of the access mode, so that it freezes with the mode when an application is submitted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

SCORE_MAX = 5  # 0 not adequate, 1 weak, 2 satisfactory, 3 good, 4 very good, 5 excellent


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """One thing that is scored from 0 to 5; `threshold` is the least mean score that is enough."""

    id: str
    names: Mapping[str, str]
    weight: int = 1
    threshold: int = 0


@dataclass(frozen=True, kw_only=True)
class ReviewPlan:
    """The rules of a review; working days count from the cut-off, as those of the decision do."""

    criteria: tuple[Criterion, ...]
    tie_breaks: tuple[str, ...] = ()  # ids of criteria: the first on which two differ decides
    sum_threshold: int = 0  # of the weighted sum, whose most is 5 x the number of criteria
    reviews_per_application: int
    assessment_working_days: int
    review_working_days: int
    panel_working_days: int
    rebuttal_working_days: int = 0  # after the last review came in; 0: no rebuttal
    source: str
    checked_on: date
    note: str = ""

    @property
    def sum_max(self) -> int:
        """Return the most that a weighted sum can be."""
        return SCORE_MAX * len(self.criteria)

    def weighted_sum(self, scores: Mapping[str, int | Fraction]) -> Fraction:
        """Return the sum of the scores, each by its weight; with equal weights the plain sum."""
        weights = sum(criterion.weight for criterion in self.criteria)
        parts = [Fraction(scores[each.id]) * each.weight for each in self.criteria]
        return sum(parts, Fraction(0)) * len(self.criteria) / weights

    def list_failed(self, scores: Mapping[str, int | Fraction]) -> tuple[str, ...]:
        """Return the ids of the thresholds that the scores miss; `sum` is that of the sum."""
        failed = [each.id for each in self.criteria if scores[each.id] < each.threshold]
        below = self.weighted_sum(scores) < self.sum_threshold
        return (*failed, *(("sum",) if below else ()))
