"""Jobs of ours on a cluster: charged by their settlement, and by nothing else besides."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from allmende.domain.accounting.usage import UsageState
from allmende.domain.basics.people import DAEMON
from allmende.domain.basics.sites import Factory
from allmende.domain.scheduling.backends import AttemptState, EndReason, Observation
from allmende.domain.trust.gathering import gather_evidence
from allmende.domain.trust.promises import evaluate_promises
from allmende.domain.trust.verdicts import Verdict
from allmende.services import attempts, evidence, ledger, usage
from allmende.storage import ledger as ledger_store
from allmende.storage import usage as store
from allmende.wiring.access_rules import read_access_rules
from allmende.wiring.factory import load_factory
from tests.services.usage_worlds import (
    AWARDED,
    DEED,
    GPU,
    NOW,
    SITE,
    a_record,
    add_project,
    begin_attempt,
    consumed,
    left,
    open_pools,
    settle,
)

pytestmark = pytest.mark.django_db
OURS = a_record(comment="allmende:j-1.1")


@pytest.fixture(autouse=True)
def world():
    open_pools()
    add_project("pr-1")
    begin_attempt()
    yield
    assert ledger.check(DAEMON).findings == ()


def ingest(*records, read_at=NOW):
    return usage.ingest(DEED, SITE, records, read_at=read_at)


def stored(record=OURS):
    return store.find_usages([record.key])[record.key]


def test_the_record_of_an_attempt_waits_for_its_settlement_and_is_charged_by_it():
    ingest(OURS)
    assert (stored().state, stored().person_id, consumed()) == (UsageState.SETTLING, "per-1", 0)
    settle(OURS)
    ingest(OURS, read_at=NOW + timedelta(1))
    assert usage.revisit(DEED, SITE).moved_seconds == 0
    assert (consumed(), left()) == (1200, AWARDED - 1200)
    assert (stored().state, stored().settled_seconds) == (UsageState.CHARGED, 1200)


def test_an_attempt_that_was_settled_before_its_record_was_read_is_charged_once():
    settle(OURS)
    assert stored().state is UsageState.CHARGED
    ingest(OURS)
    assert (consumed(), stored().record.user_name) == (1200, "meyer")


def test_an_attempt_that_was_settled_while_its_record_ran_is_charged_once():
    ingest(replace(OURS, ended_at=None, state="RUNNING"), read_at=NOW - timedelta(1))
    settle(OURS)
    assert stored().record.ended_at == OURS.ended_at
    ingest(OURS)
    assert consumed() == 1200


def test_an_attempt_that_was_settled_by_our_own_count_is_put_right_by_its_record():
    settle(a_record(minutes=11), names_record=False)
    assert consumed() == 1320
    ingest(OURS)
    assert (consumed(), left()) == (1200, AWARDED - 1200)
    ingest(OURS, read_at=NOW + timedelta(1))
    assert consumed() == 1200


def test_what_the_cluster_had_said_before_holds_when_the_settlement_comes():
    ingest(a_record(minutes=12, comment=OURS.comment))
    settle(OURS)
    assert consumed() == 12 * 120


def test_a_record_that_grows_after_the_settlement_is_charged_the_difference():
    settle(OURS)
    ingest(a_record(minutes=15, comment=OURS.comment), read_at=NOW + timedelta(1))
    assert consumed() == 15 * 120


def test_time_lost_with_a_node_is_given_back_once_whatever_the_cluster_calls_it():
    settle(replace(OURS, state="NODE_FAIL"))
    ingest(replace(OURS, state="REQUEUED"))
    assert (consumed(), left()) == (1200, AWARDED)
    refunds = [each for each in ledger_store.iterate_transfers() if each.kind == "refund"]
    assert [each.amount_seconds for each in refunds] == [1200]


def test_nobody_runs_free_of_charge_under_a_comment_of_ours():
    settle(OURS)
    forged = a_record(2, comment=OURS.comment)
    ingest(OURS, forged)
    assert (stored(forged).attempt_key, consumed()) == ("", 2400)


def test_a_forged_comment_of_a_job_that_still_runs_is_charged_when_that_has_ended():
    forged = a_record(2, comment=OURS.comment)
    ingest(forged)
    settle(OURS)
    assert consumed() == 1200
    usage.revisit(DEED, SITE)
    assert (consumed(), stored(forged).attempt_key) == (2400, "")


@pytest.mark.parametrize("comment", ["allmende:j-1.1", "allmende:j-unknown.1"])
def test_a_comment_that_names_no_job_of_the_account_is_no_attempt(comment):
    add_project("pr-2")
    ingest(a_record(2, account="pr-2", comment=comment))
    assert consumed("pr-2") == 1200


def test_a_record_that_was_charged_by_itself_is_not_charged_again_by_a_settlement():
    ingest(a_record())  # without our comment: it looks like anybody's
    assert consumed() == 1200
    settle(a_record())
    assert (consumed(), left()) == (1200, AWARDED - 1200)


def test_what_is_charged_by_records_is_part_of_the_evidence_and_the_promises_hold():
    lost = a_record(2, state="NODE_FAIL")
    ingest(a_record(1, minutes=3, comment=OURS.comment), lost, a_record(3), a_record(4))
    settle(OURS)
    ingest(a_record(4, minutes=5), read_at=NOW + timedelta(1))
    factory = replace(load_factory(), sites=(SITE,))
    written = evidence.gather_records(factory=factory, rules=read_access_rules(), now=NOW)
    results = evaluate_promises(gather_evidence(written, at=NOW))
    verdicts = {result.promise_id: result.verdict for result in results}
    assert verdicts["metered-once"] is verdicts["faults-refunded"] is Verdict.KEPT
    assert verdicts["ledger-balances"] is Verdict.KEPT


def test_a_second_settlement_under_the_same_record_charges_nothing_more():
    begin_attempt("j-2")
    settle(OURS)
    ingest(OURS)
    settle(OURS, key="j-2.1")
    assert consumed() == 1200


def test_an_attempt_is_charged_by_no_record_of_another_cluster():
    """Whoever speaks for one site could take a record of another one for a project of theirs."""
    foreign = replace(OURS, cluster="elsewhere", comment="")
    seen = Observation(
        key="j-1.1",
        state=AttemptState.ENDED,
        started_at=OURS.started_at,
        ended_at=OURS.ended_at,
        reason=EndReason.COMPLETED,
        nodes=("n1",),
        allocated_seconds=1200,
        record_key=foreign.key,
    )
    factory = Factory(name="F", operator="O", countries=frozenset(), sites=(SITE,))
    backend = SimpleNamespace(observe=lambda keys: [seen for _ in keys])
    workshop = SimpleNamespace(factory=factory, backend_of=lambda _: backend)
    ended, troubles, left_out = attempts.settle_ended(DEED, GPU, workshop=workshop)
    assert (len(ended), troubles, left_out) == (1, [], [])
    assert store.find_usages([foreign.key]) == {}
    ingest(OURS)  # its own record is found by its comment
    assert (consumed(), stored().attempt_key) == (1200, "j-1.1")
