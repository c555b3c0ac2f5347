"""Whoever checks the ledger sees every account, every transfer, and what is wrong."""

from datetime import UTC, datetime

import pytest

from allmende.domain.accounting.ledger import AccountKind
from allmende.domain.basics.people import DAEMON, Person, Role
from allmende.domain.basics.refusals import NotFound, NotPermitted
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import TimeUnit
from allmende.services import allocations, ledger
from allmende.services.deeds import Deed
from allmende.storage.ledger import LedgerBalanceRow

pytestmark = pytest.mark.django_db

AUDITOR = Person(id="p-audit", name="A", roles=frozenset({Role.AUDITOR}))
APPLICANT = Person(id="p-1", name="B", roles=frozenset({Role.APPLICANT}))
DEED = Deed(
    actor=DAEMON, now=datetime(2026, 11, 22, 12, tzinfo=UTC), new_id=lambda prefix: f"{prefix}-1"
)
WHY = Sentence("because")
PLACE = {"partition_id": "werkbank", "access_share": "union"}
POOL = {**PLACE, "mode_id": "playground", "unit": TimeUnit.NODE_SECONDS}
PROJECT = "project:pr-1:werkbank:union"


@pytest.fixture(autouse=True)
def booked():
    allocations.open_pool(DEED, **POOL, seconds=1000)
    allocations.award_to_project(DEED, award_id="aw-1", project_id="pr-1", **POOL, seconds=500)
    for n in (1, 2):
        allocations.hold_for_job(
            DEED, project_id="pr-1", hold_id=f"j-{n}.1", seconds=100, reason=WHY
        )
    allocations.settle_job(DEED, hold_id="j-1.1", used_seconds=60, reason=WHY)


def test_a_clean_ledger_says_how_much_was_read():
    checked = ledger.check(AUDITOR)
    assert (checked.accounts, checked.transfers, checked.findings) == (7, 6, ())
    assert checked.is_clean


def test_a_balance_changed_by_hand_is_found():
    LedgerBalanceRow.objects.filter(account_id=PROJECT).update(balance_seconds=1_000_000)
    checked = ledger.check(AUDITOR)
    assert [finding.rule for finding in checked.findings] == ["balance_differs", "not_balanced"]
    assert checked.findings[0].sentence.english() == (
        "The transfers make 340 s, the balance says 1000000 s."
    )
    assert not checked.is_clean


def test_accounts_are_paged_by_id_with_their_balances():
    first = ledger.list_accounts(AUDITOR, limit=4)
    rest = ledger.list_accounts(AUDITOR, after=first[-1].account.id, limit=100)
    assert [(each.account.id, each.balance_seconds) for each in [*first, *rest]] == [
        ("capacity:werkbank:union", -1000),
        ("consumed:pr-1:werkbank:union", 60),
        ("expired:werkbank:union", 0),
        ("held:pr-1:werkbank:union", 100),
        ("pool:werkbank:union:playground", 500),
        (PROJECT, 340),
        ("refunded:werkbank:union", 0),
    ]
    pools = ledger.list_accounts(AUDITOR, kind=AccountKind.POOL)
    assert [each.account.owner_id for each in pools] == ["playground"]


def test_transfers_are_paged_in_the_order_of_the_ledger():
    first = ledger.list_transfers(AUDITOR, limit=4)
    rest = ledger.list_transfers(AUDITOR, after=first[-1].id)
    assert [each.id for each in [*first, *rest]] == [
        "fund:pool:werkbank:union:playground",
        "award:aw-1",
        "hold:j-1.1",
        "hold:j-2.1",
        "close:j-1.1",
        "rest:j-1.1",
    ]
    with pytest.raises(NotFound):
        ledger.list_transfers(AUDITOR, after="no-such")


def test_a_statement_runs_backwards_with_the_balance_after_each_transfer():
    first = ledger.list_statement(AUDITOR, PROJECT, limit=2)
    rest = ledger.list_statement(AUDITOR, PROJECT, before=first[-1].transfer.id)
    lines = [
        (each.transfer.id, each.change_seconds, each.balance_seconds) for each in [*first, *rest]
    ]
    assert lines == [
        ("rest:j-1.1", 40, 340),
        ("hold:j-2.1", -100, 300),
        ("hold:j-1.1", -100, 400),
        ("award:aw-1", 500, 500),
    ]
    with pytest.raises(NotFound):
        ledger.list_statement(AUDITOR, "no-such")


def test_the_ledger_is_not_for_everybody():
    for read in (ledger.check, ledger.list_accounts, ledger.list_transfers):
        with pytest.raises(NotPermitted):
            read(APPLICANT)
    with pytest.raises(NotPermitted):
        ledger.list_statement(APPLICANT, PROJECT)
