"""Calibration by published runs: one voice for each family, and every run is asked once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.training.published_runs import (
    Calibration,
    Kind,
    Precision,
    calibrate,
    leave_families_out,
    validate,
)
from tests.domain.training.planning_facts import WITNESSES, witness

HOPPER = Kind(generation="hopper")


def test_utilisation_is_that_of_the_whole_run():
    each = witness("Alder", 0.25)
    assert each.run.flop == 6e22
    assert each.utilisation == pytest.approx(0.25)
    sparse = witness("Mixed", 0.25, active_parameters=2e9)
    assert sparse.run.flop == pytest.approx(1.2e22)
    assert sparse.kind == Kind(generation="hopper", is_sparse=True)


def test_every_family_has_one_voice_and_the_middle_one_decides():
    runs = [witness("Alder", 0.1, name=f"Alder {n}") for n in range(9)]
    found = Calibration([*runs, witness("Birch", 0.3), witness("Cedar", 0.9)]).find(HOPPER)
    assert found.share == pytest.approx(0.3)
    assert found.families == ("Alder", "Birch", "Cedar")


def test_the_runs_of_a_family_meet_in_their_geometric_mean():
    runs = [witness("Alder", 0.1, name="a"), witness("Alder", 0.4, name="b")]
    assert Calibration(runs).find(HOPPER).share == pytest.approx(0.2)


def test_a_family_alone_speaks_with_less_certainty():
    found = Calibration([witness("Alder", 0.3)], spread=1.5).find(HOPPER)
    assert found.spread == pytest.approx(2.25)
    assert not found.is_borrowed


def test_a_kind_without_runs_borrows_how_much_less_it_reaches_elsewhere():
    calibration = Calibration(WITNESSES, spread=1.2)
    found = calibration.find(Kind(generation="ampere", is_sparse=True))
    assert found.share == pytest.approx(0.5 * 0.15 / 0.3)
    assert (found.is_borrowed, found.families) == (True, ("Old", "Mixed"))
    assert found.spread == pytest.approx(1.44)


@pytest.mark.parametrize(
    "kind",
    [Kind(generation="vulcan"), Kind(generation="hopper", precision=Precision.FP8)],
)
def test_where_nothing_is_known_nothing_is_said(kind):
    assert Calibration(WITNESSES).find(kind) is None


def test_hours_follow_from_utilisation():
    calibration = Calibration([witness("Alder", 0.2)])
    other = witness("Birch", 0.3)
    assert calibration.predict_hours(other) == pytest.approx(other.run.gpu_hours * 1.5)
    assert calibration.predict_hours(witness("Old", 0.3, generation="ampere")) is None


def test_every_run_of_a_kind_with_three_families_is_asked_once():
    left_out = witness("Dogwood", 0.01, left_out="no tokens")
    two = [witness(name, 0.2, active_parameters=2e9) for name in ("Mixed", "Blended")]
    errors = validate([*WITNESSES, *two, left_out])
    assert set(errors) == {"Alder", "Birch", "Cedar"}
    assert errors == {name: leave_families_out(WITNESSES)[name] for name in errors}


@given(st.permutations(WITNESSES))
def test_no_order_and_no_choice_changes_what_validates(witnesses):
    assert validate(witnesses) == pytest.approx(validate(WITNESSES))


def test_the_planner_itself_learns_from_every_run_that_counts():
    left_out = witness("Dogwood", 0.01, left_out="no tokens")
    assert calibrate([*WITNESSES, left_out]).rows == Calibration(WITNESSES).rows


def test_errors_are_those_of_a_family_that_nobody_knew():
    errors = leave_families_out(WITNESSES)
    assert set(errors) == {"Alder", "Birch", "Cedar"}
    assert errors["Alder"] == pytest.approx(0.4 / (0.3 * 0.2) ** 0.5 - 1)
    assert calibrate(WITNESSES).spread > 1


def test_without_runs_there_is_no_spread():
    assert calibrate([]).spread == 1
