"""Eligibility and size classes for programs: what is wrong is refused with its place."""

import copy

import pytest

from allmende.domain.access.snapshots import to_plain
from tests.domain.access.building import firm, graph, holds

pytestmark = pytest.mark.django_db

GRAPH = to_plain(graph([firm("x", (9, 1, 1)), firm("p", (100, 20, 20))], [holds("p", "x", 30)]))
ANSWERS = {
    "kind": "enterprise",
    "country": "DE",
    "purpose": "private_innovation",
    "is_civilian": True,
    "is_prohibited_practice": False,
    "team_countries": [],
    "contract_months_after_end": 12,
    "ownership": GRAPH,
}


def changed(path, value):
    plain = copy.deepcopy(GRAPH)
    *before, last = path
    place = plain
    for step in before:
        place = place[step]
    place[last] = value
    return plain


def test_the_size_class_comes_with_its_computation(call):
    answer = call("POST", "/eligibility/size", body={"ownership": GRAPH}).json()
    assert (answer["size_class"], answer["figures"]["headcount_hundredths"]) == ("small", 3_900)
    assert [each["relation"] for each in answer["counted"]] == ["own", "partner"]
    assert [each["year"] for each in answer["years"]] == [2025, 2024]
    other = call("POST", "/eligibility/size", body={"ownership": GRAPH, "firm_id": "p"}).json()
    assert other["size_class"] == "medium"
    nobody = call("POST", "/eligibility/size", body={"ownership": GRAPH, "firm_id": "q"})
    assert nobody.status_code == 404


def test_what_is_left_out_leaves_the_verdict_open(call):
    assert call("POST", "/eligibility", body=ANSWERS).json()["verdict"] == "eligible"
    for name in ("country", "team_countries", "contract_months_after_end", "is_civilian"):
        fewer = {key: value for key, value in ANSWERS.items() if key != name}
        assert call("POST", "/eligibility", body=fewer).json()["verdict"] == "unresolved"


YEAR = ("firms", 0, "years", 0)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (changed(("holdings", 0, "capital_basis_points"), 10_001), "capital_basis_points"),
        (changed(("holdings", 0, "votes_basis_points"), -1), "votes_basis_points"),
        (changed(("holdings", 0, "owner_id"), "x"), "X cannot hold itself"),
        (changed(("holdings", 0, "owner_id"), "z"), "a holding names an unknown firm"),
        (changed(("holdings",), GRAPH["holdings"] * 2), "P holds X twice"),
        (changed(("firms", 1, "name"), " x "), "two are called X"),
        (changed(("firms", 1, "id"), "x"), "unknown firm"),
        (changed(("firms", 1, "name"), "ev\u202eil"), "invisible character (U+202E)"),
        (changed(("firms", 1, "name"), "nul\x00"), "name"),
        (changed((*YEAR, "turnover_cents"), -1), "turnover_cents"),
        (changed((*YEAR, "turnover_cents"), 10**16), "turnover_cents"),
        (changed((*YEAR, "turnover_cents"), "1,5"), "turnover_cents"),
        (changed((*YEAR, "year"), 2099), "2099 is not over"),
        (changed((*YEAR, "months"), 36), "months"),
        (changed((*YEAR, "is_estimate"), True), "only for a new firm"),
        (
            changed((*YEAR, "exchange"), {"currency": "SEK", "per_euro": "0", "on": "2025-12-31"}),
            "per_euro",
        ),
        (changed(("firms",), []), "firms"),
        (changed(("firms",), [GRAPH["firms"][0]] * 201), "firms"),
    ],
)
def test_a_graph_that_cannot_be_is_refused(call, body, said):
    answer = call("POST", "/eligibility/size", body={"ownership": body})
    assert answer.status_code == 422
    assert said in answer.content.decode()


def test_strange_names_come_back_as_they_were(call):
    for name in ("<b>Röntgen</b> & Söhne 🧬", "Ελληνική ΑΕ"):
        body = {"ownership": changed(("firms", 0, "name"), name)}
        answer = call("POST", "/eligibility/size", body=body)
        assert (answer.status_code, answer.json()["counted"][0]["name"]) == (200, name)


def test_a_vat_number_is_kept_in_one_way_or_refused(call):
    from allmende.domain.basics.people import Role
    from tests.web.api.conftest import a_token, register

    ada = a_token(register("ada", Role.APPLICANT))
    body = {"name": "Herzschlag GmbH", "kind": "enterprise", "country": "de"}
    number = {"vat_number": " de 136 695 976 "}
    made = call("POST", "/organisations", token=ada, body={**body, **number})
    assert (made.status_code, made.json()["vat_number"]) == (201, "DE136695976")
    wrong = call("POST", "/organisations", token=ada, body={**body, "vat_number": "DE136695977"})
    assert wrong.status_code == 422
    assert "check digit" in wrong.json()["detail"]
