"""The office opens calls and writes modes in the portal; what it sees first is what is written."""

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from allmende import wiring
from allmende.domain.access.working_days import day_of
from allmende.domain.basics.people import Role
from allmende.services import calls, modes
from allmende.storage import calls as call_store
from allmende.storage import people as people_store
from allmende.wiring import deed_of
from allmende.wiring.access_rules import load_access_rules
from tests.web.world import CALL_ID, register

pytestmark = pytest.mark.django_db

HOUR = 3600
NEW = "/programme/calls/new"
OF_SCIENCE = f"{NEW}?mode=ai-for-science&partition=werkbank"
OF_PLAYGROUND = f"{NEW}?mode=playground&partition=werkbank"
VERSION = "/programme/modes/large-scale/new"
WRITTEN = {
    "id": "spring-2027",
    "name_en": "Spring",
    "name_de": "Frühling",
    "description_en": "Time in spring.",
    "description_de": "Zeit im Frühling.",
    "contingent_hours": "12,5",
}


def client_of(person) -> Client:
    client = Client()
    client.force_login(people_store.PersonRow.objects.get(id=person.id).login)
    return client


@pytest.fixture
def olga():
    return register("olga", Role.PROGRAMME_OFFICER)


@pytest.fixture
def office(olga) -> Client:
    return client_of(olga)


def prefilled(client: Client, address: str) -> dict[str, object]:
    """Return what a form holds when it is opened, as a browser would send it back."""
    form = client.get(address).context["form"]
    found: dict[str, object] = {}
    for field in form:
        widget = field.field.widget
        value = field.value()
        if field.name == "announced" or value in (None, "", False):
            continue
        written = value if isinstance(value, list | bool) else widget.format_value(value)
        single = isinstance(written, list) and len(written) == 1
        found[field.name] = written[0] if single else written
    return found


def hidden_of(answer) -> dict[str, list[str]]:
    """Return the fields that a preview carries along."""
    found: dict[str, list[str]] = {}
    for tag in re.findall(r"<input type=\"hidden\"[^>]*>", answer.content.decode()):
        parts = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        if parts["name"] != "csrfmiddlewaretoken":
            found.setdefault(parts["name"], []).append(unescape(parts.get("value", "")))
    return found


def test_a_call_is_filled_in_from_its_mode_seen_and_opened_once(office, olga):
    data = {**prefilled(office, OF_PLAYGROUND), **WRITTEN}
    assert data["size_max_hours"] == "5000"
    assert data["durations_months"] == "1, 2, 3"
    assert "cut_offs" not in office.get(OF_PLAYGROUND).context["form"].fields
    seen = office.post(OF_PLAYGROUND, {**data, "step": "preview"})
    assert seen.status_code == 200
    assert "Nothing is open yet" in seen.content.decode()
    assert call_store.find_call("spring-2027") is None
    sent = {**hidden_of(seen), "step": "open"}
    for _ in range(2):  # pressed twice
        answer = office.post(OF_PLAYGROUND, sent)
        assert answer["Location"] == "/programme/calls/spring-2027"
    call = call_store.get_call("spring-2027")
    assert call.contingent_seconds == 12.5 * HOUR
    assert call.terms_text == load_access_rules().calls[0].terms_text
    assert call.mode == load_access_rules().get_mode("playground", on=day_of(wiring.now()))
    page = office.get("/programme/calls/spring-2027").content.decode()
    assert "Spring" in page
    other = office.post(OF_PLAYGROUND, {**sent, "name_en": ["Autumn"]})
    assert other.status_code == 422
    assert "opened with other content" in other.content.decode()
    assert call_store.get_call("spring-2027") == call


@pytest.fixture
def to_come(monkeypatch) -> list[str]:
    """Announce two cut-offs to come, and return them: those that ship are over one day."""
    rules = load_access_rules()
    first = wiring.now().replace(microsecond=0) + timedelta(days=9)
    instants = (first, first + timedelta(days=60))
    calendars = tuple(
        replace(each, instants=instants) if each.mode_id == "ai-for-science" else each
        for each in rules.calendars
    )
    announcing = replace(rules, calendars=calendars)
    monkeypatch.setattr("allmende.web.pages.calls.load_access_rules", lambda: announcing)
    return [at.isoformat() for at in instants]


def test_a_call_with_cut_offs_takes_announced_days_and_others_at_ten_in_berlin(office, to_come):
    form = office.get(OF_SCIENCE).context["form"]
    announced = [value for value, _ in form.fields["announced"].choices]
    assert announced == to_come
    data = {**prefilled(office, OF_SCIENCE), **WRITTEN}
    nothing = office.post(OF_SCIENCE, {**data, "step": "preview"})
    assert nothing.status_code == 422
    assert nothing.context["form"].errors["cut_offs"] == ["This mode needs cut-offs."]
    data |= {"announced": announced[:1], "cut_offs": "2030-02-26\n2030-07-01"}
    seen = office.post(OF_SCIENCE, {**data, "step": "preview"})
    office.post(OF_SCIENCE, {**hidden_of(seen), "step": "open"})
    instants = [at.isoformat() for at in call_store.get_call("spring-2027").cut_offs]
    assert instants[-2:] == ["2030-02-26T09:00:00+00:00", "2030-07-01T08:00:00+00:00"]
    assert instants[:-2] == announced[:1]


def test_where_no_cut_off_to_come_is_announced_none_is_offered(office, monkeypatch):
    over = replace(load_access_rules(), calendars=())
    monkeypatch.setattr("allmende.web.pages.calls.load_access_rules", lambda: over)
    assert "announced" not in office.get(OF_SCIENCE).context["form"].fields


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": "Spring 2027"}, "id"),
        ({"name_de": ""}, "name_de"),
        ({"size_max_hours": "5001"}, "size_max_hours"),
        ({"size_max_hours": "1e30"}, "size_max_hours"),
        ({"size_min_hours": "5000", "size_max_hours": "4000"}, "size_max_hours"),
        ({"contingent_hours": "-1"}, "contingent_hours"),
        ({"durations_months": "one"}, "durations_months"),
        ({"durations_months": "0"}, "durations_months"),
        ({"opens_at": "2020-01-01T00:00"}, "opens_at"),
        ({"opens_at": "soon"}, "opens_at"),
        ({"closes_at": "2020-01-01T00:00"}, "closes_at"),
        ({"access_share": "local"}, "access_share"),
        ({"terms_text": ""}, "terms_text"),
        ({"name_en": "x" * 121}, "name_en"),
        ({"decision_working_days": "-3"}, "decision_working_days"),
    ],
)
def test_a_flaw_stands_at_its_field_and_nothing_opens(office, changes, field):
    data = {**prefilled(office, OF_PLAYGROUND), **WRITTEN, **changes}
    for step in ("preview", "open"):
        answer = office.post(OF_PLAYGROUND, {**data, "step": step})
        assert answer.status_code == 422
        assert field in answer.context["form"].errors
    assert call_store.find_call("spring-2027") is None


@pytest.mark.parametrize("query", ["?mode=none&partition=werkbank", "?mode=playground", "?mode="])
def test_a_mode_or_machine_that_is_not_there_is_asked_for_again(office, query):
    assert office.get(NEW + query).status_code == 422


def test_markup_in_a_name_stays_text(office):
    data = {**prefilled(office, OF_PLAYGROUND), **WRITTEN, "name_en": "<script>x</script>"}
    seen = office.post(OF_PLAYGROUND, {**data, "step": "preview"}).content.decode()
    assert "<script>x" not in seen
    assert "&lt;script&gt;x" in seen


def test_a_prepared_call_opens_by_its_button(office, olga):
    assert CALL_ID in office.get("/programme/calls").content.decode()
    assert office.post(f"/programme/calls/{CALL_ID}")["Location"] == f"/programme/calls/{CALL_ID}"
    assert CALL_ID not in {call.id for call in calls.list_prepared(olga, rules=load_access_rules())}


def test_a_version_shows_what_it_changes_before_it_is_written(office, olga):
    data = prefilled(office, VERSION)
    assert data["c1_id"] == "impact"
    today = day_of(wiring.now())
    day = (today + timedelta(days=30)).isoformat()
    data |= {"valid_from": day, "source": "The board.", "c1_weight": "2", "sum_threshold": "11"}
    seen = office.post(VERSION, {**data, "step": "preview"})
    shown = {label: (before, after) for label, before, after in seen.context["changes"]}
    assert shown["Least weighted sum"] == ("10", "11")
    assert "Weight: 2" in shown["Criterion impact"][1]
    assert shown.keys() == {"Least weighted sum", "Criterion impact", "Source"}
    assert modes.list_added_modes() == []
    sent = {**hidden_of(seen), "step": "write"}
    for _ in range(2):
        assert office.post(VERSION, sent)["Location"] == "/programme/modes/large-scale"
    (added,) = modes.list_added_modes()
    assert added.review.criteria[1].weight == 2
    assert added.size_min_seconds == 50_000 * HOUR + 1
    page = office.get("/programme/modes/large-scale").content.decode()
    assert "Written by olga" in page
    assert "The board." in page


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"valid_from": "2020-01-01"}, "valid_from"),
        ({"valid_from": ""}, "valid_from"),
        ({"source": ""}, "source"),
        ({"calendar": "always_open"}, "calendar"),
        ({"panel_working_days": "10"}, "panel_working_days"),
        ({"panel_working_days": ""}, "panel_working_days"),
        ({"tie_breaks": "beauty"}, "tie_breaks"),
        ({"c1_weight": "0"}, "c1_weight"),
        ({"c1_name_de": ""}, "c1_name_en"),
        ({"c3_id": "impact", "c3_name_en": "I", "c3_name_de": "W"}, "c0_id"),
        ({"routes": []}, "routes"),
        ({"size_max_hours": "1"}, "size_max_hours"),
        ({"id": "Big"}, "id"),
    ],
)
def test_a_flaw_of_a_version_stands_at_its_field(office, changes, field):
    data = {**prefilled(office, VERSION), "source": "The board.", **changes}
    answer = office.post(VERSION, {**data, "step": "write"})
    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert modes.list_added_modes() == []


def test_another_id_makes_a_new_mode_and_the_review_may_be_left_out(office):
    address = "/programme/modes/playground/new"
    data = {**prefilled(office, address), "id": "hackathon", "source": "The board."}
    seen = office.post(address, {**data, "step": "preview"})
    assert seen.context["is_new"]
    office.post(address, {**hidden_of(seen), "step": "write"})
    (added,) = modes.list_added_modes()
    assert (added.id, added.review, added.size_min_seconds) == ("hackathon", None, 1)
    assert "hackathon" in office.get(NEW).content.decode()
    assert office.get("/programme/modes/none/new").status_code == 404


def test_an_auditor_reads_and_opens_nothing_and_others_do_not_read():
    auditor = client_of(register("aishe", Role.AUDITOR))
    operator = client_of(register("otto", Role.OPERATOR))
    for path in ("/programme/calls", "/programme/modes", "/programme/modes/playground"):
        assert auditor.get(path).status_code == 200
        assert operator.get(path).status_code == 403
    for path in (NEW, VERSION):
        assert auditor.get(path).status_code == 403
    assert auditor.post(f"/programme/calls/{CALL_ID}").status_code == 403


def test_rules_of_a_past_day_are_public(office):
    page = Client().get("/rules?on=2025-06-01")
    assert page.status_code == 200
    assert "National" not in page.content.decode()
    assert Client().get("/rules?on=soon").status_code == 422
    for day in ("0001-01-01", "9999-12-31"):
        assert Client().get(f"/rules?on={day}").status_code == 422
        assert Client().get(f"/api/v1/rules?on={day}").status_code == 422
        assert Client().get(f"/api/v1/modes?on={day}").json() == [] or day > "2026"
    old = Client().get("/api/v1/rules?on=2025-06-01").json()
    assert old["on"] == "2025-06-01"
    assert "national-bridge" not in {mode["id"] for mode in old["modes"]}
    assert "national-bridge" in {mode["id"] for mode in Client().get("/api/v1/modes").json()}


def test_the_rules_say_their_units_and_sources_in_german_too(office):
    reader = Client()
    reader.cookies["django_language"] = "de"
    page = " ".join(reader.get("/rules?on=2025-12-31").content.decode().split())
    assert "10²³ Gleitkommaoperationen im Training" in page
    assert "VO (EU) 2024/1689 Art. 51 Abs. 2" in page
    assert "Fast Lane Access; Untergrenze, wie sie im September 2026" in page


def test_the_lists_ask_the_database_as_often_for_many_as_for_few(office, olga):
    def count(path: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert office.get(path).status_code == 200
        return len(queries)

    rules = load_access_rules()
    paths = ("/programme/calls", "/programme/modes/playground", "/rules")
    calls.open_call(deed_of(olga), CALL_ID, rules=rules)
    mode = rules.get_mode("playground", on=day_of(wiring.now()))
    tomorrow = day_of(wiring.now()) + timedelta(days=1)

    def write(number: int) -> None:
        version = _later(mode, tomorrow + timedelta(days=number))
        modes.add_mode_version(deed_of(olga), version, rules=load_access_rules())

    write(0)
    few = {path: count(path) for path in paths}
    for number in range(1, 12):
        write(number)
        call = _another(rules.get_call(CALL_ID), number)
        calls.open_new_call(deed_of(olga), call, rules=rules)
    assert {path: count(path) for path in paths} == few


def _later(mode, day):
    return replace(mode, valid_from=day, source=f"The board, {day}")


def _another(call, number):
    return replace(call, id=f"call-{number}", opens_at=wiring.now() + timedelta(hours=1))
