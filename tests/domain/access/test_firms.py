"""What cannot be so among firms, and the one sentence that says why."""

import copy
import time
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest

from allmende.domain.access.firms import (
    ExchangeRate,
    Firm,
    Holding,
    OwnershipGraph,
    YearFigures,
    check_graph,
    rename_firm,
)
from allmende.domain.access.ownership_files import read_graph
from allmende.domain.access.sizes import Relation
from allmende.domain.basics.refusals import InvalidInput
from tests.domain.access.building import TODAY, firm, graph, holds, owner, size, year


def crowns(**changes):
    return ExchangeRate(
        **{"currency": "SEK", "per_euro": Decimal("11.25"), "on": date(2025, 12, 31), **changes}
    )


X = firm("x", (9, 1, 1))
Y = firm("y", (9, 1, 1))
ADA = owner("ada", "natural_person")
IMPOSSIBLE = {
    "no figure is below 0": lambda: [firm("x", (9, -1, 1))],
    "as big as that": lambda: [firm("x", (9, 10**8, 1))],
    "no firm is as big": lambda: [firm("x", (10**8, 1, 1))],
    "is no year of accounts": lambda: [replace(X, years=(year(1, 1, 1, of=20),))],
    "1 to 24 months": lambda: [replace(X, years=(replace(year(1, 1, 1), months=0),))],
    "of a day in that year": lambda: [
        replace(X, years=(replace(year(1, 1, 1), exchange=crowns(on=date(2020, 1, 1))),))
    ],
    "three capital letters": lambda: [crowns(currency="sek")],
    "euros need none": lambda: [crowns(currency="EUR")],
    "how many SEK one euro was": lambda: [crowns(per_euro=Decimal(0))],
    "how many SEK": lambda: [crowns(per_euro=Decimal("Infinity"))],
    "one after another": lambda: [replace(X, years=(year(9, 1, 1), year(9, 1, 1, of=2023)))],
    "newest first": lambda: [replace(X, years=(year(9, 1, 1, of=2024), year(9, 1, 1)))],
    "X: 2027 is not over": lambda: [replace(X, years=(year(9, 1, 1, of=2027),))],
    "only for a new firm": lambda: [replace(X, years=(replace(year(9, 1, 1), is_estimate=True),))],
    "1 to 200 letters": lambda: [replace(X, name=" ")],
    "a name of 1 to 200": lambda: [replace(X, name="x" * 201)],
    "(U+202E)": lambda: [replace(X, name="evil\u202egpj")],
    "(U+0000)": lambda: [replace(X, name="nul\x00")],
    "(U+0007)": lambda: [replace(X, register_number="HRB\x07")],
    "(U+D800)": lambda: [replace(X, name="half\ud800")],
    "two firms have the id x": lambda: [X, replace(Y, id="x")],
    "two are called X": lambda: [X, replace(Y, name=" x ")],
    "at most 200 firms": lambda: [firm(f"f{number}") for number in range(201)],
    "at least one firm": list,
    "X: no figure": lambda: [replace(X, inhabitants=-5)],
}
IMPOSSIBLE_HOLDINGS = {
    "between 0 and 100 %": lambda: holds("x", "y", 100.01),
    "a share is between": lambda: holds("x", "y", 50, votes=-1),
    "an investment is an amount": lambda: holds("x", "y", 1, invested_cents=-1),
    "X cannot hold itself": lambda: holds("x", "x", 10),
    "ADA is a person": lambda: holds("x", "ada", 10),
    "names an unknown firm": lambda: holds("x", "nobody", 10),
}


def refusal_of(make):
    with pytest.raises(InvalidInput) as refusal:
        check_graph(make(), on=TODAY)
    return str(refusal.value)


@pytest.mark.parametrize("said", IMPOSSIBLE)
def test_impossible_firm_is_refused_in_a_sentence(said):
    assert said in refusal_of(lambda: graph(IMPOSSIBLE[said]()))


@pytest.mark.parametrize("said", IMPOSSIBLE_HOLDINGS)
def test_impossible_holding_is_refused_in_a_sentence(said):
    assert said in refusal_of(lambda: graph([X, Y, ADA], [IMPOSSIBLE_HOLDINGS[said]()]))


def test_shares_do_not_add_up_to_more_than_all():
    three = [X, Y, firm("z", (1, 1, 1))]
    shares = [holds("y", "x", 60), holds("z", "x", 40.01, votes=40)]
    assert "the shares in X add up to 100.01 %" in refusal_of(lambda: graph(three, shares))
    votes = [holds("y", "x", 60, votes=80), holds("z", "x", 40)]
    assert "the shares in X add up to 120 %" in refusal_of(lambda: graph(three, votes))
    twice = [holds("y", "x", 20), holds("y", "x", 20)]
    assert "Y holds X twice" in refusal_of(lambda: graph(three, twice))
    check_graph(graph(three, [holds("y", "x", 60), holds("z", "x", 40)]), on=TODAY)


def test_strange_names_are_names():
    scientist = "\U0001f469\u200d\U0001f52c GmbH"
    for name in ("<script>alert(1)</script>", "Röntgen & Söhne 🧬", scientist, "Ελληνική ΑΕ"):
        check_graph(graph([replace(X, name=name)]), on=TODAY)


def test_circles_are_possible():
    check_graph(graph([X, Y], [holds("x", "y", 60), holds("y", "x", 60)]), on=TODAY)


def test_short_and_long_periods_may_share_or_skip_a_year():
    short = replace(year(9, 1, 1), months=6)
    long = replace(year(9, 1, 1), months=18)
    check_graph(graph([replace(X, years=(short, year(9, 1, 1)))]), on=TODAY)
    check_graph(graph([replace(X, years=(long, year(9, 1, 1, of=2023)))]), on=TODAY)


def test_a_firm_may_get_another_id():
    renamed = rename_firm(graph([X, Y], [holds("x", "y", 30)]), "x", "org-1")
    assert [each.id for each in renamed.firms] == ["org-1", "y"]
    assert renamed.holdings == (holds("org-1", "y", 30),)


def test_two_hundred_linked_firms_are_counted_at_once():
    firms = [firm(f"f{number:03}", (1, 0.01, 0.01)) for number in range(200)]
    chain = [holds(a.id, b.id, 60) for a, b in pairwise(firms)]
    began = time.process_time()  # of this process: a busy machine takes longer by the clock
    check_graph(graph(firms, chain), on=TODAY)
    result = size(firms, chain, of="f100")
    assert time.process_time() - began < 2
    assert result.figures.headcount_hundredths == 200 * 100
    assert [each.relation for each in result.counted].count(Relation.LINKED) == 199


PLAIN = {
    "firms": [
        {
            "id": "x",
            "name": "X",
            "kind": "enterprise",
            "is_new": False,
            "years": [
                {
                    "year": 2025,
                    "headcount_hundredths": 900,
                    "turnover_cents": 1,
                    "balance_sheet_cents": None,
                    "exchange": {"currency": "SEK", "per_euro": 11.25, "on": "2025-12-31"},
                }
            ],
        },
        {"id": "y", "name": "Y"},
    ],
    "holdings": [{"owner_id": "y", "owned_id": "x", "capital_basis_points": 3000}],
}


def test_a_graph_is_read_as_it_is_written():
    figures = YearFigures(year=2025, headcount_hundredths=900, turnover_cents=1, exchange=crowns())
    assert read_graph(PLAIN) == OwnershipGraph(
        firms=(Firm(id="x", name="X", years=(figures,)), Firm(id="y", name="Y")),
        holdings=(Holding(owner_id="y", owned_id="x", capital_basis_points=3000),),
    )


def changed(path, value):
    plain = copy.deepcopy(PLAIN)
    *before, last = path
    place = plain
    for step in before:
        place = place[step]
    place[last] = value
    return plain


YEAR = ("firms", 0, "years", 0)


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        ([], "file: give names with values."),
        ({}, "file: firms is missing."),
        ({"firms": {}}, "firms: give a list."),
        (changed(("firms", 0, "kind"), "shop"), "firms[0].kind: choose one of: enterprise"),
        (changed(("firms", 0, "colour"), 1), "firms[0]: there is no colour; there is: id, name"),
        (changed(("firms", 0, "name"), 5), "firms[0].name: give a text."),
        (changed(("firms", 0, "is_new"), "no"), "firms[0].is_new: give true or false."),
        (changed((*YEAR, "year"), True), "firms[0].years[0].year: give a whole number."),
        (changed((*YEAR, "turnover_cents"), "1,5"), "turnover_cents: give a whole number."),
        (changed((*YEAR, "turnover_cents"), -5), "firms[0].years[0]: 2025: no figure is below 0."),
        (changed((*YEAR, "exchange", "per_euro"), "11,2"), "per_euro: give a number such as 11.25"),
        (changed((*YEAR, "exchange", "per_euro"), []), "per_euro: give a number such as 11.25"),
        (changed((*YEAR, "exchange", "on"), "today"), "on: give a day such as 2025-12-31."),
        (changed(("holdings", 0, "owned_id"), "z"), "file: a holding names an unknown firm."),
    ],
)
def test_a_mistake_in_a_file_is_named_with_its_place(plain, said):
    with pytest.raises(InvalidInput) as refusal:
        read_graph(plain)
    assert said in str(refusal.value)
