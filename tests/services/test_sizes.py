"""The calculator answers by machine and blueprint, and fills in an application."""

from dataclasses import replace
from decimal import Decimal

import pytest

from allmende.domain.access.applications import ApplicationIsFrozen
from allmende.domain.basics.people import PUBLIC
from allmende.domain.basics.refusals import NotFound
from allmende.domain.basics.units import TimeUnit
from allmende.domain.training.sizes import FiguresMissing
from allmende.services import applications, calls, sizes
from allmende.services.sizes import SizeQuestion
from allmende.wiring.blueprints import load_blueprints
from allmende.wiring.factory import load_factory
from tests.services.access import (
    CALL_ID,
    HOUR,
    NOON,
    RULES,
    deed,
    drafted,
    founder,
    open_playground,
)
from tests.services.peer_review import CALL_ID as SCIENCE
from tests.services.peer_review import open_round, scientist

pytestmark = pytest.mark.django_db
KNOWN = {"factory": load_factory(), "blueprints": load_blueprints(), "rules": RULES}


def ask(**question):
    return sizes.estimate_size(PUBLIC, SizeQuestion(**question), **KNOWN, now=NOON)


def test_a_language_model_on_a_real_machine():
    given = ask(partition_id="jupiter-booster", parameters=7 * 10**9, tokens=10**12, devices=256)
    assert given.unit is TimeUnit.GPU_SECONDS
    assert given.size.flop == 42 * 10**21
    # 4.2e22 / (989e12 × 0.3) = 39,322 GPU hours
    assert float(given.size.device_hours) == pytest.approx(39_322, rel=0.001)
    assert given.size.energy_joules == int(given.size.device_seconds * 680)
    assert given.cost_cents == given.size.device_seconds * given.price.cents_per_hour // HOUR
    assert [mark.is_reached for mark in given.marks] == [True, False, False]


def test_the_marks_of_the_ai_act_are_those_of_the_day():
    marks = ask(parameters=405 * 10**9, tokens=15_600 * 10**9, peak_teraflops=Decimal(989)).marks
    assert [(mark.flop, mark.is_reached) for mark in marks[1:]] == [(10**23, True), (10**25, True)]
    assert (float(marks[0].flop), marks[0].is_reached) == (pytest.approx(10**23 / 3), True)
    assert "within 14 days" in marks[2].sentence.english()
    exactly = ask(parameters=10**12, tokens=10**13 // 6 + 1, peak_teraflops=Decimal(989)).marks
    assert exactly[2].is_reached


def test_a_blueprint_takes_at_most_what_a_run_may_last_where_no_speed_is_known():
    given = ask(blueprint_id="medicine", partition_id="werkbank", runs=8)
    limit = load_factory().get_partition("werkbank").max_time_limit_seconds
    assert given.size.is_upper_bound
    assert given.size.hours_each == Decimal("0.09") >= Decimal(limit) / HOUR
    assert given.size.device_hours == Decimal("0.72")
    assert given.size.energy_joules > 0


@pytest.mark.parametrize(
    ("question", "what"),
    [
        ({}, "parameters and of tokens"),
        ({"parameters": 10, "peak_teraflops": Decimal(1)}, "parameters and of tokens"),
        ({"parameters": 10, "tokens": 10}, "speed of one device"),
        ({"parameters": 10, "tokens": 10, "partition_id": "werkbank"}, "speed of one device"),
    ],
)
def test_what_nobody_said_is_named(question, what):
    with pytest.raises(FiguresMissing, match=what):
        ask(**question)


def test_unknown_machines_and_blueprints_do_not_exist():
    with pytest.raises(NotFound):
        ask(partition_id="deep-thought")
    with pytest.raises(NotFound):
        ask(blueprint_id="alchemy")


def test_own_figures_go_before_those_of_the_machine():
    given = ask(
        partition_id="jupiter-booster",
        parameters=10**9,
        tokens=10**10,
        peak_teraflops=Decimal(100),
        watts=Decimal(300),
        utilisation_percent=Decimal(50),
    )
    assert float(given.size.device_hours) == pytest.approx(333.34, rel=0.001)
    assert given.size.energy_joules == given.size.device_seconds * 300


def test_the_figures_of_the_calculator_fill_in_a_short_form():
    open_playground()
    ada, firm = founder()
    draft = drafted(ada, firm, call_id=CALL_ID)
    question = SizeQuestion(blueprint_id="medicine", partition_id="werkbank", runs=10)
    filled = sizes.take_over(deed(ada), draft.id, question, **KNOWN)
    assert filled.form.requested_seconds == int(Decimal("0.9") * HOUR)
    assert (filled.form.blueprint_id, filled.form.planned_runs) == ("medicine", ())
    call = calls.get_call(ada, CALL_ID, now=NOON).call
    assert sizes.prefill(filled, call).blueprint_id == "medicine"
    assert applications.list_findings(ada, draft.id, rules=RULES, now=NOON) == ()


def test_a_full_form_gets_its_plan_once():
    open_round()
    rosa, lab = scientist()
    draft = applications.start_application(deed(rosa), call_id=SCIENCE, organisation_id=lab.id)
    question = SizeQuestion(
        partition_id="werkbank",
        parameters=10**6,
        tokens=10**9,
        peak_teraflops=Decimal("0.01"),
        devices=2,
        runs=3,
    )
    filled = sizes.take_over(deed(rosa), draft.id, question, **KNOWN).form
    assert filled.planned_hours * HOUR == filled.requested_seconds
    assert (filled.training_flop, filled.training_tokens) == (6 * 10**15, 10**9)
    again = sizes.take_over(deed(rosa), draft.id, replace(question, runs=4), **KNOWN).form
    assert again.planned_runs == filled.planned_runs
    assert again.requested_seconds > filled.requested_seconds


def test_what_the_call_would_not_give_is_said_before():
    open_playground()
    ada, firm = founder()
    draft = drafted(ada, firm)
    call = calls.get_call(ada, CALL_ID, now=NOON).call
    small = ask(blueprint_id="medicine", partition_id="werkbank")
    large = ask(blueprint_id="medicine", partition_id="werkbank", runs=100)
    assert sizes.find_obstacle(draft, call, small) is None
    assert "gives up to 4" in sizes.find_obstacle(draft, call, large).english()
    elsewhere = ask(blueprint_id="medicine", partition_id="jupiter-booster")
    assert "counts in node-h" in sizes.find_obstacle(draft, call, elsewhere).english()


def test_nobody_fills_in_for_others_or_after_the_hand_in():
    open_playground()
    ada, firm = founder()
    eve, _ = founder("eve")
    draft = drafted(ada, firm)
    question = SizeQuestion(blueprint_id="medicine", partition_id="werkbank")
    with pytest.raises(NotFound):
        sizes.take_over(deed(eve), draft.id, question, **KNOWN)
    applications.submit_application(deed(ada), draft.id, rules=RULES)
    with pytest.raises(ApplicationIsFrozen):
        sizes.take_over(deed(ada), draft.id, question, **KNOWN)
