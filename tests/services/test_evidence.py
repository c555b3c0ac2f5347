"""What stands in the database can be exported, and what was changed in it is found."""

import json
from dataclasses import replace

import pytest
from django.db import connection

from allmende.domain.basics.people import PUBLIC, Person, Role
from allmende.domain.basics.refusals import NotFound, NotPermitted
from allmende.domain.trust import evidence as sealed
from allmende.domain.trust import records
from allmende.domain.trust.promises import PROMISES
from allmende.domain.trust.verdicts import Verdict
from allmende.services import audit, evidence, promises
from allmende.storage import jobs as job_store
from allmende.wiring.access_rules import read_access_rules
from allmende.wiring.factory import load_factory
from tests.domain.trust import evidence_world as world
from tests.services import factory_story as story
from tests.services.factory_story import AUDITOR, a_deed
from tests.tampering import lift_triggers

pytestmark = pytest.mark.django_db

SETTING = {"factory": load_factory(), "rules": read_access_rules()}
APPLICANT = Person(id="p-1", name="B", roles=frozenset({Role.APPLICANT}))
NO_METER = {"renewable-power", "heat-used"}


@pytest.fixture(autouse=True)
def played():
    story.play()


def export() -> evidence.Export:
    return evidence.export_evidence(a_deed(AUDITOR), **SETTING)


def findings(export: evidence.Export) -> list[str]:
    verification = sealed.verify(export.files, export.manifest)
    return [f"{each.place}: {each.problem}" for each in verification.findings]


def test_an_export_of_the_database_verifies_without_it():
    exported = export()
    verification = sealed.verify(exported.files, exported.manifest, head_hash=exported.head.hash)
    assert verification.findings == ()
    assert all(exported.files[name] for name in records.FILES)
    verdicts = {result.promise_id: result.verdict for result in verification.results}
    assert {p for p, v in verdicts.items() if v is Verdict.NO_EVIDENCE} == NO_METER
    assert {p for p, v in verdicts.items() if v is Verdict.BROKEN} == set()


def test_a_second_export_holds_the_first_and_anchors_nothing_twice():
    first, second = export(), export()
    assert findings(second) == []
    actions = [json.loads(line)["action"] for line in second.files[records.EVENTS]]
    assert actions.count("evidence.anchored") == 1
    assert actions.count("evidence.exported") == 2
    assert (
        second.files[records.EVENTS][: len(first.files[records.EVENTS])]
        == (first.files[records.EVENTS])
    )


TAMPERINGS = {
    "a longer use": "UPDATE job_attempt SET used_seconds = 31 WHERE key = 'j-1.1'",
    "less energy": "UPDATE job_attempt SET energy_joules = 1 WHERE key = 'j-1.2'",
    "other nodes": "UPDATE job_attempt SET nodes = '[\"x\"]' WHERE key = 'j-1.2'",
    "an attempt removed": "DELETE FROM job_attempt WHERE key = 'j-1.1'",
    "a job of somebody else": "UPDATE job SET project_id = 'pr-2' WHERE id = 'j-1'",
    "a job removed": "DELETE FROM job WHERE id = 'j-2'",
    "a later plan": "UPDATE cycle SET at = '2026-11-22 13:00:00+00:00' WHERE number = "
    "(SELECT MIN(number) FROM cycle)",
    "a cycle removed": "DELETE FROM cycle WHERE number = (SELECT MIN(number) FROM cycle)",
    "a larger award": "UPDATE ledger_transfer SET amount_seconds = 2000 WHERE kind = 'award'",
    "a transfer removed": "DELETE FROM ledger_transfer WHERE kind = 'refund'",
    "a balance": "UPDATE ledger_balance SET balance_seconds = balance_seconds + 1",
    "a model removed": "DELETE FROM trained_model",
    "a card": "UPDATE trained_model SET card = '# Other'",
    "an earlier decision": "UPDATE application SET decided_at = '2026-11-23 12:00:01+00:00'",
    "an application removed": "DELETE FROM application",
    "an event": "UPDATE audit_event SET actor_id = 'p-2' WHERE number = 2",
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_what_is_changed_in_the_database_after_it_was_anchored_is_found_at_the_next_export(name):
    promises.evaluate_promises(a_deed(), **SETTING)
    lift_triggers()
    with connection.cursor() as cursor:
        cursor.execute(TAMPERINGS[name])
        assert cursor.rowcount > 0
    assert findings(export()) != []


def test_promises_are_listed_with_their_newest_result():
    assert promises.list_promises(PUBLIC) == []
    results = promises.evaluate_promises(a_deed(), **SETTING)
    listed = promises.list_promises(PUBLIC)
    assert [result.promise_id for result in listed] == [promise.id for promise in PROMISES]
    assert listed == [replace(result, rows=()) for result in results]


def test_a_promise_opens_to_the_records_that_the_reader_may_see():
    promises.evaluate_promises(a_deed(), **SETTING)
    assert promises.get_promise(PUBLIC, "data-residency").rows == ()
    assert promises.get_promise(APPLICANT, "data-residency").checked == 2
    assert [row.record for row in promises.get_promise(AUDITOR, "data-residency").rows] == [
        "attempt j-1.1",
        "attempt j-1.2",
    ]
    assert [row.record for row in promises.get_promise(PUBLIC, "ledger-balances").rows] == [
        "ledger"
    ]
    with pytest.raises(NotFound):
        promises.get_promise(PUBLIC, "eternal-life")


def test_an_evaluation_leaves_an_event_only_when_a_verdict_changed():
    def evaluated() -> list[dict[str, object]]:
        events = audit.list_events(AUDITOR, subject="promises", limit=1000)
        return [dict(event.facts["verdicts"]) for event in events]

    promises.evaluate_promises(a_deed(), **SETTING)
    promises.evaluate_promises(a_deed(minutes=61), **SETTING)
    assert len(evaluated()) == 1
    job_store.save_attempt(
        replace(world.DONE, key="j-2.1", job_id="j-2", energy_method=""), partition_id="werkbank"
    )
    promises.evaluate_promises(a_deed(minutes=62), **SETTING)
    assert [verdicts["energy-stated"] for verdicts in evaluated()] == ["kept", "broken"]


def test_only_those_with_the_permission_export_or_evaluate():
    with pytest.raises(NotPermitted):
        evidence.export_evidence(a_deed(APPLICANT), **SETTING)
    with pytest.raises(NotPermitted):
        promises.evaluate_promises(a_deed(APPLICANT), **SETTING)
