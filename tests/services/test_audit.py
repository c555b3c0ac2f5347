"""Every deed leaves an event in the chain."""

from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, connection, transaction

from allmende.domain.basics.people import DAEMON, Person, Role
from allmende.domain.basics.refusals import NotPermitted
from allmende.domain.basics.sentences import Sentence
from allmende.domain.trust.audit import GENESIS, Head
from allmende.services import audit
from allmende.services.deeds import Deed, one_transaction
from allmende.storage import audit as store
from allmende.storage import immutability
from tests.tampering import lift_triggers

NOON = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)
AUDITOR = Person(id="p-auditor", name="A", roles=frozenset({Role.AUDITOR}))
APPLICANT = Person(id="p-1", name="B", roles=frozenset({Role.APPLICANT}))

pytestmark = pytest.mark.django_db


def a_deed(actor: Person = DAEMON) -> Deed:
    return Deed(actor=actor, now=NOON, new_id=lambda prefix: f"{prefix}-1")


@one_transaction
def greet(deed: Deed, *, subject: str) -> None:
    audit.record(deed, action="greeting.sent", subject=subject, why=Sentence("it is {n}", {"n": 1}))


def test_an_event_comes_back_as_it_was_recorded():
    audit.record(
        a_deed(APPLICANT),
        action="job.submitted",
        subject="j-1",
        why=Sentence("asked for {what}", {"what": Sentence("{n} nodes", {"n": 2})}),
        nodes=2,
        at_once=True,
        tags=("a", "ü"),
        until=NOON,
    )
    (event,) = audit.list_events(AUDITOR)
    assert event.number == 1
    assert event.at == NOON
    assert event.actor_id == "p-1"
    assert event.previous_hash == GENESIS
    assert event.why == Sentence("asked for {what}", {"what": Sentence("{n} nodes", {"n": 2})})
    assert event.facts == {
        "nodes": 2,
        "at_once": True,
        "tags": ["a", "ü"],
        "until": "2026-11-22T12:00:00.123456Z",
    }


def test_a_chain_of_deeds_verifies_and_its_head_is_its_last_event():
    for number in range(5):
        greet(a_deed(), subject=f"s-{number}")
    events = audit.list_events(AUDITOR)
    assert audit.check_audit(AUDITOR) == []
    assert audit.get_head(APPLICANT) == Head(number=5, hash=events[-1].hash)


def test_a_deed_that_fails_leaves_no_event_and_no_gap():
    greet(a_deed(), subject="s-1")
    with pytest.raises(RuntimeError):
        fail_after_recording(a_deed())
    greet(a_deed(), subject="s-2")
    assert [(e.number, e.subject) for e in audit.list_events(AUDITOR)] == [(1, "s-1"), (2, "s-2")]
    assert audit.check_audit(AUDITOR) == []


@one_transaction
def fail_after_recording(deed: Deed) -> None:
    audit.record(deed, action="greeting.sent", subject="s-never")
    raise RuntimeError


def test_the_database_refuses_to_change_or_delete_an_event():
    greet(a_deed(), subject="s-1")
    immutability.install_triggers()
    for statement in ("UPDATE audit_event SET subject = 's-2'", "DELETE FROM audit_event"):
        with (
            pytest.raises(DatabaseError, match="append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
    assert audit.check_audit(AUDITOR) == []


@pytest.mark.parametrize(
    "tamper",
    [
        "UPDATE audit_event SET subject = 's-9' WHERE number = 2",
        "UPDATE audit_event SET actor_id = 'p-9' WHERE number = 3",
        "UPDATE audit_event SET facts = '{\"n\":9}' WHERE number = 1",
        "UPDATE audit_event SET why = '' WHERE number = 1",
        "UPDATE audit_event SET action = 'x' WHERE number = 2",
        "UPDATE audit_event SET at = '2026-11-22 12:00:01+00:00' WHERE number = 2",
        "DELETE FROM audit_event WHERE number = 2",
        "DELETE FROM audit_event WHERE number = 3",
        "DELETE FROM audit_event WHERE number = 1",
    ],
)
def test_an_event_tampered_with_behind_the_triggers_is_found(tamper):
    for number in (1, 2, 3):
        greet(a_deed(), subject=f"s-{number}")
    lift_triggers()
    with connection.cursor() as cursor:
        cursor.execute(tamper)
    assert audit.check_audit(AUDITOR) != []


def test_only_those_with_the_permission_read_the_trail():
    with pytest.raises(NotPermitted):
        audit.list_events(APPLICANT)
    with pytest.raises(NotPermitted):
        audit.list_latest_events(APPLICANT)
    with pytest.raises(NotPermitted):
        audit.check_audit(APPLICANT)


def test_reading_sensitive_data_is_an_event():
    audit.record_reading(a_deed(APPLICANT), kind="dataset", subject="ds-1")
    (event,) = audit.list_latest_events(AUDITOR)
    assert (event.action, event.subject, event.actor_id) == ("dataset.read", "ds-1", "p-1")


def test_lists_page_by_number_in_both_directions_and_select_by_subject():
    for number in range(1, 6):
        greet(a_deed(), subject=f"s-{number % 2}")
    assert [e.number for e in audit.list_events(AUDITOR, after=2, limit=2)] == [3, 4]
    assert [e.number for e in audit.list_latest_events(AUDITOR, before=4, limit=2)] == [3, 2]
    assert [e.number for e in audit.list_events(AUDITOR, subject="s-0")] == [2, 4]
    assert store.find_last_event(action="greeting.sent").number == 5
    assert store.find_last_event(action="nothing.done") is None
