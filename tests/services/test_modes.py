"""The office adds versions of modes, and opens calls of them; what runs does not move."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from allmende.domain.access.applications import ApplicationState
from allmende.domain.access.calls import CallHasFlaw, DifferentCall
from allmende.domain.access.modes import DifferentVersion, ModeHasFlaw, VersionTooEarly
from allmende.domain.access.working_days import BERLIN, day_of
from allmende.domain.basics.people import PUBLIC, Role
from allmende.domain.basics.refusals import NotFound, NotPermitted
from allmende.services import applications, awards, calls, modes, reviews, rules
from allmende.storage import audit as audit_store
from allmende.storage import calls as call_store
from allmende.wiring.access_rules import load_access_rules
from tests.services.access import (
    CALL_ID,
    HOUR,
    NOON,
    RULES,
    deed,
    drafted,
    founder,
    officer,
    open_playground,
    person,
    submitted,
)

pytestmark = pytest.mark.django_db

TODAY = day_of(NOON)
PLAY = RULES.get_mode("playground", on=TODAY)
STRICTER = replace(
    PLAY,
    size_max_seconds=100 * HOUR,
    decision_working_days=5,
    valid_from=date(2027, 1, 1),
    source="Decision of the steering board of 20 November 2026",
)
NEW_CALL = replace(RULES.get_call(CALL_ID), id="spring-2027", opens_at=NOON + timedelta(days=1))


def add(version=STRICTER, *, by=None, now=NOON):
    return modes.add_mode_version(
        deed(by or officer(), now=now), version, rules=load_access_rules()
    )


def test_a_version_is_seen_at_once_by_whoever_asks_for_the_rules():
    olga = officer()
    add(by=olga)
    found = load_access_rules()
    assert found.get_mode("playground", on=date(2026, 12, 31)).decision_working_days == 2
    assert found.get_mode("playground", on=date(2027, 1, 1)) == STRICTER
    latest, shipped = modes.list_versions(olga, "playground", rules=found)
    assert (latest.mode, latest.added_at, latest.author) == (STRICTER, NOON, "officer")
    assert {change.field for change in latest.changes} == {
        "size_max_seconds", "decision_working_days", "source"
    }  # fmt: skip
    assert (shipped.mode.valid_to, shipped.added_at, shipped.changes) == (
        date(2027, 1, 1),
        None,
        (),
    )


def test_the_same_version_twice_is_one_and_another_of_that_day_is_refused():
    assert add() == add()
    assert len(modes.list_added_modes()) == 1
    events = audit_store.list_events(after=0, limit=100, subject="playground")
    assert [event.action for event in events] == ["mode.version_added"]
    with pytest.raises(DifferentVersion):
        add(replace(STRICTER, note="Another."))
    with pytest.raises(VersionTooEarly):
        add(replace(STRICTER, valid_from=date(2026, 12, 1)))
    with pytest.raises(VersionTooEarly):
        add(replace(STRICTER, id="large", valid_from=TODAY - timedelta(days=1)))
    with pytest.raises(ModeHasFlaw):
        add(replace(STRICTER, id="large", durations_months=()))
    assert len(modes.list_added_modes()) == 1
    assert add(replace(STRICTER, id="brand-new", valid_to=TODAY)).valid_to is None


def test_only_the_office_writes_modes_and_the_public_reads_what_is_in_force():
    for role in Role:
        if role is not Role.PROGRAMME_OFFICER:
            with pytest.raises(NotPermitted):
                add(by=person("other", role))
    auditor = person("auditor", Role.AUDITOR)
    assert modes.list_versions(auditor, "playground", rules=RULES)
    with pytest.raises(NotPermitted):
        modes.list_versions(PUBLIC, "playground", rules=RULES)
    with pytest.raises(NotFound):
        modes.list_versions(auditor, "none", rules=RULES)
    assert PLAY in modes.list_modes(PUBLIC, rules=RULES, on=TODAY)


def test_an_open_call_and_what_was_handed_in_keep_their_version():
    """A mode that was cut down after the opening moves neither the call nor the application."""
    open_playground()
    ada, firm = founder()
    before = submitted(ada, firm)
    add()
    later = datetime(2027, 1, 5, 12, tzinfo=UTC)
    draft = drafted(ada, firm)
    after = applications.submit_application(
        deed(ada, now=later), draft.id, rules=load_access_rules()
    )
    assert before.submitted.mode == after.submitted.mode == PLAY
    assert after.state is ApplicationState.TECHNICAL_ASSESSMENT
    reviews.record_technical_assessment(deed(officer(), now=later), after.id, is_feasible=True)
    awards.award_application(deed(officer(), now=later), after.id, rules=load_access_rules())


def test_a_call_opened_for_next_year_takes_the_version_of_next_year():
    add()
    opens_at = datetime(2027, 1, 1, tzinfo=BERLIN).astimezone(UTC)
    ours = replace(NEW_CALL, opens_at=opens_at)
    opened = calls.open_new_call(deed(officer()), ours, rules=load_access_rules())
    assert opened.mode == STRICTER
    assert call_store.get_call(ours.id) == opened
    too_large = replace(ours, id="too-large", size_max_seconds=101 * HOUR)
    with pytest.raises(CallHasFlaw) as refusal:
        calls.open_new_call(deed(officer()), too_large, rules=load_access_rules())
    assert refusal.value.facts["field"] == "size_max_seconds"


def test_a_new_call_opens_once_fills_its_pool_once_and_never_changes():
    olga = officer()
    opened = calls.open_new_call(deed(olga), NEW_CALL, rules=RULES)
    later = NOON + timedelta(days=400)  # a repetition is harmless, however late it comes
    assert calls.open_new_call(deed(olga, now=later), NEW_CALL, rules=RULES) == opened
    with pytest.raises(DifferentCall):
        calls.open_new_call(deed(olga), replace(NEW_CALL, civilian_only=False), rules=RULES)
    yesterday = replace(NEW_CALL, id="late", opens_at=NOON - timedelta(days=1))
    with pytest.raises(CallHasFlaw):
        calls.open_new_call(deed(olga), yesterday, rules=RULES)
    with pytest.raises(NotPermitted):
        calls.open_new_call(deed(person("ada")), NEW_CALL, rules=RULES)
    prepared = calls.list_prepared(olga, rules=RULES)
    assert [call.id for call in prepared] == [call.id for call in RULES.calls]


def test_every_open_call_can_be_applied_for_however_many_there_were():
    olga = officer()
    for number in range(101):
        closing = NOON + timedelta(hours=1)
        past = replace(NEW_CALL, id=f"a-{number}", opens_at=NOON, closes_at=closing)
        calls.open_new_call(deed(olga), past, rules=RULES)
    open_playground()
    later = NOON + timedelta(days=1)
    assert [view.call.id for view in calls.list_open_calls(PUBLIC, now=later)] == [CALL_ID]


def test_a_call_without_a_kept_mode_falls_back_to_that_of_its_opening():
    open_playground()
    row = call_store.CallRow.objects.get(id=CALL_ID)
    row.content.pop("mode")  # as calls were kept before
    row.save()
    ada, firm = founder()
    assert submitted(ada, firm).submitted.mode == PLAY


def test_the_rules_of_a_past_day_are_those_of_that_day():
    open_playground()
    add()
    found = load_access_rules()
    past = rules.list_in_force(PUBLIC, rules=found, on=date(2025, 6, 1))
    assert past.calls == ()  # nothing was open then
    assert {mode.id for mode in past.modes} >= {"playground", "ai-for-science"}
    assert "national-bridge" not in {mode.id for mode in past.modes}
    now = rules.list_in_force(PUBLIC, rules=found, on=TODAY)
    assert [call.id for call in now.calls] == [CALL_ID]
    assert {each.mode_id for each in now.calendars} == {"large-scale", "ai-for-science"}
    after = rules.list_in_force(PUBLIC, rules=found, on=date(2027, 1, 1))
    assert STRICTER in after.modes
    assert PLAY.id in {mode.id for mode in now.modes}


def test_a_rule_of_a_day_decides_from_midnight_in_berlin():
    """At 23:00 UTC on 31 December the new year has begun here."""
    open_playground()
    row = next(each for each in RULES.book.rules if each.rule == "person.contract_months_after_end")
    new = replace(row, value=row.value + 1000, valid_from=date(2027, 1, 1))
    ended = replace(row, valid_to=date(2027, 1, 1))
    others = tuple(each for each in RULES.book.rules if each is not row)
    dated = replace(RULES, book=replace(RULES.book, rules=(*others, ended, new)))
    ada, firm = founder()
    hashes = [
        submitted(ada, firm, now=now, rules=dated).submitted.rules_hash
        for now in (
            datetime(2026, 12, 31, 22, 59, tzinfo=UTC),
            datetime(2026, 12, 31, 23, 0, tzinfo=UTC),
            datetime(2027, 1, 1, 12, tzinfo=UTC),
        )
    ]
    assert hashes[0] != hashes[1]
    kept = call_store.get_rules(hashes[1])
    assert str(new.value) in {each["value"] for each in kept if each["rule"] == row.rule}
