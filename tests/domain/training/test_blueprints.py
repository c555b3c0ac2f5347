"""A blueprint is checked when it is read, and its parameters when somebody uses it."""

import copy
from dataclasses import replace

import pytest

from allmende.domain.basics.refusals import NotFound
from allmende.domain.training.blueprints import (
    InvalidBlueprint,
    InvalidParams,
    TooManyNodesForBlueprint,
    check_nodes,
    check_params,
    command_for,
    count_samples,
    estimate_flop,
    expect_seconds,
    find_blueprint,
    list_simplest_first,
    parse_blueprint,
    suggest_seconds,
)
from tests.domain.training.recipes import RECIPE, a_blueprint


def said_about(**changes: object) -> str:
    """Return what is said about the recipe with these changes; None takes a key away."""
    recipe = copy.deepcopy(RECIPE) | changes
    with pytest.raises(InvalidBlueprint) as refusal:
        parse_blueprint({key: value for key, value in recipe.items() if value is not None})
    return str(refusal.value).partition("has mistakes. ")[2]


def problems(**params: object) -> str:
    with pytest.raises(InvalidParams) as refusal:
        check_params(a_blueprint(), params)
    return str(refusal.value).removeprefix("The parameters do not fit the blueprint toy@2. ")


def test_a_recipe_becomes_a_blueprint():
    blueprint = a_blueprint()
    assert (blueprint.reference, blueprint.nodes_max, blueprint.memory_bytes) == (
        "toy@2",
        1,
        256 * 1024**2,
    )
    assert blueprint.params["steps"].description.de == "Schritte"
    assert blueprint.data[0].personal_data is False


@pytest.mark.parametrize("reference", ["toy", "toy@2"])
def test_a_blueprint_is_found_with_its_version_and_without(reference):
    assert find_blueprint({"toy": a_blueprint()}, reference) == a_blueprint()


@pytest.mark.parametrize("reference", ["toys", "toy@1", "toy@two", ""])
def test_a_blueprint_that_is_not_there_is_not_found(reference):
    with pytest.raises(NotFound):
        find_blueprint({"toy": a_blueprint()}, reference)


def test_the_blueprint_that_was_meant_is_named():
    known = {"toy": a_blueprint()}
    with pytest.raises(NotFound, match=r"There is no blueprint tyo here\. Did you mean toy\?"):
        find_blueprint(known, "tyo")
    with pytest.raises(NotFound, match=r"There is no blueprint toy@1 here\. Did you mean toy@2\?"):
        find_blueprint(known, "toy@1")


def test_one_tries_first_what_needs_nothing_and_is_quick():
    toy = a_blueprint()
    slow, quick = replace(toy, id="slow", seconds=90), replace(toy, id="quick", seconds=2)
    needy = replace(quick, id="needy", data=(replace(toy.data[0], catalogue="toys"),))
    known = {each.id: each for each in (needy, toy, slow, quick)}
    assert [each.id for each in list_simplest_first(known)] == ["quick", "slow", "toy", "needy"]


@pytest.mark.parametrize(
    ("expected", "attempt", "suggested"), [(10, 9, 60), (150, 300, 600), (16, 1, 120),
    (None, 300, 300), (None, 86400, 3600), (10**9, 300, 10 * 365 * 86400)]
)  # fmt: skip
def test_a_limit_has_room_for_a_busy_machine(expected, attempt, suggested):
    assert suggest_seconds(expected, attempt_seconds=attempt) == suggested


def test_how_long_it_takes_grows_with_what_is_computed():
    toy = parse_blueprint(RECIPE | {"resources": {"time": "1m40s"}})
    assert expect_seconds(toy, {}) == 100
    assert expect_seconds(toy, {"steps": 100}) == 1008  # 1,199 FLOP of 119
    assert expect_seconds(a_blueprint(), {}) is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"id": None}, "id is missing."),
        ({"entry": None}, "entry is missing."),
        ({"purpos": 1}, "purpos: there is no such key. Did you mean purpose?"),
        ({"name": {"en": "Toy"}}, "name.de is missing."),
        ({"flop": "2 * step"}, "flop: there is no parameter step. Did you mean steps?"),
        (
            {"samples": "__import__('os')"},
            "samples: a formula has numbers, parameters, + - * / and brackets only.",
        ),
        (
            {"flop": "2 *"},
            "flop: a formula has numbers, parameters, + - * / and brackets only.",
        ),
        ({"resources": {"nodes": 1}}, "resources.nodes: there is no such key. Did you mean "),
    ],
)
def test_a_mistake_in_a_recipe_is_named(changes, expected):
    assert said_about(**changes).startswith(expected)


def test_a_default_outside_of_its_range_is_named():
    recipe = copy.deepcopy(RECIPE)
    recipe["params"]["steps"]["default"] = 0
    assert said_about(params=recipe["params"]) == (
        "params.steps.default is 0; it must lie between 1 and 100."
    )


def test_a_range_that_is_no_number_is_named():
    recipe = copy.deepcopy(RECIPE)
    recipe["params"]["steps"]["min"] = "one"
    assert said_about(params=recipe["params"]) == "params.steps.min is no number."


def test_a_range_that_is_missing_is_named():
    recipe = copy.deepcopy(RECIPE)
    del recipe["params"]["steps"]["min"]
    assert said_about(params=recipe["params"]) == "params.steps.min is missing."


def test_parameters_left_out_keep_their_defaults():
    assert check_params(a_blueprint(), {"rate": 0.5}) == {"steps": 10, "rate": 0.5}


def test_a_whole_number_written_with_a_point_is_the_whole_number():
    checked = check_params(a_blueprint(), {"steps": 7.0, "rate": 1})
    assert [(type(value), value) for value in checked.values()] == [(int, 7), (float, 1.0)]


def test_a_number_that_yaml_took_for_a_text_is_the_number():
    assert check_params(a_blueprint(), {"rate": "1e-1"})["rate"] == 0.1


def test_a_misspelt_parameter_is_refused_with_the_one_that_was_meant():
    assert problems(stesp=4) == "params.stesp: there is no such key. Did you mean steps?"


def test_all_wrong_parameters_are_said_at_once():
    assert problems(steps=0, rate=2) == (
        "params.steps is 0; it must lie between 1 and 100. "
        "params.rate is 2; it must lie between 0 and 1."
    )


@pytest.mark.parametrize("value", [0, 101])
def test_a_parameter_outside_of_its_range_is_refused(value):
    assert problems(steps=value) == f"params.steps is {value}; it must lie between 1 and 100."


@pytest.mark.parametrize("value", ["many", True, float("nan"), float("inf"), "nan"])
def test_a_parameter_that_is_no_number_is_refused(value):
    assert problems(steps=value) == "params.steps takes a number from 1 to 100."


def test_half_a_step_is_refused():
    assert problems(steps=1.5) == "params.steps takes a whole number from 1 to 100."


def test_more_nodes_than_the_blueprint_can_use_are_refused():
    check_nodes(a_blueprint(), 1)
    with pytest.raises(TooManyNodesForBlueprint, match="at most 1 nodes"):
        check_nodes(a_blueprint(), 2)


def test_the_command_names_every_parameter():
    assert command_for(a_blueprint(), {"steps": 3}, folder="/b/toy", python="/env/python") == (
        "/env/python",
        "/b/toy/train.py",
        "--quick",
        "--steps=3",
        "--rate=0.1",
    )


@pytest.mark.parametrize(("steps", "flop"), [(10, 119), (1, 11)])
def test_compute_follows_the_formula(steps, flop):
    # 6 * steps * (4 - 2) - 3 // 2 + 1 / 1 - 1
    assert estimate_flop(a_blueprint(), {"steps": steps}) == flop


def test_samples_follow_the_formula():
    assert count_samples(a_blueprint(), {"steps": 4}) == 32
