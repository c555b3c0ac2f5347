"""The tables of the ledger grow, and change in no other way."""

import pytest
from django.db import DatabaseError, connection, transaction

from allmende.domain.accounting.allocations import award, fund
from allmende.domain.accounting.ledger import NotEnoughTime, WrongUnit
from allmende.domain.basics.refusals import NotFound
from allmende.domain.basics.units import TimeUnit
from allmende.storage import immutability
from allmende.storage import ledger as store
from tests.domain.accounting.building import ENTRY, PROJECT, SHARE, chart, held, opening

pytestmark = pytest.mark.django_db


@pytest.fixture
def opened():
    store.open_accounts(chart())
    return store.apply_transfers(opening())


def test_what_was_written_is_read_back_whole(opened):
    assert list(store.iterate_transfers()) == opening()
    assert sorted(store.iterate_accounts(), key=str) == sorted(chart(), key=str)
    assert store.get_account(PROJECT.project.id) == PROJECT.project


def test_repeated_transfers_are_not_written_again(opened):
    hold = held()
    assert opened == opening()
    assert store.apply_transfers([*opening(), hold]) == [hold]
    assert store.apply_transfers([hold]) == []
    assert store.count_transfers() == 3


def test_a_refused_batch_leaves_nothing(opened):
    with pytest.raises(NotEnoughTime):
        store.apply_transfers([held(600, "j-1.1"), held(600, "j-2.1")])
    assert store.count_transfers() == 2
    assert store.get_balances([PROJECT.project.id]) == {PROJECT.project.id: 1000}


def test_an_account_that_is_not_open_is_not_found(opened):
    stranger = SHARE.accounts_of("pr-9")
    with pytest.raises(NotFound):
        store.apply_transfers(
            [award(stranger, "playground", award_id="aw-9", seconds=1, entry=ENTRY)]
        )
    with pytest.raises(NotFound):
        store.get_account(stranger.project.id)


def test_opening_accounts_twice_keeps_their_balance_and_another_unit_is_refused(opened):
    store.open_accounts(chart())
    assert store.get_all_balances()[PROJECT.project.id] == 1000
    other = type(SHARE)(partition_id="werkbank", name="union", unit=TimeUnit.GPU_SECONDS)
    with pytest.raises(WrongUnit):
        store.open_accounts([other.capacity()])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_transfer SET amount_seconds = 1",
        "DELETE FROM ledger_transfer",
        "INSERT INTO ledger_transfer (id, kind, debit_account_id, credit_account_id, "
        "amount_seconds, at, reason, deed, corrects_id) SELECT 'x', kind, debit_account_id, "
        "credit_account_id, 0, at, reason, deed, corrects_id FROM ledger_transfer",
        "INSERT INTO ledger_transfer (id, kind, debit_account_id, credit_account_id, "
        "amount_seconds, at, reason, deed, corrects_id) SELECT 'x', kind, debit_account_id, "
        "debit_account_id, 1, at, reason, deed, corrects_id FROM ledger_transfer",
    ],
    ids=["update", "delete", "nothing moved", "moved nowhere"],
)
def test_the_database_itself_refuses_what_no_ledger_does(opened, statement):
    immutability.install_triggers()
    with (
        pytest.raises(DatabaseError),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert list(store.iterate_transfers()) == opening()


def test_a_batch_takes_a_fixed_number_of_statements(opened, django_assert_num_queries):
    batch = [held(1, f"j-{n}.1") for n in range(100)]
    # On SQLite, one `executemany` of a hundred rows counts as one: locks, ids, insert, and one
    # update for each of the two accounts.
    with django_assert_num_queries(5):
        store.apply_transfers(batch)


def test_balances_before_and_between_accounts_are_summed(opened):
    more = fund(SHARE, "playground", fund_id="g", seconds=5, entry=ENTRY)
    store.apply_transfers([more])
    pool = SHARE.pool("playground").id
    assert store.get_balance_before(pool, "fund:g") == 9000
    assert (
        store.get_net_seconds(debit_account_id=pool, credit_account_id=PROJECT.project.id) == 1000
    )
    assert [each.id for each in store.list_latest_transfers(pool, limit=2)] == [
        "fund:g",
        "award:aw-1",
    ]


def test_hold_and_pair_questions_are_answered_by_their_indexes(opened):
    # With parameters, as Django asks: SQLite must see that a partial index fits without values.
    questions = {
        "hold_id IN (%s, %s)": "ledger_transfer_hold",
        "hold_id IS NULL AND debit_account_id = %s AND credit_account_id = %s": (
            "ledger_transfer_pair"
        ),
        "debit_account_id = %s ORDER BY number DESC": "ledger_transfer_debit",
        "credit_account_id = %s ORDER BY number DESC": "ledger_transfer_credit",
    }
    for question, index in questions.items():
        with connection.cursor() as cursor:
            cursor.execute(
                f"EXPLAIN QUERY PLAN SELECT number FROM ledger_transfer WHERE {question}",
                ["a"] * question.count("%s"),
            )
            assert index in str(cursor.fetchall())
