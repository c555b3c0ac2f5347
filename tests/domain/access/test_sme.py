"""Size classes: worked examples, and what must hold for every ownership graph."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allmende.domain.access.sme import ORDER, SizeClass, repeat_last_year
from allmende.domain.basics.refusals import InvalidInput, NotFound
from tests.domain.access.building import firm, graph, holds, owner, size, year

BIG = firm("big", (900, 500, 500))
EXAMPLES = {
    "nine persons and two millions are micro": ([firm("x", (9, 2, 2))], [], "micro"),
    "ten persons are no longer micro": ([firm("x", (10, 2, 2))], [], "small"),
    "9.99 annual work units are below ten": ([firm("x", (9.99, 2, 2))], [], "micro"),
    "one money ceiling kept is enough": ([firm("x", (9, 2, 50))], [], "micro"),
    "the other money ceiling kept is enough": ([firm("x", (9, 50, 2))], [], "micro"),
    "both money ceilings exceeded lift the class": ([firm("x", (9, 2.01, 2.01))], [], "small"),
    "ten millions are still small": ([firm("x", (49, 10, 30))], [], "small"),
    "250 persons are no SME whatever the money": ([firm("x", (250, 1, 1))], [], "small_mid_cap"),
    "249 persons and 50 millions are medium": ([firm("x", (249, 50, 99))], [], "medium"),
    "51 and 43 millions are medium": ([firm("x", (249, 51, 43))], [], "medium"),
    "51 and 44 millions are a small mid-cap": ([firm("x", (249, 51, 44))], [], "small_mid_cap"),
    "749 persons are a small mid-cap": ([firm("x", (749, 151, 129))], [], "small_mid_cap"),
    "750 persons are large": ([firm("x", (750, 1, 1))], [], "large"),
    "an owner of 24.99 per cent does not count": (
        [firm("x", (9, 1, 1)), BIG],
        [holds("big", "x", 24.99)],
        "micro",
    ),
    "a partner counts with its share": (
        [firm("x", (9, 1, 1)), firm("p", (100, 20, 20))],
        [holds("p", "x", 25)],
        "small",  # 9 + 25 = 34 persons, 6 millions
    ),
    "the higher of capital and votes counts": (
        [firm("x", (9, 1, 1)), firm("p", (100, 20, 20))],
        [holds("p", "x", 25, votes=45)],
        "medium",  # 9 + 45 = 54 persons
    ),
    "a majority of votes links whole": (
        [firm("x", (9, 1, 1)), firm("p", (100, 20, 20))],
        [holds("p", "x", 10, votes=51)],
        "medium",
    ),
    "a majority of capital without votes stays a partner": (
        [firm("x", (9, 1, 1)), firm("p", (50, 8, 8))],
        [holds("p", "x", 60, votes=0)],
        "small",
    ),
    "control by contract links": (
        [firm("x", (9, 1, 1)), BIG],
        [holds("big", "x", 0, has_control=True)],
        "large",
    ),
    "a subsidiary counts as its parent does": (
        [firm("x", (9, 1, 1)), firm("s", (100, 20, 20))],
        [holds("x", "s", 100)],
        "medium",
    ),
    "links reach through others": (
        [firm("x", (9, 1, 1)), firm("m", (1, 0, 0)), BIG],
        [holds("m", "x", 100), holds("big", "m", 51)],
        "large",
    ),
    "two linked owners count together": (
        [firm("x", (9, 1, 1)), firm("a", (40, 5, 5)), firm("b", (60, 9, 9))],
        [holds("a", "x", 30), holds("b", "x", 30), holds("a", "b", 100)],
        "medium",
    ),
    "two strangers with 30 per cent each are partners": (
        [firm("x", (9, 1, 1)), firm("a", (40, 5, 5)), firm("b", (60, 9, 9))],
        [holds("a", "x", 30), holds("b", "x", 30)],
        "small",  # 9 + 12 + 18 = 39 persons
    ),
    "partners of partners do not count": (
        [firm("x", (9, 1, 1)), firm("p", (10, 1, 1)), BIG],
        [holds("p", "x", 30), holds("big", "p", 30)],
        "small",
    ),
    "firms linked to a partner count with its share": (
        [firm("x", (9, 1, 1)), firm("p", (10, 1, 1)), BIG],
        [holds("p", "x", 30), holds("big", "p", 51)],
        "large",  # 30 per cent of 910 persons, 150 millions and more
    ),
    "venture capital leaves a firm autonomous": (
        [firm("x", (9, 1, 1)), replace(BIG, kind=owner("v", "venture_capital").kind)],
        [holds("big", "x", 49)],
        "micro",
    ),
    "venture capital with a majority links": (
        [firm("x", (9, 1, 1)), replace(BIG, kind=owner("v", "venture_capital").kind)],
        [holds("big", "x", 51)],
        "large",
    ),
    "two linked funds with a majority lose the exception": (
        [
            firm("x", (9, 1, 1)),
            firm("v", (200, 90, 90), kind=owner("v", "venture_capital").kind),
            firm("w", (700, 300, 300), kind=owner("w", "venture_capital").kind),
        ],
        [holds("v", "x", 30), holds("w", "x", 30), holds("v", "w", 100)],
        "large",
    ),
    "a university with a quarter does not count": (
        [firm("x", (9, 1, 1)), owner("uni", "university")],
        [holds("uni", "x", 26)],
        "micro",
    ),
    "angels below 1.25 millions do not count": (
        [firm("x", (9, 1, 1)), owner("a", "business_angel")],
        [holds("a", "x", 30, invested_cents=124_999_999)],
        "micro",
    ),
    "a small town does not count": (
        [
            firm("x", (9, 1, 1)),
            owner("t", "local_authority", budget_cents=999_999_999, inhabitants=4_999),
        ],
        [holds("t", "x", 30)],
        "micro",
    ),
    "a town of 5,000 is a public body": (
        [
            firm("x", (9, 1, 1)),
            owner("t", "local_authority", budget_cents=1, inhabitants=5_000),
        ],
        [holds("t", "x", 25)],
        "large",
    ),
    "a quarter of public money ends the status": (
        [firm("x", (9, 1, 1)), owner("land", "public_body")],
        [holds("land", "x", 25)],
        "large",
    ),
    "public bodies count together": (
        [firm("x", (9, 1, 1)), owner("a", "public_body"), owner("b", "public_body")],
        [holds("a", "x", 13), holds("b", "x", 13)],
        "large",
    ),
    "public control reaches through a firm": (
        [firm("x", (9, 1, 1)), firm("utility", (5, 1, 1)), owner("city", "public_body")],
        [holds("utility", "x", 25), holds("city", "utility", 100)],
        "large",
    ),
    "two firms of one public body are not linked by it": (
        [firm("x", (9, 1, 1)), BIG, owner("city", "public_body")],
        [holds("city", "x", 20), holds("city", "big", 100)],
        "micro",
    ),
    "one person with two firms in one market links them": (
        [firm("x", (9, 1, 1)), BIG, owner("ada", "natural_person", is_in_same_market=True)],
        [holds("ada", "x", 100), holds("ada", "big", 100)],
        "large",
    ),
    "one person with firms in two markets does not": (
        [firm("x", (9, 1, 1)), BIG, owner("ada", "natural_person", is_in_same_market=False)],
        [holds("ada", "x", 100), holds("ada", "big", 100)],
        "micro",
    ),
    "a founder alone asks no question": (
        [firm("x", (9, 1, 1)), owner("ada", "natural_person")],
        [holds("ada", "x", 100)],
        "micro",
    ),
    "one year above changes nothing": (
        [firm("x", (60, 11, 11), (30, 5, 5), (30, 5, 5))],
        [],
        "small",
    ),
    "two years above change the class": ([firm("x", (60, 11, 11), (60, 11, 11))], [], "medium"),
    "one year below changes nothing": (
        [firm("x", (240, 9, 9), (300, 9, 9), (300, 9, 9))],
        [],
        "small_mid_cap",
    ),
    "two years far above and above give the nearer class": (
        [firm("x", (60, 11, 11), (900, 500, 500), (30, 5, 5), (30, 5, 5))],
        [],
        "medium",
    ),
    "a new firm counts by its estimate": ([firm("x", (5, 1, 1), is_new=True)], [], "micro"),
    "a new firm without figures yet is unresolved": ([firm("x", is_new=True)], [], "unresolved"),
    "an old firm with one year is unresolved": (
        [replace(firm("x", (5, 1, 1)), years=(year(5, 1, 1),))],
        [],
        "unresolved",
    ),
    "a firm without figures is unresolved": ([firm("x")], [], "unresolved"),
    "a missing balance sheet matters not where turnover decides": (
        [firm("x", (9, 1, None))],
        [],
        "micro",
    ),
    "a missing headcount matters": ([firm("x", (None, 1, 1))], [], "unresolved"),
    "750 persons are large without any money": ([firm("x", (750, None, None))], [], "large"),
    "a partner without figures is unresolved": (
        [firm("x", (9, 1, 1)), firm("p")],
        [holds("p", "x", 30)],
        "unresolved",
    ),
    "an angel of unknown investment is unresolved": (
        [firm("x", (9, 1, 1)), owner("a", "business_angel")],
        [holds("a", "x", 30)],
        "unresolved",
    ),
    "a town of unknown size is unresolved": (
        [firm("x", (9, 1, 1)), owner("t", "local_authority")],
        [holds("t", "x", 30)],
        "unresolved",
    ),
    "unknown control by a large firm is unresolved": (
        [firm("x", (9, 1, 1)), BIG],
        [holds("big", "x", 10, has_control=None)],
        "unresolved",
    ),
    "a person whose markets are unknown is unresolved": (
        [firm("x", (9, 1, 1)), BIG, owner("ada", "natural_person")],
        [holds("ada", "x", 100), holds("ada", "big", 100)],
        "unresolved",
    ),
    "firms that own each other count once": (
        [firm("x", (9, 1, 1)), firm("y", (9, 1, 1))],
        [holds("x", "y", 60), holds("y", "x", 60), holds("x", "x", 40)],
        "small",
    ),
}


@pytest.mark.parametrize("case", EXAMPLES.values(), ids=EXAMPLES)
def test_worked_example(case):
    firms, holdings, wanted = case
    assert size(firms, holdings).size_class.value == wanted


def test_there_are_enough_examples():
    assert len(EXAMPLES) >= 40


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
        "With its owners and holdings X counts 43 persons, 8.00 million EUR turnover and "
        "8.00 million EUR balance sheet: a small enterprise."
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


IDS = "xabc"
figures = st.tuples(st.integers(0, 400), st.integers(0, 80), st.integers(0, 80))
shares = st.integers(0, 100)
firms_known = st.fixed_dictionaries(dict.fromkeys(IDS, figures)).map(
    lambda rows: [firm(each, row) for each, row in rows.items()]
)
edges = st.lists(
    st.tuples(st.sampled_from(IDS), st.sampled_from(IDS), shares, shares), max_size=6
).map(lambda rows: [holds(a, b, capital, votes=votes) for a, b, capital, votes in rows])


@settings(max_examples=150, deadline=None)
@given(firms=firms_known, holdings=edges, more=edges)
def test_more_ownership_never_makes_a_firm_smaller(firms, holdings, more):
    before, after = size(firms, holdings), size(firms, [*holdings, *more])
    assert ORDER.index(before.size_class) <= ORDER.index(after.size_class)
    assert before.figures.headcount_hundredths <= after.figures.headcount_hundredths


@settings(max_examples=150, deadline=None)
@given(firms=firms_known, holdings=edges, hidden=st.sets(st.sampled_from(IDS)))
def test_what_is_not_known_never_gives_a_wrong_class(firms, holdings, hidden):
    known = size(firms, holdings)
    without = [firm(each.id) if each.id in hidden else each for each in firms]
    result = size(without, holdings)
    assert ORDER.index(result.lowest) <= ORDER.index(known.size_class)
    assert ORDER.index(known.size_class) <= ORDER.index(result.highest)
    assert result.size_class in (known.size_class, SizeClass.UNRESOLVED)


@settings(max_examples=100, deadline=None)
@given(firms=firms_known, holdings=edges)
def test_linked_firms_have_one_class(firms, holdings):
    circle = [*holdings, holds("x", "a", 60), holds("a", "b", 60), holds("b", "x", 60)]
    assert len({size(firms, circle, of=each).size_class for each in "xab"}) == 1
