"""What is written down, and what is anchored once it changes no more."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

from allmende.domain.access import applications
from allmende.domain.access.awards import AwardDecision, grant
from allmende.domain.access.modes import Price
from allmende.domain.basics.sentences import Sentence
from allmende.domain.trust import anchors, gathering, records
from tests.domain.access import building
from tests.domain.trust import evidence_world as world

WHY = Sentence("because")
SUBMITTED = applications.submit(building.draft(), frozen=building.frozen(), now=building.NOON)
DECIDED_AT = building.NOON + timedelta(hours=1)
AWARDED = applications.award(
    applications.assess(SUBMITTED, is_feasible=True), why=WHY, now=DECIDED_AT
)
AWARD = grant(
    AWARDED,
    AwardDecision(
        award_id="aw-1",
        project_id="pr-1",
        seconds=1000,
        granted_by="p-2",
        granted_at=DECIDED_AT,
    ),
)


def test_an_application_is_written_with_its_due_time_and_its_price():
    written = records.record_of_application(AWARDED, AWARD)
    assert written["state"] == "awarded"
    assert (written["group_id"], written["access_share"]) == ("sme", "union")
    assert written["due_at"] == AWARDED.due_at
    assert written["decided_at"] == DECIDED_AT
    assert (written["award_id"], written["price_cents_per_hour"]) == ("aw-1", 0)


def test_an_application_without_an_award_has_no_price_and_a_paid_one_has_its_own():
    assert records.record_of_application(SUBMITTED, None)["price_cents_per_hour"] is None
    paid = replace(AWARD, price=Price.PAID, price_cents_per_hour=250)
    assert records.record_of_application(AWARDED, paid)["price_cents_per_hour"] == 250


def test_drafts_and_what_was_taken_back_are_not_judged():
    withdrawn = applications.withdraw(SUBMITTED, now=DECIDED_AT)
    assert [records.is_judged(each) for each in (building.draft(), withdrawn)] == [False, False]
    assert [records.is_judged(each) for each in (SUBMITTED, AWARDED)] == [True, True]


def test_a_training_without_a_model_left_nothing():
    written = records.record_of_training(world.A_JOB, None)
    assert (written["documents"], written["model_id"]) == ([], "")


def test_a_training_whose_record_was_changed_has_no_record():
    forged = replace(world.MODEL, card="", record={**world.MODEL.record, "label": "another"})
    assert records.record_of_training(world.A_JOB, forged)["documents"] == ["model"]


def test_an_attempt_on_a_cluster_is_metered_by_the_cluster_itself():
    written = world.records_of_the_story()
    dead, _ = gathering.gather_evidence(written, at=world.NOON).attempts
    assert dead.metered_seconds == 30  # every commenced second of a whole node
    for partition in written[records.FACTORY]:
        partition["status"] = "slurm"
    written[records.ATTEMPTS][0]["used_seconds"] = 7  # of a part of a node
    shared, _ = gathering.gather_evidence(written, at=world.NOON).attempts
    assert (shared.metered_seconds, shared.used_seconds) == (7, 7)


def test_what_a_cluster_booked_for_a_project_is_one_line_with_every_amount():
    amounts = {name: number for number, name in enumerate(records.USAGE_FIELDS)}
    written = records.record_of_usage(SimpleNamespace(**amounts, name="of the project"))
    assert written == {"record": "usage", **amounts}


def test_a_record_is_anchored_once_and_only_when_it_is_finished():
    written = world.records_of_the_story()
    chain = world.Chain()
    late = written[records.TRANSFERS].pop()
    first = anchors.make_anchors(written, chain.events)
    chain.record(anchors.ANCHORED, "evidence", files=first)
    written[records.TRANSFERS].append(late)
    second = anchors.make_anchors(written, chain.events)
    chain.record(anchors.ANCHORED, "evidence", files=second)
    assert first[records.JOBS]["ids"] == ["j-1"]  # j-2 still waits
    assert {file: anchor["ids"] for file, anchor in second.items()} == {
        records.TRANSFERS: [late["id"]]
    }
    assert anchors.make_anchors(written, chain.events) == {}
    assert list(anchors.check_anchors(written, chain.events)) == []


def test_a_record_anchored_twice_is_found():
    written = world.records_of_the_story()
    chain = world.Chain()
    for _ in range(2):
        files = anchors.make_anchors(written, [])
        chain.record(anchors.ANCHORED, "evidence", files=files)
    problems = {str(each.problem) for each in anchors.check_anchors(written, chain.events)}
    assert "j-1.1 was anchored twice" in problems


def test_forgetting_replayed_cycles_changes_no_evidence(monkeypatch):
    written = world.records_of_the_story()
    written[records.EVENTS] = []
    before = gathering.gather_evidence(written, at=world.NOON)
    monkeypatch.setattr(gathering, "_REMEMBERED_MAX", 0)
    monkeypatch.setattr(gathering, "_remembered", {"older": before.cycles[0]})
    assert gathering.gather_evidence(written, at=world.NOON) == before
