"""Size classes: worked examples, and what must hold for every ownership graph."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allmende.domain.access.firms import ExchangeRate
from allmende.domain.access.sme import ORDER, SizeClass, repeat_last_year
from allmende.domain.basics.refusals import InvalidInput, NotFound
from tests.domain.access.building import firm, graph, holds, owner, size, year


def test_result_says_what_was_counted_and_why():
    firms = [
        firm("x", (9, 1, 1)),
        firm("p", (100, 20, 20)),
        firm("d", (4, 1, 1)),
        owner("v", "venture_capital"),
    ]
    result = size(firms, [holds("p", "x", 30), holds("x", "d", 100), holds("v", "x", 26)])
    assert [step.english() for step in result.steps] == [
        "D is linked and counts whole.",
        "P is a partner and counts at 30 %.",
        "V is an investor that does not count (Art. 3(2)).",
    ]
    assert result.figures.headcount_hundredths == 900 + 400 + 3000
    assert result.figures.turnover_cents == 800_000_000
    assert result.reason.english() == (
        "With its owners and holdings X counts 43 persons, 8 million EUR turnover and "
        "8 million EUR balance sheet: a small enterprise."
    )
    assert result.article == "Rec. 2003/361/EC, Annex, Art. 2"


def test_public_ownership_names_its_article():
    result = size([firm("x", (9, 1, 1)), owner("land", "public_body")], [holds("land", "x", 26)])
    assert result.article == "Rec. 2003/361/EC, Annex, Art. 3(4)"
    assert result.reason.facts["percent"] == "26"
    assert result.is_sme is False


def test_small_mid_cap_names_its_own_recommendation():
    assert size([firm("x", (500, 100, 90))]).article == "Rec. (EU) 2025/1099, Annex, Art. 2"


def test_unresolved_names_what_is_missing():
    result = size(
        [
            firm("x", (9, 1, 1)),
            firm("p"),
            firm("big", (900, 500, 500)),
            owner("ada", "natural_person"),
        ],
        [holds("p", "x", 30), holds("ada", "x", 60), holds("ada", "big", 60)],
    )
    assert (result.lowest, result.highest) == (SizeClass.MICRO, SizeClass.LARGE)
    assert result.is_sme is None
    assert [each.english() for each in result.missing] == [
        "ADA: whether the firms of this person work in the same market",
        "P: headcount, turnover and balance sheet of 2 years",
    ]


def test_sme_is_sure_even_where_the_class_is_not():
    one_year = replace(firm("x", (30, 5, 5), (8, 1, 1)))
    result = size([one_year])
    assert result.size_class is SizeClass.UNRESOLVED
    assert result.is_sme is True


def test_no_owner_changes_the_class_before_two_years_and_the_result_says_so():
    result = size([firm("x", (60, 11, 11), (30, 5, 5), (30, 5, 5))])
    assert [step.template for step in result.steps] == [
        "The newest year alone would make it {alone}; a class changes only after two "
        "years in a row (Art. 4(2))."
    ]


def test_four_fifths_of_the_limit_give_an_early_word():
    assert [step.facts["percent"] for step in size([firm("x", (200, 9, 9))]).steps] == [80]
    assert size([firm("x", (199.9, 9, 9))]).steps == ()


def test_four_fifths_of_both_money_limits_give_a_word_too():
    both = [step.template for step in size([firm("x", (9, 40, 34.4))]).steps]
    assert both == [
        "Turnover and balance sheet are both above {percent} % of their limits for SMEs."
    ]
    assert size([firm("x", (9, 40, 34.3))]).steps == ()


def test_old_figures_are_named():
    years = tuple(year(9, 1, 1, of=of) for of in (2023, 2022))
    steps = [step.english() for step in size([replace(firm("x"), years=years)]).steps]
    assert steps[0].startswith("The newest figures are of 2023; give newer ones")


def test_how_figures_were_taken_is_said():
    rate = ExchangeRate(currency="SEK", per_euro=Decimal("11.250"), on=date(2025, 12, 31))
    estimate = replace(year(5, 1, 1), is_estimate=True, months=7, exchange=rate)
    steps = size([replace(firm("x", is_new=True), years=(estimate,))]).steps
    assert [step.english() for step in steps] == [
        "X: 2025 counts by an estimate in good faith (Art. 4(3)).",
        "X: 2025 has 7 months; its turnover is taken for twelve (Art. 4(1)).",
        "X: 2025 is in SEK; one euro was 11.25 on 2025-12-31.",
    ]


def test_what_would_settle_it_is_asked():
    firms = [
        firm("x", (9, 1, 1)),
        firm("big", (900, 500, 500)),
        owner("a", "business_angel"),
        owner("t", "local_authority"),
    ]
    held = [
        holds("a", "x", 30),
        holds("t", "x", 26),
        holds("big", "x", 10, has_control=None),
    ]
    missing = [each.english() for each in size(firms, held).missing]
    assert missing[-3:] == [
        "A: how much was invested in X",
        "T: its budget of a year and its inhabitants",
        "BIG: whether it controls X in another way",
    ]


def test_the_computation_is_shown_firm_by_firm_and_year_by_year():
    firms = [firm("x", (9, 1, 1), (9, 1, None)), firm("p", (100, 20, 20)), firm("far", (1, 1, 1))]
    result = size(firms, [holds("p", "x", 30)])
    assert [(each.firm_id, each.relation, each.share_basis_points) for each in result.counted] == [
        ("x", "own", 10_000),
        ("p", "partner", 3_000),
        ("far", "apart", 0),
    ]
    newest, before = result.years
    assert (newest.year, newest.figures.headcount_hundredths) == (2025, 3_900)
    assert (before.figures.balance_sheet_cents, before.size_class) == (None, "small")


def test_similar_last_year_repeats_the_only_year_there_is():
    one = replace(firm("x", (9, 1, 1)), years=(year(9, 1, 1),))
    assert size([repeat_last_year(one)]).size_class is SizeClass.MICRO
    assert repeat_last_year(firm("x", (9, 1, 1))) == firm("x", (9, 1, 1))


def test_firm_outside_the_graph_is_not_found():
    with pytest.raises(NotFound):
        size([firm("y", (9, 1, 1))])


@pytest.mark.parametrize(
    "make",
    [
        lambda: year(-1, 1, 1),
        lambda: holds("a", "b", 101),
        lambda: graph([firm("x")], [holds("x", "nobody", 1)]),
    ],
)
def test_impossible_figures_are_refused(make):
    with pytest.raises(InvalidInput):
        make()


def test_nobody_is_an_owner_of_himself():
    assert size([firm("x", (9, 1, 1))], [holds("x", "x", 60)]) == size([firm("x", (9, 1, 1))])


IDS = "xabc"
figures = st.tuples(st.integers(0, 400), st.integers(0, 80), st.integers(0, 80))
shares = st.integers(0, 100)
firms_known = st.fixed_dictionaries(dict.fromkeys(IDS, figures)).map(
    lambda rows: [firm(each, row) for each, row in rows.items()]
)
edges = st.lists(
    st.tuples(st.sampled_from(IDS), st.sampled_from(IDS), shares, shares), max_size=6
).map(lambda rows: [holds(a, b, capital, votes=votes) for a, b, capital, votes in rows])


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(firms=firms_known, holdings=edges, more=edges)
def test_more_ownership_never_makes_a_firm_smaller(firms, holdings, more):
    before, after = size(firms, holdings), size(firms, [*holdings, *more])
    assert ORDER.index(before.size_class) <= ORDER.index(after.size_class)
    assert before.figures.headcount_hundredths <= after.figures.headcount_hundredths


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(firms=firms_known, holdings=edges, hidden=st.sets(st.sampled_from(IDS)))
def test_what_is_not_known_never_gives_a_wrong_class(firms, holdings, hidden):
    known = size(firms, holdings)
    without = [firm(each.id) if each.id in hidden else each for each in firms]
    result = size(without, holdings)
    assert ORDER.index(result.lowest) <= ORDER.index(known.size_class)
    assert ORDER.index(known.size_class) <= ORDER.index(result.highest)
    assert result.size_class in (known.size_class, SizeClass.UNRESOLVED)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(firms=firms_known, holdings=edges)
def test_linked_firms_have_one_class(firms, holdings):
    circle = [*holdings, holds("x", "a", 60), holds("a", "b", 60), holds("b", "x", 60)]
    assert len({size(firms, circle, of=each).size_class for each in "xab"}) == 1


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(firms=firms_known, holdings=edges, data=st.data())
def test_order_and_names_do_not_matter(firms, holdings, data):
    before = size(firms, holdings)
    shuffled = size(data.draw(st.permutations(firms)), data.draw(st.permutations(holdings)))
    assert shuffled == before
    new = dict(zip(IDS, data.draw(st.permutations("qrst")), strict=True))
    renamed = size(
        [replace(each, id=new[each.id], name=f"{each.id} & Co") for each in firms],
        [replace(h, owner_id=new[h.owner_id], owned_id=new[h.owned_id]) for h in holdings],
        of=new["x"],
    )
    assert (renamed.size_class, renamed.figures) == (before.size_class, before.figures)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(
    firms=firms_known,
    holdings=edges,
    strange=figures,
    share=st.floats(0, 24.99),
    at=st.sampled_from(IDS),
    is_owner=st.booleans(),
)
def test_a_stranger_below_a_quarter_changes_nothing(firms, holdings, strange, share, at, is_owner):
    ends = ("new", at) if is_owner else (at, "new")
    before = size(firms, holdings)
    after = size([*firms, firm("new", strange)], [*holdings, holds(*ends, share)])
    assert (after.size_class, after.figures) == (before.size_class, before.figures)
