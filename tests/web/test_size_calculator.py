"""The size calculator: all of it in the address, each mistake a sentence, kept when it is saved."""

import io
import json
import re
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils.http import urlencode

from allmende.domain.access.firms import OwnershipGraph
from allmende.domain.access.snapshots import to_plain
from allmende.domain.access.verdicts import Verdict
from allmende.services import organisations
from allmende.storage import people as people_store
from allmende.wiring.ownership_files import GraphIsDamaged, pack_graph, unpack_graph
from tests.domain.access.building import firm, graph, holds, owner
from tests.services.access import founder
from tests.web.test_check import SME

pytestmark = pytest.mark.django_db

X = firm("x", (9, 1, 1))
PARTNER = graph([X, firm("p", (100, 20, 20))], [holds("p", "x", 30)])
COMPANY = {
    "name": "Mutter AG",
    "year": "2025",
    "headcount": "12,5",
    "turnover": "1.5",
    "balance": "0,75",
    "headcount_before": "10",
    "turnover_before": "1",
    "balance_before": "1",
    "months": "12",
    "currency": "",
    "rate": "",
    "rate_before": "",
}
HOLDING = {"owner": "p", "owned": "x", "capital": "30", "votes": "", "control": "no"}


def graph_of(answer) -> OwnershipGraph:
    return unpack_graph(parse_qs(urlsplit(answer["Location"]).query)["graph"][0])


def address(name, of=PARTNER, **more):
    return f"{reverse(name)}?{urlencode({'graph': pack_graph(of), **more})}"


def sign_in(client, who):
    login = User.objects.create_user(who.id, who.email)
    people_store.PersonRow.objects.filter(id=who.id).update(login=login)
    client.force_login(login)


def test_the_page_shows_class_picture_tables_and_steps(client):
    answer = client.get(address("size"))
    page = answer.content.decode()
    assert answer.context["result"].size_class == "small"
    assert page.count('<g class="box ') == 2 * 2
    assert ">30\u202f%</text>" in page
    assert "P is a partner and counts at 30 %." in page
    assert "style=" not in page


def test_it_begins_with_what_the_check_knows(client):
    answer = client.get("/check/size", SME)
    assert answer.context["result"].figures.headcount_hundredths == 1_800
    assert answer.context["result"].size_class == "small"
    bare = client.get("/check/size")
    assert bare.context["result"].size_class == "unresolved"


def test_a_company_is_added_changed_and_taken_out(client):
    start = graph([X])
    asked = client.get(address("size_firm", start))
    assert "What do you want to add?" in asked.content.decode()
    added = client.post(address("size_firm", start, kind_of="enterprise"), COMPANY)
    mother = graph_of(added).firms[1]
    assert (mother.name, mother.years[0].headcount_hundredths) == ("Mutter AG", 1_250)
    assert mother.years[0].turnover_cents == 150_000_000
    again = client.get(address("size_firm", graph_of(added), firm=mother.id))
    shown = again.context["form"].initial
    assert (shown["headcount"], shown["turnover"], shown["balance"]) == ("12.5", "1.5", "0.75")
    changed = client.post(
        address("size_firm", graph_of(added), firm=mother.id), {**COMPANY, "name": "Tante AG"}
    )
    assert [each.name for each in graph_of(changed).firms] == ["X", "Tante AG"]
    gone = client.get(address("size", graph_of(changed), drop="firm", firm=mother.id))
    assert graph_of(gone) == start
    kept = client.get(address("size", start, drop="firm", firm="x"))
    assert graph_of(kept) == start


def test_a_holding_is_added_changed_and_taken_out(client):
    alone = graph(PARTNER.firms)
    added = graph_of(client.post(address("size_holding", alone), HOLDING))
    assert added.holdings == (holds("p", "x", 30, has_control=False),)
    at = {"holding": "0"}
    shown = client.get(address("size_holding", added, **at)).context["form"].initial
    assert (shown["capital"], shown["votes"], shown["control"]) == ("30", "", "no")
    more = {**HOLDING, "capital": "24,99", "votes": "51", "control": ""}
    changed = graph_of(client.post(address("size_holding", added, **at), more))
    assert changed.holdings == (holds("p", "x", 24.99, votes=51, has_control=None),)
    assert graph_of(client.get(address("size", changed, drop="holding", **at))) == alone


def test_every_kind_is_asked_for_what_matters(client):
    one = graph([X])
    person = {"name": "Ada & Söhne 🧬", "is_in_same_market": "yes"}
    ada = graph_of(client.post(address("size_firm", one, kind_of="natural_person"), person))
    assert ada.firms[1].is_in_same_market is True
    town = {"name": "Dorf", "budget": "9,5", "inhabitants": "4.999"}
    village = graph_of(client.post(address("size_firm", one, kind_of="local_authority"), town))
    assert (village.firms[1].budget_cents, village.firms[1].inhabitants) == (950_000_000, 4_999)
    angels = graph([X, owner("a", "business_angel")])
    sent = {**HOLDING, "owner": "a", "invested": "1.000.000"}
    held = graph_of(client.post(address("size_holding", angels), sent))
    assert held.holdings[0].invested_cents == 100_000_000


def test_other_currencies_take_a_rate(client):
    to = address("size_firm", graph([X]), kind_of="enterprise")
    crowns = {**COMPANY, "currency": "sek"}
    refused = client.post(to, crowns)
    assert refused.status_code == 422
    assert "how many SEK one euro was at the end of 2025" in str(refused.context["form"].errors)
    rates = {"rate": "11,25", "rate_before": "11.5", "months": "6"}
    taken = graph_of(client.post(to, {**crowns, **rates})).firms[1].years
    assert [str(year.exchange.per_euro) for year in taken] == ["11.25", "11.5"]
    assert taken[0].months == 6


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"turnover": "-1"}, "not below zero"),
        ({"turnover": "1,2,3,4x"}, "Enter a number"),
        ({"turnover": "99999999999999"}, "no firm is as big as that"),
        ({"year": "2099"}, "2099 is not over"),
        ({"year": "20"}, "20 is no year of accounts"),
        ({"months": "30"}, "1 to 24 months"),
        ({"name": "x"}, "Two are called X"),
        ({"name": "ev\u202eil"}, "invisible character (U+202E)"),
        ({"currency": "12", "rate": "2", "rate_before": "2"}, "three capital letters"),
    ],
)
def test_a_firm_that_cannot_be_is_refused_in_a_sentence(client, changes, said):
    answer = client.post(
        address("size_firm", graph([X]), kind_of="enterprise"), {**COMPANY, **changes}
    )
    assert answer.status_code == 422
    assert said in str(answer.context["form"].errors)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"capital": "101"}, "between 0 and 100"),
        ({"capital": "71"}, "add up to 101"),
        ({"owner": "x"}, "X cannot hold itself"),
        ({"owner": "p"}, "P holds X twice"),
        ({"owner": "nobody"}, "Select a valid choice"),
    ],
)
def test_a_holding_that_cannot_be_is_refused_in_a_sentence(client, changes, said):
    three = graph([*PARTNER.firms, firm("q", (1, 1, 1))], PARTNER.holdings)
    answer = client.post(address("size_holding", three), {**HOLDING, "owner": "q", **changes})
    assert answer.status_code == 422
    assert said in str(answer.context["form"].errors).replace("&#x27;", "'")


def test_names_are_never_markup(client):
    nasty = graph(
        [
            firm(
                "x",
                (9, 1, 1),
            )
        ],
        [],
    )
    nasty = graph_of(
        client.post(
            address("size_firm", nasty, kind_of="natural_person"),
            {"name": "<script>alert(1)</script>", "is_in_same_market": ""},
        )
    )
    assert "<script>alert" not in client.get(address("size", nasty)).content.decode()


def test_two_hundred_firms_are_read_from_a_file_and_shown_in_seconds(client):
    firms = [firm(f"f{number:03}", (1, 0.01, 0.01)) for number in range(200)]
    chain = graph(firms, [holds("f000", each.id, 60) for each in firms[1:]])
    file = io.BytesIO(json.dumps(to_plain(chain)).encode())
    file.name = "group.json"
    began = time.process_time()  # of this process: a busy machine takes longer by the clock
    answer = client.post("/check/size", {"file": file})
    assert graph_of(answer) == chain
    assert len(answer["Location"]) < 16_000
    page = client.get(answer["Location"])
    assert time.process_time() - began < 10
    assert page.context["result"].figures.headcount_hundredths == 20_000
    assert page.context["wide"].left_out == 200 - 24
    back = client.get(page.context["download"])
    assert json.loads(back.content) == to_plain(chain)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 100_000, b"{}", b'{"firms": [5]}'])
def test_a_file_that_is_none_is_refused(client, content):
    file = io.BytesIO(content)
    file.name = "group.json"
    answer = client.post("/check/size", {"file": file})
    assert answer.status_code == 422
    assert answer.context["error"]


@pytest.mark.parametrize("letters", ["x", "!!!", "eJwrSSzKLEhVMAQ", pack_graph(PARTNER)[:-9]])
def test_a_damaged_address_is_refused_in_a_sentence(client, letters):
    with pytest.raises(GraphIsDamaged):
        unpack_graph(letters)
    for path in ("/check/size", "/check/size/firm", "/check/size/holding", "/check/size/file"):
        answer = client.get(path, {"graph": letters})
        assert answer.status_code == 422
        assert "cannot be read" in answer.content.decode()


def test_the_check_goes_on_with_the_size_and_asks_none_of_it_again(client):
    without = {
        name: value
        for name, value in SME.items()
        if name not in ("headcount", "turnover", "balance", "similar", "owner")
    }
    answer = client.get("/check", {**without, "graph": pack_graph(PARTNER)})
    result = answer.context["result"]
    assert (result.verdict, result.size.size_class) == (Verdict.ELIGIBLE, "small")
    assert all("graph=" in link for _, link in answer.context["changes"])


def test_the_size_is_saved_for_an_organisation_of_ones_own(client):
    ada, company = founder(size=None)
    sign_in(client, ada)
    from_check = client.get(f"/organisations/{company.id}/figures", {"graph": pack_graph(PARTNER)})
    page = client.get(from_check["Location"])
    assert f"Save for {company.name}" in page.content.decode()
    saved = client.post(page.context["save"])
    assert saved["Location"].startswith("/apply")
    known = organisations.get_organisation(ada, company.id)
    assert (known.size_class, known.ownership.find(company.id).name) == ("small", "X")
    shown = client.get("/check/size", {"organisation": company.id})
    assert shown.context["rows"][0]["counted"].firm_id == company.id


def test_nobody_saves_or_sees_the_size_of_others(client):
    _, company = founder()
    eve, _ = founder("eve")
    assert Client().get("/check/size", {"organisation": company.id}).status_code == 302
    sign_in(client, eve)
    assert client.get("/check/size", {"organisation": company.id}).status_code == 404
    to = f"/organisations/{company.id}/ownership?graph={pack_graph(PARTNER)}"
    assert client.post(to).status_code == 404


def test_the_rules_of_another_day_are_shown(client):
    past = client.get("/rules", {"on": "2025-12-31"})
    page = re.sub(r"\s+", " ", past.content.decode())
    assert "Rules in force on" in page
    scale_up = next(
        rule for _, rows in past.context["groups"] for rule in rows if rule.rule == "route.scale_up"
    )
    assert "2026/150" not in scale_up.source
    assert client.get("/rules", {"on": "1990-01-01"}).context["groups"] == []
    assert client.get("/rules", {"on": "yesterday"}).status_code == 422
