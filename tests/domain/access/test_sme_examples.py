"""Worked examples of size classes: figures and owners, the class, and what was counted."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from allmende.domain.access.firms import ExchangeRate, check_graph
from tests.domain.access.building import MILLION_CENTS, TODAY, firm, graph, holds, owner, size, year


def crowns(of):
    return ExchangeRate(currency="SEK", per_euro=Decimal("11"), on=date(of, 12, 31))


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
        [holds("x", "y", 60), holds("y", "x", 60)],
        "small",
    ),
    # whose share it is
    "24.99 per cent of votes and capital leave it autonomous": (
        [firm("x", (9, 1, 1)), BIG],
        [holds("x", "big", 24.99)],
        "micro",
        (9, 1, 1),
    ),
    "a quarter held of another adds a quarter of it": (
        [firm("x", (9, 1, 1)), firm("p", (100, 20, 20))],
        [holds("x", "p", 25)],
        "small",
        (34, 6, 6),
    ),
    "half of the votes is still a partner": (
        [firm("x", (9, 1, 1)), firm("p", (100, 20, 20))],
        [holds("p", "x", 50)],
        "medium",
        (59, 11, 11),
    ),
    # investors of Art. 3(2), and where the exception ends
    "a public investment corporation does not count": (
        [
            firm("x", (9, 1, 1)),
            owner("corp", "public_investment_corporation"),
            owner("state", "public_body"),
        ],
        [holds("corp", "x", 40), holds("state", "corp", 100)],
        "micro",
        (9, 1, 1),
    ),
    "a public investment corporation with the majority is public control": (
        [
            firm("x", (9, 1, 1)),
            owner("corp", "public_investment_corporation"),
            owner("state", "public_body"),
        ],
        [holds("corp", "x", 51), holds("state", "corp", 100)],
        "large",
    ),
    "a university of the state does not count": (
        [firm("x", (9, 1, 1)), owner("uni", "university"), owner("state", "public_body")],
        [holds("uni", "x", 40), holds("state", "uni", 100)],
        "micro",
    ),
    "a regional fund does not count": (
        [firm("x", (9, 1, 1)), owner("fund", "institutional_investor")],
        [holds("fund", "x", 49.99)],
        "micro",
    ),
    "two funds that nothing links keep the exception": (
        [
            firm("x", (9, 1, 1)),
            firm("v", (200, 90, 90), kind=owner("v", "venture_capital").kind),
            firm("w", (700, 300, 300), kind=owner("w", "venture_capital").kind),
        ],
        [holds("v", "x", 30), holds("w", "x", 30)],
        "micro",
        (9, 1, 1),
    ),
    "two linked funds below the majority keep the exception": (
        [
            firm("x", (9, 1, 1)),
            firm("v", (200, 90, 90), kind=owner("v", "venture_capital").kind),
            firm("w", (700, 300, 300), kind=owner("w", "venture_capital").kind),
        ],
        [holds("v", "x", 25), holds("w", "x", 25), holds("v", "w", 100)],
        "micro",
    ),
    "angels with 1.25 millions together do count": (
        [firm("x", (9, 1, 1)), owner("a", "business_angel"), owner("b", "business_angel")],
        [
            holds("a", "x", 30, invested_cents=100_000_000),
            holds("b", "x", 30, invested_cents=25_000_000),
        ],
        "unresolved",
    ),
    "a town with 10 millions is a public body": (
        [
            firm("x", (9, 1, 1)),
            owner("t", "local_authority", budget_cents=1_000_000_000, inhabitants=10),
        ],
        [holds("t", "x", 25)],
        "large",
    ),
    "a small town with the majority is a public body": (
        [firm("x", (9, 1, 1)), owner("t", "local_authority", budget_cents=1, inhabitants=1)],
        [holds("t", "x", 51)],
        "large",
    ),
    "24.99 per cent of public money change nothing": (
        [firm("x", (9, 1, 1)), owner("land", "public_body")],
        [holds("land", "x", 24.99)],
        "micro",
    ),
    # years
    "a takeover by a group ends the class at once": (
        [firm("x", (30, 5, 5)), firm("group", (4_000, 900, 900))],
        [holds("group", "x", 100)],
        "large",
        (4_030, 905, 905),
    ),
    "an estimate of a new firm counts in good faith": (
        [replace(firm("x", is_new=True), years=(replace(year(5, 1, 1), is_estimate=True),))],
        [],
        "micro",
        (5, 1, 1),
    ),
    "a new firm that estimates 60 persons is medium": (
        [replace(firm("x", is_new=True), years=(replace(year(60, 11, 11), is_estimate=True),))],
        [],
        "medium",
    ),
    "a year of six months counts twice its turnover": (
        [replace(firm("x"), years=(replace(year(9, 2, 9), months=6), year(9, 4, 9, of=2024)))],
        [],
        "small",
        (9, 4, 9),
    ),
    "a year of eighteen months counts two thirds of its turnover": (
        [replace(firm("x"), years=(replace(year(9, 3, 9), months=18), year(9, 2, 9, of=2024)))],
        [],
        "micro",
        (9, 2, 9),
    ),
    "crowns count at the rate of the day": (
        [
            replace(
                firm("x"),
                years=tuple(
                    replace(year(9, 22, 33, of=of), exchange=crowns(of)) for of in (2025, 2024)
                ),
            )
        ],
        [],
        "micro",
        (9, 2, 3),
    ),
    # annual work units
    "49.99 work units are below fifty": ([firm("x", (49.99, 10, 10))], [], "small"),
    "half a post is half a unit": ([firm("x", (0.5, 0, 0))], [], "micro", (0.5, 0, 0)),
    "an owner who works counts, and makes ten of nine": ([firm("x", (10, 1, 1))], [], "small"),
}


@pytest.mark.parametrize("case", EXAMPLES.values(), ids=EXAMPLES)
def test_worked_example(case):
    firms, holdings, wanted, *counted = case
    check_graph(graph(firms, holdings), on=TODAY)
    result = size(firms, holdings)
    assert result.size_class.value == wanted
    for persons, turnover, balance in counted:
        figures = result.figures
        assert figures.headcount_hundredths == persons * 100
        assert figures.turnover_cents == turnover * MILLION_CENTS
        assert figures.balance_sheet_cents == balance * MILLION_CENTS


def test_there_are_enough_examples():
    assert len(EXAMPLES) >= 70
