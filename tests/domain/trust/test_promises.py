"""Each promise is kept by good evidence, broken by bad, and open without any."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from allmende.domain.basics.refusals import NotFound
from allmende.domain.basics.sentences import Sentence
from allmende.domain.trust.audit import Finding
from allmende.domain.trust.facts import (
    AccountFact,
    ApplicationFact,
    AttemptFact,
    CycleFact,
    Evidence,
    GroupFact,
    Targets,
    TrainingFact,
    UsageFact,
)
from allmende.domain.trust.promises import (
    PROMISES,
    evaluate_promise,
    evaluate_promises,
    get_promise,
)
from allmende.domain.trust.verdicts import ROWS_MAX, Verdict

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
TARGETS = Targets(
    countries=frozenset({"DE"}),
    sme_share=Fraction(1, 5),
    renewable_share=Fraction(1),
    heat_used_share=Fraction(1, 10),
)
NOTHING = Evidence(at=NOON, targets=TARGETS)


def a_group(*, running: int = 2, demand: int = 3, lag: int = 0, bound: int = 60) -> GroupFact:
    return GroupFact(
        group_id="sme",
        guaranteed_nodes=Fraction(3, 2),
        running_nodes=running,
        demand_nodes=demand,
        lag_node_seconds=Fraction(lag),
        bound_node_seconds=Fraction(bound),
    )


def a_cycle(number: int, *, group: GroupFact | None = None, replays: bool = True) -> CycleFact:
    return CycleFact(
        number=number,
        partition_id="werkbank",
        at=NOON + timedelta(seconds=10 * number),
        capacity_nodes=6,
        pending_ids=("j-1", "j-2"),
        answered_ids=("j-2", "j-1"),
        groups=(a_group() if group is None else group,),
        replays=replays,
    )


AN_ATTEMPT = AttemptFact(
    key="j-1.1",
    project_id="pr-1",
    partition_id="werkbank",
    access_share="union",
    country="DE",
    data_class="health",
    reason="completed",
    is_settled=True,
    metered_seconds=30,
    used_seconds=30,
    refunded_seconds=0,
    energy_joules=400,
    energy_method="estimated",
    energy_scope="node",
)
A_DEAD_ONE = replace(AN_ATTEMPT, key="j-1.2", reason="node_fail", refunded_seconds=30)
CONSUMED = AccountFact(
    id="consumed:pr-1:werkbank:union",
    kind="consumed",
    owner_id="pr-1",
    partition_id="werkbank",
    access_share="union",
    balance_seconds=60,
)
REFUNDED = replace(
    CONSUMED, id="refunded:werkbank:union", kind="refunded", owner_id="", balance_seconds=-30
)
A_USAGE = UsageFact(
    project_id="pr-1",
    partition_id="werkbank",
    booked_seconds=40,
    used_seconds=40,
    charged_seconds=0,  # by the settlements of the attempts above
    lost_seconds=5,
    given_back_seconds=5,
    refunded_seconds=0,
)
NOTHING_LOST = replace(
    A_USAGE, booked_seconds=0, used_seconds=0, lost_seconds=0, given_back_seconds=0
)
AN_APPLICATION = ApplicationFact(
    id="app-1",
    is_from_sme=True,
    access_share="union",
    due_at=NOON,
    decided_at=NOON - timedelta(seconds=1),
    is_awarded=True,
    price_cents=0,
)
A_TRAINING = TrainingFact(job_id="j-1", documents=frozenset({"model", "card", "record"}))
A_FINDING = Finding(place="event 2", problem=Sentence("event 2 was changed"))
GOOD = Evidence(
    at=NOON,
    targets=TARGETS,
    cycles=tuple(a_cycle(number) for number in range(1, 4)),
    attempts=(AN_ATTEMPT, A_DEAD_ONE),
    usages=(A_USAGE, NOTHING_LOST),
    accounts=(CONSUMED, REFUNDED),
    applications=(AN_APPLICATION,),
    trainings=(A_TRAINING,),
    events=7,
    site_figures={"renewable": Fraction(1), "heat_used": Fraction(1, 8)},
)


def verdict_of(promise_id: str, evidence: Evidence) -> Verdict:
    return evaluate_promise(get_promise(promise_id), evidence).verdict


def test_every_promise_is_kept_by_good_evidence():
    assert {r.promise_id: r.verdict for r in evaluate_promises(GOOD)} == {
        promise.id: Verdict.KEPT for promise in PROMISES
    }


def test_no_promise_is_kept_without_evidence():
    assert {r.verdict for r in evaluate_promises(NOTHING)} == {Verdict.NO_EVIDENCE}
    assert all(r.checked == 0 and r.rows == () for r in evaluate_promises(NOTHING))


BAD = {
    "a lag above its bound": ("sme-guarantee", {"cycles": (a_cycle(1, group=a_group(lag=61)),)}),
    "a lag where none is allowed": (
        "sme-guarantee",
        {"cycles": (a_cycle(1, group=a_group(lag=1, bound=0)),)},
    ),
    "less than the share for long": (
        "sme-share",
        {"cycles": tuple(a_cycle(n, group=a_group(running=1)) for n in range(1, 30))},
    ),
    "a decision at the very second at which it is late": (
        "decisions-in-time",
        {"applications": (replace(AN_APPLICATION, decided_at=NOON),)},
    ),
    "no decision by its due time": (
        "decisions-in-time",
        {
            "applications": (
                replace(AN_APPLICATION, decided_at=None, due_at=NOON - timedelta(seconds=1)),
            )
        },
    ),
    "a job without an answer": (
        "one-reason",
        {"cycles": (replace(a_cycle(1), answered_ids=("j-1",)),)},
    ),
    "a job with two answers": (
        "one-reason",
        {"cycles": (replace(a_cycle(1), answered_ids=("j-1", "j-1", "j-2")),)},
    ),
    "an answer nobody asked for": (
        "one-reason",
        {"cycles": (replace(a_cycle(1), answered_ids=("j-1", "j-2", "j-3")),)},
    ),
    "a plan that does not come out again": (
        "plans-replay",
        {"cycles": (a_cycle(1), a_cycle(2, replays=False))},
    ),
    "a ledger with a finding": ("ledger-balances", {"ledger_findings": (A_FINDING,)}),
    "a second that is not booked": (
        "metered-once",
        {"accounts": (replace(CONSUMED, balance_seconds=59), REFUNDED)},
    ),
    "a second booked for nobody": (
        "metered-once",
        {"accounts": (CONSUMED, replace(CONSUMED, id="consumed:pr-2:werkbank:union"))},
    ),
    "a charge that the clock does not show": (
        "metered-once",
        {"attempts": (replace(AN_ATTEMPT, metered_seconds=29), A_DEAD_ONE)},
    ),
    "a dead node that is not refunded": (
        "faults-refunded",
        {"attempts": (AN_ATTEMPT, replace(A_DEAD_ONE, refunded_seconds=29))},
    ),
    "a refund for no reason": (
        "faults-refunded",
        {"attempts": (replace(AN_ATTEMPT, refunded_seconds=30), A_DEAD_ONE)},
    ),
    "a refund that the ledger does not know": ("faults-refunded", {"accounts": (CONSUMED,)}),
    "a record of a cluster that is not in the ledger": (
        "metered-once",
        {"usages": (replace(A_USAGE, charged_seconds=1),)},
    ),
    "a record of a cluster in the ledger of nobody": (
        "metered-once",
        {"usages": (replace(A_USAGE, project_id="pr-2", charged_seconds=1),)},
    ),
    "a record of a cluster that says less than was booked": (
        "metered-once",
        {"usages": (replace(A_USAGE, used_seconds=39),)},
    ),
    "a run on a dead node that is not refunded": (
        "faults-refunded",
        {"usages": (replace(A_USAGE, given_back_seconds=4),)},
    ),
    "a refund of a cluster's record that the ledger does not know": (
        "faults-refunded",
        {"usages": (replace(A_USAGE, refunded_seconds=1),)},
    ),
    "data abroad": ("data-residency", {"attempts": (replace(AN_ATTEMPT, country="US"),)}),
    "data of a class that nobody knows": (
        "data-residency",
        {"attempts": (replace(AN_ATTEMPT, data_class="secret"),)},
    ),
    "energy without a method": (
        "energy-stated",
        {"attempts": (replace(AN_ATTEMPT, energy_method=""),)},
    ),
    "energy without a scope": (
        "energy-stated",
        {"attempts": (replace(AN_ATTEMPT, energy_scope=""),)},
    ),
    "a training without its card": (
        "documents-left",
        {"trainings": (replace(A_TRAINING, documents=frozenset({"model", "record"})),)},
    ),
    "an SME that pays": (
        "free-for-smes",
        {"applications": (replace(AN_APPLICATION, price_cents=1),)},
    ),
    "an SME whose price nobody knows": (
        "free-for-smes",
        {"applications": (replace(AN_APPLICATION, price_cents=None),)},
    ),
    "a broken chain": ("audit-unbroken", {"chain_findings": (A_FINDING,)}),
    "power from coal": ("renewable-power", {"site_figures": {"renewable": Fraction(99, 100)}}),
    "heat blown away": ("heat-used", {"site_figures": {"heat_used": Fraction(9, 100)}}),
}


@pytest.mark.parametrize("case", BAD)
def test_a_promise_is_broken_by(case):
    promise_id, change = BAD[case]
    results = {r.promise_id: r for r in evaluate_promises(replace(GOOD, **change))}
    assert results[promise_id].verdict is Verdict.BROKEN
    assert results[promise_id].broken > 0
    assert not results[promise_id].rows[0].is_kept


def test_a_window_too_short_to_tell_says_nothing_yet():
    cycles = tuple(a_cycle(n, group=a_group(running=1)) for n in range(1, 4))
    result = evaluate_promise(get_promise("sme-share"), replace(GOOD, cycles=cycles))
    assert result.verdict is Verdict.NO_EVIDENCE
    assert str(result.value) == "SMEs have not yet asked for enough, for long enough, to tell."


def test_time_without_demand_counts_neither_for_nor_against():
    idle = tuple(a_cycle(n, group=a_group(running=0, demand=0)) for n in range(1, 300))
    assert verdict_of("sme-share", replace(GOOD, cycles=idle)) is Verdict.NO_EVIDENCE


def test_a_partition_without_a_guarantee_for_smes_is_not_judged_by_it():
    nobody = replace(a_group(), guaranteed_nodes=Fraction(0))
    evidence = replace(GOOD, cycles=(a_cycle(1, group=nobody),))
    assert verdict_of("sme-guarantee", evidence) is Verdict.NO_EVIDENCE


def test_no_lag_under_no_bound_is_kept():
    evidence = replace(GOOD, cycles=(a_cycle(1, group=a_group(bound=0)),))
    assert verdict_of("sme-guarantee", evidence) is Verdict.KEPT


def test_a_running_attempt_is_not_yet_judged_by_the_ledger():
    running = replace(AN_ATTEMPT, key="j-2.1", is_settled=False, used_seconds=0)
    evidence = replace(GOOD, attempts=(*GOOD.attempts, running))
    for promise_id in ("metered-once", "faults-refunded", "energy-stated"):
        assert verdict_of(promise_id, evidence) is Verdict.KEPT


def test_others_than_smes_and_other_shares_may_cost_something():
    others = (
        replace(AN_APPLICATION, is_from_sme=False, price_cents=900),
        replace(AN_APPLICATION, access_share="national", price_cents=900),
        replace(AN_APPLICATION, is_awarded=False, price_cents=None),
    )
    evidence = replace(GOOD, applications=others)
    assert verdict_of("free-for-smes", evidence) is Verdict.NO_EVIDENCE


def test_a_result_shows_what_breaks_the_promise_first_and_counts_the_rest():
    attempts = [replace(AN_ATTEMPT, key=f"j-{n:03d}.1") for n in range(2 * ROWS_MAX)]
    attempts[-1] = replace(attempts[-1], country="US")
    result = evaluate_promise(
        get_promise("data-residency"), replace(GOOD, attempts=tuple(attempts))
    )
    assert (result.checked, result.broken, len(result.rows)) == (2 * ROWS_MAX, 1, ROWS_MAX)
    assert result.rows[0].record == f"attempt j-{2 * ROWS_MAX - 1:03d}.1"
    assert str(result.target) == "only in DE; personal and health data only in the EEA"


def test_values_and_targets_read_as_sentences():
    results = {r.promise_id: r for r in evaluate_promises(GOOD)}
    assert str(results["sme-share"].target) == (
        "at least 20 % of all node time while they ask for it"
    )
    assert str(results["sme-share"].value) == "33.3 % while they asked for it"
    assert str(results["metered-once"].value) == "60 s used, 60 s booked"
    assert str(results["faults-refunded"].value) == "30 s given back"
    assert str(results["renewable-power"].value) == "100.0 % by the site's meters"
    assert str(results["energy-stated"].value) == (
        "2 of 2 attempts, 0 of them measured, 800 J together"
    )


def test_a_promise_nobody_made_is_not_found():
    with pytest.raises(NotFound):
        get_promise("eternal-life")
