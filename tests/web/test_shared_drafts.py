"""Two tabs on one draft: what only one changed is merged, what both changed is asked."""

import json

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allmende.domain.trust.tokens import Scope
from allmende.services import applications, audit
from allmende.storage import people as people_store
from allmende.wiring import deed_of
from tests.web.api.conftest import a_token
from tests.web.tabs import Tab
from tests.web.world import ANSWERS, build_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world():
    return build_world()


@pytest.fixture
def client_of_mina(world):
    client = Client()
    client.force_login(people_store.PersonRow.objects.get(id=world.people["applicant"].id).login)
    return client


@pytest.fixture
def address(world):
    return f"/applications/{world.ids['application_id']}/parts/project"


@pytest.fixture
def tabs(client_of_mina, address):
    return [Tab(client_of_mina, address) for _ in range(2)]


def form_of(world):
    application_id = world.ids["application_id"]
    return applications.get_application(world.people["applicant"], application_id).form


def test_a_field_is_saved_when_it_is_left_and_the_time_stands_beside_it(world, tabs):
    tab, _ = tabs
    tab.type(title="Early signs", summary="One.\n\nTwo.")
    page = tab.leave()
    assert page.startswith("Saved at ")
    assert form_of(world).title == "Early signs"
    edits = len(edits_of(world))
    tab.leave()
    assert len(edits_of(world)) == edits  # leaving a field without a change is no deed


def edits_of(world):
    auditor, subject = world.people["auditor"], world.ids["application_id"]
    events = audit.list_events(auditor, subject=subject)
    return [event for event in events if event.action == "application.edited"]


def test_what_only_one_changed_is_merged_silently(world, tabs):
    one, two = tabs
    one.type(title="Early signs")
    two.type(summary="We train.")
    assert "Saved" in one.leave()
    assert "Saved" in two.leave()
    one.type(purpose="research")
    assert "Saved" in one.leave()
    form = form_of(world)
    assert (form.title, form.summary, form.purpose) == ("Early signs", "We train.", "research")


def conflict(tabs):
    one, two = tabs
    one.type(title="Mine", summary="One.")
    one.leave()
    two.type(title="Yours <b>", purpose="research")
    return two, two.leave()


def test_what_both_changed_is_asked_with_both_texts_and_the_rest_is_saved(world, tabs):
    two, page = conflict(tabs)
    assert "Changed twice: which one stays?" in page
    assert "Mine" in page
    assert "Yours &lt;b&gt;" in page
    assert "<b>" not in page
    form = form_of(world)
    assert (form.title, form.purpose) == ("Mine", "research")
    assert "which one stays" in two.leave()  # as often as it is left
    assert form_of(world).title == "Mine"


@pytest.mark.parametrize(("whose", "title"), [("mine", "Yours <b>"), ("theirs", "Mine")])
def test_the_choice_is_kept_and_both_tabs_go_on(world, tabs, whose, title):
    two, _ = conflict(tabs)
    two.type(**{"keep-title": whose})
    assert "which one stays" not in two.leave()
    assert form_of(world).title == title
    assert two.fields["title"] == title
    two.type(title="Further")
    assert "which one stays" not in two.leave()
    assert form_of(world).title == "Further"


def test_what_changed_once_more_before_the_choice_is_asked_again(world, tabs):
    one, _ = tabs
    two, _ = conflict(tabs)
    one.type(title="Mine, better")
    one.leave()
    two.type(**{"keep-title": "mine"})
    page = two.leave()
    assert "Mine, better" in page
    assert form_of(world).title == "Mine, better"


@pytest.mark.parametrize(("whose", "title"), [("mine", "Yours <b>"), ("theirs", "Mine")])
def test_without_script_the_button_asks_the_same(world, tabs, whose, title):
    one, two = tabs
    one.type(title="Mine")
    assert one.press().status_code == 422  # saved; other answers are missing
    two.type(title="Yours <b>")
    assert two.press().status_code == 409
    assert two.fields["title"] == "Yours <b>"
    assert form_of(world).title == "Mine"
    two.type(**{"keep-title": whose})
    two.press()
    assert form_of(world).title == title


def test_an_answer_that_does_not_fit_keeps_none_of_the_others_from_being_saved(world, tabs):
    tab, _ = tabs
    tab.type(title="x" * 201, summary="We train.")
    page = tab.leave()
    assert "Not saved yet, please look at it: Title of the project" in page
    assert (form_of(world).title, form_of(world).summary) == ("", "We train.")
    tab.type(title="Short", summary="y" * 10_001)
    assert "please look at it: " in tab.leave()
    assert (form_of(world).title, form_of(world).summary) == ("Short", "We train.")
    tab.type(summary="We train more.")
    tab.leave()
    assert form_of(world).summary == "We train more."


def test_a_page_that_carries_nonsense_changes_nothing(world, client_of_mina, address):
    for nonsense in ("{", "[]", "[" * 100_000):
        answer = client_of_mina.post(address, {"title": "x", "based_on": nonsense})
        assert answer.status_code == 422
    assert form_of(world).title == ""


def test_what_is_typed_into_a_tab_that_is_out_of_date_is_not_dropped_in_silence(world, tabs):
    tab, _ = tabs
    applications.withdraw_application(
        deed_of(world.people["applicant"]), world.ids["application_id"]
    )
    tab.type(title="Late")
    tab.leave()
    assert tab.answer.status_code == 409
    assert tab.press().status_code == 409


def test_who_is_signed_out_gets_no_sign_in_page_into_the_form(tabs):
    tab, _ = tabs
    tab.client.logout()
    tab.leave()
    assert tab.answer.status_code == 401


def test_handing_in_from_two_tabs_hands_in_once_and_shows_the_number(world, client_of_mina):
    mina, application_id = world.people["applicant"], world.ids["application_id"]
    applications.edit_application(deed_of(mina), application_id, changes=ANSWERS)
    address = f"/applications/{application_id}/check"
    for _ in range(2):
        answer = client_of_mina.post(address, follow=True)
        assert answer.status_code == 200
        assert f"<strong>{application_id}</strong>" in answer.content.decode()
    auditor = world.people["auditor"]
    actions = [event.action for event in audit.list_events(auditor, subject=application_id)]
    assert actions.count("application.submitted") == 1


def test_of_two_that_hand_in_at_the_same_moment_the_second_sees_the_number(
    world, client_of_mina, monkeypatch
):
    from allmende.web.pages import applications as page

    mina, application_id = world.people["applicant"], world.ids["application_id"]
    applications.edit_application(deed_of(mina), application_id, changes=ANSWERS)
    submit = applications.submit_application

    def submit_after_the_other_tab(deed, *args, **named):
        submit(deed_of(mina), *args, **named)
        return submit(deed, *args, **named)

    monkeypatch.setattr(page.applications, "submit_application", submit_after_the_other_tab)
    answer = client_of_mina.post(f"/applications/{application_id}/check")
    assert (answer.status_code, answer["Location"]) == (302, f"/applications/{application_id}")


def patch(world, body):
    token = a_token(world.people["applicant"], Scope.MANAGE)
    return Client().patch(
        f"/api/v1/applications/{world.ids['application_id']}",
        json.dumps(body),
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}"},
    )


def test_a_program_that_says_what_it_read_replaces_nothing_unread(world):
    patch(world, {"title": "A", "requested_hours": 2})
    based_on = {"title": "A"}
    assert patch(world, {"title": "B", "based_on": based_on}).json()["form"]["title"] == "B"
    late = patch(world, {"title": "C", "requested_hours": 3, "based_on": based_on})
    assert (late.status_code, late.json()["code"]) == (409, "AnswersDiffer")
    assert late.json()["facts"]["differences"] == [{"field": "title", "theirs": "B", "yours": "C"}]
    assert (form_of(world).title, form_of(world).requested_seconds) == ("B", 7200)
    assert patch(world, {"title": "C", "based_on": {"title": "B"}}).status_code == 200
    assert patch(world, {"title": "D"}).json()["form"]["title"] == "D"


@pytest.mark.parametrize("body", [{"based_on": 3}, {"title": {"a": "b"}}, {"based_on": {"a": {}}}])
def test_what_is_no_answer_is_refused(world, body):
    assert patch(world, body).status_code == 422


def test_earlier_answers_are_used_in_the_portal_and_by_programs(world, client_of_mina):
    mina, earlier_id = world.people["applicant"], world.ids["application_id"]
    applications.edit_application(deed_of(mina), earlier_id, changes=ANSWERS)
    page = client_of_mina.get(f"/apply?copy={earlier_id}").content.decode()
    assert f'<option value="{earlier_id}" selected>Early signs' in page
    started = client_of_mina.post(
        "/apply", {"call": world.ids["call_id"], "copy": earlier_id, "organisation": "o-none"}
    )
    new_id = started["Location"].rsplit("/", 1)[-1]
    form = applications.get_application(mina, new_id).form
    assert (form.title, form.accepts_terms) == ("Early signs", False)
    for who, status in (("applicant", 201), ("foreign", 404)):
        answer = Client().post(
            f"/api/v1/applications/{earlier_id}/copy",
            json.dumps({"call_id": world.ids["call_id"]}),
            content_type="application/json",
            headers={"Authorization": f"Bearer {a_token(world.people[who], Scope.MANAGE)}"},
        )
        assert answer.status_code == status
        if status == 201:
            assert answer.json()["form"]["summary"] == ANSWERS["summary"]


MOVES = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from(["write", "write", "type", "press", "mine", "theirs"]),
        st.sampled_from(["title", "title", "summary"]),
        st.sampled_from(["a", "b", "c", "", "a\nb"]),
    ),
    min_size=4,
    max_size=12,
)


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(moves=MOVES)
def test_whatever_two_tabs_do_no_text_goes_that_nobody_chose_to_let_go(
    world, client_of_mina, moves
):
    mina = world.people["applicant"]
    draft = applications.start_application(
        deed_of(mina),
        call_id=world.ids["call_id"],
        organisation_id=world.ids["organisation_id"],
    )
    address = f"/applications/{draft.id}/parts/project"
    tabs = [Tab(client_of_mina, address) for _ in range(2)]
    unsaved = [{}, {}]  # what was typed in each tab and is neither saved nor given up
    for number, move, name, text in moves:
        tab, mine = tabs[number], unsaved[number]
        before = applications.get_application(mina, draft.id).form
        if move in ("type", "write"):
            typed = text if name == "summary" else text.replace("\n", "")
            tab.type(**{name: typed})
            mine[name] = typed
        asked = json.loads(tab.fields.get("asked", "{}"))
        known = json.loads(tab.fields["based_on"])
        if plain(known[name]) == mine.get(name):  # back to what it was: nothing is typed any more
            del mine[name]
        if move in ("mine", "theirs") and name in asked:
            tab.type(**{f"keep-{name}": move})
            tab.leave()
        elif move == "press":
            tab.press()
        elif move == "write":
            tab.leave()
        else:
            continue
        after = applications.get_application(mina, draft.id).form
        still_asked = json.loads(tab.fields.get("asked", "{}"))
        for field in ("title", "summary"):
            old, new = plain(getattr(before, field)), plain(getattr(after, field))
            if new != old:  # what went had been shown in this tab, and makes room for its text
                chosen = move == "mine" and field == name
                assert plain((asked if chosen else known)[field]) == old
                assert new == mine[field]
            if new == mine.get(field) or (move == "theirs" and field == name):
                mine.pop(field, None)
            assert field not in mine or field in still_asked
        if tab.answer.status_code == 302:
            assert mine == {}
            tab.reload()


def plain(text: str) -> str:
    return text.replace("\r\n", "\n")
