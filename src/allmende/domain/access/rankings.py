"""What the panel sees: means, thresholds, ranks, spread, harsh reviewers, and a proposal.

Raw scores are never changed. Sums are exact fractions, so that a tie is a tie.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction

from allmende.domain.access.expert_reviews import Review
from allmende.domain.access.review_plans import ReviewPlan


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An application before the panel, with the reviews that count."""

    application_id: str
    plan: ReviewPlan
    submitted_at: datetime
    requested_seconds: int
    reviews: tuple[Review, ...]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How an application stands; `rank` is 0 where it misses a threshold or has no review."""

    application_id: str
    means: Mapping[str, Fraction]
    total: Fraction
    spread: Fraction  # between the highest and the lowest sum of a reviewer
    failed: tuple[str, ...]
    rank: int = 0
    proposed_seconds: int = 0


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How a reviewer scores compared with the others on the same applications.

    `deviation` is the mean of own sum minus mean sum of the others; None without any other.
    """

    reviewer_id: str
    reviews: int
    mean_total: Fraction
    deviation: Fraction | None


def measure(candidate: Candidate) -> Standing:
    """Return the means and sums of one application, not ranked yet."""
    plan, reviews = candidate.plan, candidate.reviews
    if not reviews:
        nothing = {criterion.id: Fraction(0) for criterion in plan.criteria}
        failed = plan.list_failed(nothing) or ("sum",)
        return Standing(
            application_id=candidate.application_id,
            means=nothing,
            total=Fraction(0),
            spread=Fraction(0),
            failed=failed,
        )
    means = {
        criterion.id: Fraction(sum(each.scores[criterion.id] for each in reviews), len(reviews))
        for criterion in plan.criteria
    }
    totals = [plan.weighted_sum(each.scores) for each in reviews]
    return Standing(
        application_id=candidate.application_id,
        means=means,
        total=plan.weighted_sum(means),
        spread=max(totals) - min(totals),
        failed=plan.list_failed(means),
    )


def rank(candidates: Sequence[Candidate]) -> tuple[Standing, ...]:
    """Return the standings, the best first; those below a threshold come last, without a rank.

    Equal sums are parted by the criteria that the plan names, then by the earlier submission.
    """
    by_id = {each.application_id: each for each in candidates}

    def place(standing: Standing) -> tuple[object, ...]:
        candidate = by_id[standing.application_id]
        ties = [-standing.means[criterion] for criterion in candidate.plan.tie_breaks]
        late = candidate.submitted_at
        return (bool(standing.failed), -standing.total, *ties, late, standing.application_id)

    ordered = sorted((measure(each) for each in candidates), key=place)
    return tuple(
        replace(each, rank=0 if each.failed else number)
        for number, each in enumerate(ordered, start=1)
    )


def propose_awards(
    standings: Sequence[Standing],
    *,
    requested: Mapping[str, int],
    capacity_seconds: int,
    least_seconds: int,
) -> tuple[Standing, ...]:
    """Return the standings with what the capacity gives each, strictly by rank.

    Where the rest is less than what is asked, it is proposed as a partial award if it is at least
    `least_seconds`; nobody further down passes those above.
    """
    left, proposed = capacity_seconds, []
    for standing in standings:
        seconds = min(requested[standing.application_id], left) if standing.rank else 0
        given = seconds if seconds >= least_seconds else 0
        if standing.rank and given < requested[standing.application_id]:
            left = 0
        proposed.append(replace(standing, proposed_seconds=given))
        left = max(left - given, 0)
    return tuple(proposed)


def calibrate(candidates: Sequence[Candidate]) -> tuple[Calibration, ...]:
    """Return for each reviewer how their sums compare with those of the others, harshest first."""
    totals: dict[str, list[Fraction]] = {}
    gaps: dict[str, list[Fraction]] = {}
    for candidate in candidates:
        sums = {
            each.reviewer_id: candidate.plan.weighted_sum(each.scores) for each in candidate.reviews
        }
        for reviewer, total in sums.items():
            totals.setdefault(reviewer, []).append(total)
            others = [value for name, value in sums.items() if name != reviewer]
            if others:
                gaps.setdefault(reviewer, []).append(total - sum(others, Fraction(0)) / len(others))
    found = [
        Calibration(
            reviewer_id=reviewer,
            reviews=len(values),
            mean_total=sum(values, Fraction(0)) / len(values),
            deviation=sum(gaps[reviewer], Fraction(0)) / len(gaps[reviewer])
            if reviewer in gaps
            else None,
        )
        for reviewer, values in totals.items()
    ]
    return tuple(sorted(found, key=lambda each: (each.deviation or Fraction(0), each.reviewer_id)))
