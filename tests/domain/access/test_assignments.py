"""The assignment is the best there is: compared with trying out everything."""

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from allmende.domain.access.assignments import propose
from allmende.domain.access.fits import FULL, measure_fits, split_words

NAMES_A, NAMES_R = ("a1", "a2", "a3"), ("r1", "r2", "r3", "r4")


def value(pairs, fits):
    """Return what is wanted, in its order: many, evenly spread, fitting."""
    counts = [sum(pair[0] == name for pair in pairs) for name in NAMES_A]
    evenness = sum(10 ** (3 - number) for count in counts for number in range(count))
    return (len(pairs), evenness, sum(fits[pair] for pair in pairs))


def is_allowed(pairs, wanted, loads):
    return all(sum(p[0] == name for p in pairs) <= most for name, most in wanted.items()) and all(
        sum(p[1] == name for p in pairs) <= most for name, most in loads.items()
    )


problems = st.tuples(
    st.dictionaries(
        st.tuples(st.sampled_from(NAMES_A), st.sampled_from(NAMES_R)),
        st.integers(0, 12),
        max_size=9,
    ),
    st.fixed_dictionaries({name: st.integers(0, 3) for name in NAMES_A}),
    st.fixed_dictionaries({name: st.integers(0, 3) for name in NAMES_R}),
)


@settings(max_examples=300, deadline=None)
@given(problems)
def test_no_other_assignment_is_better(problem):
    fits, wanted, loads = problem
    proposal = propose(fits, wanted=wanted, loads=loads)
    assert is_allowed(proposal.pairs, wanted, loads)
    assert proposal.pairs <= fits.keys()
    every = (
        set(pairs)
        for number in range(len(fits) + 1)
        for pairs in combinations(sorted(fits), number)
        if is_allowed(pairs, wanted, loads)
    )
    assert value(proposal.pairs, fits) == max(value(pairs, fits) for pairs in every)
    for name, most in wanted.items():
        given_ = sum(pair[0] == name for pair in proposal.pairs)
        assert proposal.lacking.get(name, 0) == most - given_


def test_a_guess_by_the_best_fit_first_would_lose():
    fits = {("a1", "r1"): 10, ("a2", "r1"): 9, ("a1", "r2"): 8}
    proposal = propose(fits, wanted={"a1": 1, "a2": 1}, loads={"r1": 1, "r2": 1})
    assert proposal.pairs == {("a1", "r2"), ("a2", "r1")}
    assert proposal.lacking == {}


def test_pairs_of_strangers_are_passed_over():
    assert propose({("x", "r1"): 1, ("a1", "y"): 1}, wanted={"a1": 1}, loads={"r1": 1}).lacking == {
        "a1": 1
    }
    assert propose({}, wanted={}, loads={}).pairs == frozenset()


def test_words_of_any_script_count_and_fillers_do_not():
    assert split_words("Die Wärmeübertragung und das modèle 3D, x_y: КОД") == [
        "wärmeübertragung",
        "modèle",
        "3d",
        "код",
    ]


def test_a_small_pool_makes_no_perfect_match_of_one_shared_word():
    fits = measure_fits({"a": "training of ocean models"}, {"r": "training of robots", "s": ""})
    assert 0 < fits["a", "r"].thousandths < FULL / 2
    assert fits["a", "r"].words == ("training",)
    assert (fits["a", "s"].thousandths, fits["a", "s"].words) == (0, ())


@given(st.text(), st.text())
def test_a_fit_lies_between_nothing_and_full(one, other):
    fits = measure_fits({"a": one}, {"r": other, "same": one})
    assert 0 <= fits["a", "r"].thousandths <= FULL
    assert fits["a", "same"].thousandths == (FULL if split_words(one) else 0)
