"""A story that was copied is the story that was told."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import transaction

from allmende import wiring
from allmende.domain.basics.people import DAEMON
from allmende.services import people
from allmende.services.people import NewPerson
from tests.services import told_story
from tests.services.told_story import tell_up_to_the_awards

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch):
    monkeypatch.setattr(told_story, "_told", {})


def tell_and_forget():
    """Return a story that was told, and its rows, of which the database keeps none."""
    with transaction.atomic():
        story = tell_up_to_the_awards(wiring.workshop())
        rows = told_story._read()
        transaction.set_rollback(True)
    return story, rows


def test_a_copy_has_the_same_rows_people_and_next_id():
    told, rows = tell_and_forget()
    told.persons.clear()  # what a test does with its own story is not in the next one
    copied = tell_up_to_the_awards(wiring.workshop())
    assert told_story._read() == rows
    assert {each.id for each in copied.persons.values()} == {row[0] for row in rows["person"]}
    assert copied.act(DAEMON).new_id("j") == told.act(DAEMON).new_id("j")
    assert replace(copied, act=told.act, persons={}) == told


@pytest.mark.parametrize("changed", ["rows", "clock", "day"])
def test_where_something_differs_it_is_told_anew(changed, monkeypatch):
    _, rows = tell_and_forget()
    later = wiring.now() + timedelta(days=changed == "day")
    if changed == "rows":
        new = NewPerson(name="A", email="a@example.org", password="a-long-secret")
        people.register_person(wiring.deed_of(DAEMON), new=new, roles=frozenset())
    if changed in ("clock", "day"):
        monkeypatch.setattr(wiring, "now", lambda: later)
    if changed == "day":
        monkeypatch.setattr(told_story, "CLOCK", wiring.now)
    tell_up_to_the_awards(wiring.workshop())
    found = told_story._read()
    assert found["award"] != rows["award"]
    assert len(found["person"]) == len(rows["person"]) + (changed == "rows")
