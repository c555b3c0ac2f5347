"""`allmende ledger` shows accounts and transfers, and says by its exit code whether they hold."""

import json
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from allmende.cli.ledger import app
from allmende.domain.basics.people import DAEMON
from allmende.domain.basics.units import TimeUnit
from allmende.services import allocations
from allmende.services.deeds import Deed
from allmende.storage.ledger import LedgerBalanceRow

pytestmark = pytest.mark.django_db

POOL = "pool:werkbank:union:playground"


@pytest.fixture(autouse=True)
def booked():
    allocations.open_pool(
        Deed(actor=DAEMON, now=datetime(2026, 11, 22, 12, tzinfo=UTC), new_id=str),
        partition_id="werkbank",
        access_share="union",
        mode_id="playground",
        unit=TimeUnit.NODE_SECONDS,
        seconds=7200,
    )


def run(*arguments: str):
    return CliRunner().invoke(app, arguments)


def test_a_clean_ledger_ends_with_0():
    ended = run("check")
    assert (ended.exit_code, ended.stdout) == (
        0,
        "The ledger is clean: 1 transfers on 2 accounts.\n",
    )
    assert json.loads(run("check", "--json").stdout) == {
        "is_clean": True,
        "accounts": 2,
        "transfers": 1,
        "findings": [],
    }


def test_a_wrong_balance_ends_with_1_and_is_named():
    LedgerBalanceRow.objects.filter(account_id=POOL).update(balance_seconds=7201)
    ended = run("check")
    assert ended.exit_code == 1
    assert "The transfers make 7200 s, the balance says 7201 s." in ended.stdout
    found = json.loads(run("check", "--json").stdout)
    assert [each["rule"] for each in found["findings"]] == ["balance_differs", "not_balanced"]


def test_accounts_transfers_and_statements_are_shown_to_people_and_programs():
    for command in (("accounts",), ("transfers",), ("statement", POOL)):
        ended = run(*command)
        assert ended.exit_code == 0
        assert "7200" in ended.stdout
        assert len(json.loads(run(*command, "--json").stdout)) == (command == ("accounts",)) + 1
    pools = json.loads(run("accounts", "--kind", "pool", "--json").stdout)
    assert [(each["account"]["id"], each["balance_seconds"]) for each in pools] == [(POOL, 7200)]
