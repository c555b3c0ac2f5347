"""The panel's arithmetic: exact, stable, strictly by rank."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.access.rankings import Candidate, calibrate, measure, propose_awards, rank
from tests.domain.access.building import HOUR, NOON
from tests.domain.access.reviewing import PLAN, review


def candidate(name, *reviews, minutes=0, hours=20, plan=PLAN):
    return Candidate(
        application_id=name,
        plan=plan,
        submitted_at=NOON + timedelta(minutes=minutes),
        requested_seconds=hours * HOUR,
        reviews=tuple(
            review(number, *scores, application_id=name) for number, scores in enumerate(reviews)
        ),
    )


def ids(standings):
    return [each.application_id for each in standings]


def test_means_sum_and_spread():
    standing = measure(candidate("a", (5, 4, 3), (4, 4, 4)))
    assert standing.means["excellence"] == Fraction(9, 2)
    assert (standing.total, standing.spread, standing.failed) == (12, 0, ())
    assert measure(candidate("a", (5, 5, 5), (3, 3, 3))).spread == 6


def test_weights_move_the_sum_and_keep_its_scale():
    heavy = replace(PLAN.criteria[0], weight=2)
    plan = replace(PLAN, criteria=(heavy, *PLAN.criteria[1:]))
    assert measure(candidate("a", (5, 1, 1), plan=plan)).total == Fraction(3 * 12, 4)
    assert measure(candidate("a", (5, 5, 5), plan=plan)).total == plan.sum_max == 15


def test_thresholds_of_each_criterion_and_of_the_sum():
    assert measure(candidate("a", (2, 5, 5))).failed == ("excellence",)
    assert measure(candidate("a", (3, 3, 3))).failed == ("sum",)
    assert measure(candidate("a")).failed == ("excellence", "impact", "implementation", "sum")
    none = replace(PLAN, criteria=(replace(PLAN.criteria[0], threshold=0),), sum_threshold=0)
    assert measure(candidate("a", plan=none)).failed == ("sum",)


def test_ties_part_by_impact_then_excellence_then_implementation_then_arrival():
    found = rank(
        [
            candidate("later", (4, 4, 4), minutes=2),
            candidate("earlier", (4, 4, 4), minutes=1),
            candidate("excellent", (5, 4, 3), minutes=9),
            candidate("impact", (3, 5, 4), minutes=9),
            candidate("below", (5, 5, 2)),
            candidate("best", (5, 5, 5), minutes=9),
        ]
    )
    assert ids(found) == ["best", "impact", "excellent", "earlier", "later", "below"]
    assert [each.rank for each in found] == [1, 2, 3, 4, 5, 0]


def test_the_capacity_goes_by_rank_with_a_part_at_its_end():
    standings = rank(
        [candidate("a", (5, 5, 5)), candidate("b", (4, 5, 5)), candidate("c", (4, 4, 5), hours=1)]
    )
    asked = {"a": 20 * HOUR, "b": 20 * HOUR, "c": HOUR}

    def proposed(capacity, least=1):
        found = propose_awards(
            standings, requested=asked, capacity_seconds=capacity * HOUR, least_seconds=least
        )
        return [each.proposed_seconds // HOUR for each in found]

    assert proposed(41) == [20, 20, 1]
    assert proposed(30) == [20, 10, 0]
    assert proposed(30, least=11 * HOUR) == [20, 0, 0]
    assert proposed(0) == [0, 0, 0]


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)), max_size=6),
    st.integers(0, 100),
)
def test_never_more_than_there_is_and_nobody_is_passed(scores, capacity):
    standings = rank([candidate(f"a{n}", given_) for n, given_ in enumerate(scores)])
    asked = {each.application_id: 20 * HOUR for each in standings}
    found = propose_awards(
        standings, requested=asked, capacity_seconds=capacity * HOUR, least_seconds=1
    )
    assert sum(each.proposed_seconds for each in found) <= capacity * HOUR
    assert all(not each.proposed_seconds for each in found if each.failed)
    amounts = [each.proposed_seconds for each in found]
    assert amounts == sorted(amounts, reverse=True)


def test_a_harsh_reviewer_shows_beside_those_who_read_the_same():
    found = calibrate(
        [
            candidate("a", (3, 3, 3), (5, 5, 5)),
            candidate("b", (3, 3, 4), (4, 4, 4)),
            candidate("c", (0, 0, 0)),
        ]
    )
    harsh, lenient = found
    assert (harsh.reviewer_id, harsh.reviews, harsh.deviation) == ("p-0", 3, -4)
    assert (lenient.deviation, lenient.mean_total) == (4, Fraction(27, 2))
    (alone,) = calibrate([candidate("a", (3, 3, 3))])
    assert alone.deviation is None
