"""Time is awarded, held, settled and given back; every deed is booked once and audited."""

from datetime import UTC, datetime, timedelta

import pytest

from allmende.domain.access.projects import Project
from allmende.domain.accounting.allocations import Budget, NoTimeOnPartition
from allmende.domain.accounting.holds import HoldIsSettled, HoldRequest, Settlement
from allmende.domain.accounting.ledger import (
    DifferentTransfer,
    NotCorrectable,
    NotEnoughTime,
    WrongUnit,
    digest_transfers,
)
from allmende.domain.basics.people import DAEMON, Person, Role
from allmende.domain.basics.periods import Period
from allmende.domain.basics.refusals import InvalidInput, NotFound, NotPermitted
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import TimeUnit
from allmende.services import allocations, ledger
from allmende.services.budgets import SeveralAllocations
from allmende.services.deeds import Deed
from allmende.storage import audit as audit_store
from allmende.storage import ledger as store
from allmende.storage import projects as project_store

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
WHY = Sentence("because of {what}", {"what": "a test"})
PLACE = {"partition_id": "werkbank", "access_share": "union"}
POOL = {**PLACE, "mode_id": "playground", "unit": TimeUnit.NODE_SECONDS}
OFFICER = Person(id="p-office", name="O", roles=frozenset({Role.PROGRAMME_OFFICER}))
APPLICANT = Person(
    id="p-1", name="A", roles=frozenset({Role.APPLICANT}), organisation_ids=frozenset({"org-1"})
)
STRANGER = Person(
    id="p-2", name="B", roles=frozenset({Role.APPLICANT}), organisation_ids=frozenset({"org-2"})
)
DEED = Deed(actor=DAEMON, now=NOON, new_id=lambda prefix: f"{prefix}-1")
LATER = Deed(actor=DAEMON, now=NOON + timedelta(days=1), new_id=lambda prefix: f"{prefix}-2")


@pytest.fixture(autouse=True)
def awarded():
    allocations.open_pool(DEED, **POOL, seconds=10_000)
    award("aw-1", "pr-1", 1000)


def award(award_id, project_id, seconds, *, deed=DEED, **changes):
    return allocations.award_to_project(
        deed, award_id=award_id, project_id=project_id, **{**POOL, **changes}, seconds=seconds
    )


def hold(hold_id="j-1.1", seconds=100, *, deed=DEED, **where):
    return allocations.hold_for_job(
        deed, project_id="pr-1", hold_id=hold_id, seconds=seconds, reason=WHY, **where
    )


def settle(hold_id="j-1.1", used_seconds=60, *, deed=DEED):
    return allocations.settle_job(deed, hold_id=hold_id, used_seconds=used_seconds, reason=WHY)


def refund(refund_id="j-1.1", seconds=60, *, hold_id="j-1.1"):
    return allocations.refund_attempt(
        DEED, refund_id=refund_id, hold_id=hold_id, seconds=seconds, reason=WHY
    )


def budget(**parts):
    """Return the budget of pr-1 as it should be."""
    names = ("awarded", "held", "consumed", "refunded", "expired", "available")
    return Budget(
        project_id="pr-1",
        **PLACE,
        unit=TimeUnit.NODE_SECONDS,
        **{f"{name}_seconds": parts.get(name, 0) for name in names},
    )


def save_the_project():
    project_store.save_project(
        Project(
            id="pr-1",
            name="Heart sounds",
            organisation_id="org-1",
            application_id="app-1",
            group_id="sme",
            **PLACE,
            awarded_seconds=1000,
            period=Period(starts_at=NOON, ends_at=NOON + timedelta(days=90)),
        )
    )


def the_budget():
    save_the_project()
    return allocations.get_budget(APPLICANT, "pr-1")


def the_ledger_is_clean():
    return ledger.check(DAEMON).findings == ()


def count_events():
    return audit_store.get_head().number


def test_an_award_gives_the_project_time_from_the_pool():
    assert the_budget() == budget(awarded=1000, available=1000)
    assert store.get_balances(["pool:werkbank:union:playground"]) == {
        "pool:werkbank:union:playground": 9000
    }


def test_a_job_holds_uses_and_gives_back():
    hold(seconds=100)
    assert the_budget() == budget(awarded=1000, held=100, available=900)
    settle(used_seconds=60)
    assert the_budget() == budget(awarded=1000, consumed=60, available=940)
    refund(seconds=60)
    assert the_budget() == budget(awarded=1000, consumed=60, refunded=60, available=1000)
    assert the_ledger_is_clean()


@pytest.mark.parametrize("used_seconds", [0, 60, 100, 130])
def test_a_settlement_repeated_later_changes_nothing(used_seconds):
    hold()
    first = settle(used_seconds=used_seconds)
    before, events = the_budget(), count_events()
    assert settle(used_seconds=used_seconds, deed=LATER) == first
    assert (the_budget(), count_events()) == (before, events)
    assert before.consumed_seconds == used_seconds


def test_a_settlement_with_another_figure_is_refused():
    hold()
    settle(used_seconds=60)
    with pytest.raises(HoldIsSettled):
        settle(used_seconds=61)
    with pytest.raises(HoldIsSettled):
        allocations.void_hold(DEED, hold_id="j-1.1", reason=WHY)
    assert the_budget() == budget(awarded=1000, consumed=60, available=940)


@pytest.mark.parametrize("close", [allocations.void_hold, allocations.expire_hold])
def test_a_hold_given_back_is_whole_again_and_stays_so(close):
    hold()
    first = close(DEED, hold_id="j-1.1", reason=WHY)
    assert close(LATER, hold_id="j-1.1", reason=WHY) == first
    assert the_budget() == budget(awarded=1000, available=1000)
    with pytest.raises(HoldIsSettled):
        settle(used_seconds=60)


def test_a_job_above_its_budget_is_refused_with_what_there_is():
    with pytest.raises(NotEnoughTime) as refused:
        hold(seconds=1001)
    assert refused.value.facts == {
        "account": "project:pr-1:werkbank:union",
        "available": "0.277778",
        "needed": "0.278056",
        "unit": "node-h",
    }
    assert the_budget() == budget(awarded=1000, available=1000)


def test_a_job_that_overran_is_metered_in_full_and_blocks_the_next_one():
    hold(seconds=1000)
    settle(used_seconds=1010)
    assert the_budget() == budget(awarded=1000, consumed=1010, available=-10)
    with pytest.raises(NotEnoughTime):
        hold("j-2.1", 1)
    assert the_ledger_is_clean()


def test_a_project_has_no_time_where_nobody_gave_it_any():
    with pytest.raises(NoTimeOnPartition) as refused:
        hold(partition_id="jupiter-booster")
    assert refused.value.facts["partition"] == "jupiter-booster"
    with pytest.raises(NoTimeOnPartition):
        hold(access_share="national")


def test_a_project_with_time_in_two_places_must_say_which():
    share = {**POOL, "access_share": "national"}
    allocations.open_pool(DEED, **share, seconds=500)
    award("aw-2", "pr-1", 500, access_share="national")
    with pytest.raises(SeveralAllocations) as refused:
        hold()
    assert refused.value.facts["places"] == "werkbank (national), werkbank (union)"
    hold(access_share="national")
    save_the_project()
    left = [
        (each.access_share, each.available_seconds)
        for each in allocations.list_budgets(APPLICANT, "pr-1")
    ]
    assert left == [("national", 400), ("union", 1000)]


def test_the_same_award_again_is_the_same_award_and_another_content_is_refused():
    again = award("aw-1", "pr-1", 1000, deed=LATER)
    assert again.amount_seconds == 1000
    with pytest.raises(DifferentTransfer):
        award("aw-1", "pr-1", 1001)
    with pytest.raises(DifferentTransfer):
        award("aw-1", "pr-2", 1000)
    assert the_budget() == budget(awarded=1000, available=1000)


def test_a_pool_is_opened_once_and_filled_up_under_another_id():
    allocations.open_pool(LATER, **POOL, seconds=10_000)
    with pytest.raises(DifferentTransfer):
        allocations.open_pool(DEED, **POOL, seconds=10_001)
    allocations.open_pool(DEED, **POOL, seconds=500, fund_id="2027")
    assert store.get_balances(["capacity:werkbank:union"]) == {"capacity:werkbank:union": -10_500}


def test_an_empty_pool_awards_nothing():
    with pytest.raises(NotEnoughTime):
        award("aw-9", "pr-9", 1, mode_id="fast-lane")


def test_the_wrong_unit_is_refused():
    with pytest.raises(WrongUnit):
        award("aw-2", "pr-2", 1, unit=TimeUnit.GPU_SECONDS)


@pytest.mark.parametrize("seconds", [0, -1])
def test_no_deed_moves_nothing_or_less(seconds):
    with pytest.raises(InvalidInput):
        award("aw-2", "pr-2", seconds)
    with pytest.raises(InvalidInput):
        hold(seconds=seconds)


def test_time_is_topped_up_clawed_back_and_expires():
    change = {"project_id": "pr-1", "reason": WHY}
    allocations.top_up_project(DEED, top_up_id="1", mode_id="playground", seconds=200, **change)
    allocations.claw_back_project(
        DEED, claw_back_id="1", mode_id="playground", seconds=300, **change
    )
    hold()
    expired = allocations.expire_project(DEED, expiry_id="end", **change)
    assert expired.amount_seconds == 800
    assert the_budget() == budget(awarded=900, held=100, expired=800)
    settle(used_seconds=60)
    # The first expiry is over; what came back since then takes another one.
    assert allocations.expire_project(LATER, expiry_id="end", **change) == expired
    allocations.expire_project(LATER, expiry_id="end.2", **change)
    assert the_budget() == budget(awarded=900, consumed=60, expired=840)
    assert allocations.expire_project(LATER, expiry_id="end.3", **change) is None
    assert the_ledger_is_clean()


def test_more_than_is_left_cannot_be_clawed_back():
    hold(seconds=900)
    with pytest.raises(NotEnoughTime):
        allocations.claw_back_project(
            DEED,
            claw_back_id="1",
            project_id="pr-1",
            mode_id="playground",
            seconds=101,
            reason=WHY,
        )


def test_a_refund_is_given_once_and_never_above_the_use():
    hold()
    with pytest.raises(InvalidInput):
        refund(seconds=1)
    settle(used_seconds=60)
    with pytest.raises(InvalidInput):
        refund(seconds=61)
    refund(seconds=60)
    refund(seconds=60)
    assert the_budget() == budget(awarded=1000, consumed=60, refunded=60, available=1000)


def test_a_correction_undoes_an_award_and_the_budget_says_so():
    award("aw-2", "pr-1", 500)
    first = allocations.correct_transfer(DEED, transfer_id="award:aw-2", reason=WHY)
    assert first.corrects_id == "award:aw-2"
    allocations.correct_transfer(LATER, transfer_id="award:aw-2", reason=WHY)
    assert the_budget() == budget(awarded=1000, available=1000)
    hold()
    with pytest.raises(NotCorrectable):
        allocations.correct_transfer(DEED, transfer_id="hold:j-1.1", reason=WHY)
    with pytest.raises(NotFound):
        allocations.correct_transfer(DEED, transfer_id="no-such", reason=WHY)
    assert the_ledger_is_clean()


def test_many_jobs_are_held_and_settled_in_one_deed():
    requests = [
        HoldRequest(hold_id=f"j-{n}.1", project_id="pr-1", seconds=10, reason=WHY)
        for n in range(50)
    ]
    events = count_events()
    allocations.hold_for_jobs(DEED, requests)
    assert the_budget() == budget(awarded=1000, held=500, available=500)
    settlements = [
        Settlement(hold_id=f"j-{n}.1", used_seconds=n % 12, reason=WHY) for n in range(50)
    ]
    used = sum(each.used_seconds for each in settlements)
    first = allocations.settle_jobs(DEED, settlements)
    assert allocations.settle_jobs(LATER, settlements) == first
    assert the_budget() == budget(awarded=1000, consumed=used, available=1000 - used)
    assert count_events() == events + 2
    assert the_ledger_is_clean()


def test_a_batch_with_one_job_too_many_holds_nothing():
    requests = [
        HoldRequest(hold_id=f"j-{n}.1", project_id="pr-1", seconds=400, reason=WHY)
        for n in range(3)
    ]
    with pytest.raises(NotEnoughTime):
        allocations.hold_for_jobs(DEED, requests)
    assert the_budget() == budget(awarded=1000, available=1000)


def test_one_hold_settled_twice_in_a_batch_is_settled_once():
    hold()
    same = Settlement(hold_id="j-1.1", used_seconds=60, reason=WHY)
    allocations.settle_jobs(DEED, [same, same])
    assert the_budget() == budget(awarded=1000, consumed=60, available=940)


def test_an_unknown_hold_is_not_found():
    with pytest.raises(NotFound):
        settle("j-9.1")


def test_each_deed_leaves_one_event_that_names_its_transfers():
    hold()
    event = audit_store.find_last_event(action="time.held")
    transfer = store.find_transfer("hold:j-1.1")
    assert event.subject == "pr-1"
    assert event.facts["transfer_ids"] == ["hold:j-1.1"]
    assert event.facts["transfers_digest"] == digest_transfers([transfer])
    assert (transfer.at, transfer.reason, transfer.deed) == (NOON, WHY, "hold_for_job by daemon")


def test_who_may_not_is_refused():
    as_stranger = Deed(actor=STRANGER, now=NOON, new_id=lambda prefix: prefix)
    nobody = Deed(actor=Person(id="x", name="X"), now=NOON, new_id=lambda prefix: prefix)
    with pytest.raises(NotPermitted):
        award("aw-2", "pr-2", 1, deed=as_stranger)
    with pytest.raises(NotPermitted):
        allocations.open_pool(as_stranger, **POOL, seconds=1, fund_id="x")
    with pytest.raises(NotPermitted):
        hold(deed=nobody)
    with pytest.raises(NotPermitted):
        settle(deed=nobody)


def test_a_budget_of_somebody_else_does_not_exist():
    the_budget()
    assert allocations.get_budget(OFFICER, "pr-1") == the_budget()
    with pytest.raises(NotFound):
        allocations.get_budget(STRANGER, "pr-1")
    with pytest.raises(NotFound):
        allocations.list_budgets(STRANGER, "pr-1")
