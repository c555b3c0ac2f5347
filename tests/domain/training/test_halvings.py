"""Successive halving: the best of a sweep go on, and somebody always does."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.training.halvings import Climb, find_falls, value_at
from allmende.domain.training.job_files import InvalidJobFile, parse_job_file
from allmende.domain.training.sweep_values import Halving, Range
from allmende.domain.training.sweeps import SweepTooLarge, expand_sweep

RULE = Halving(metric="loss", first=100, keep=3)


def course(*values: float, every: int = 50) -> dict[int, float]:
    return {number * every: value for number, value in enumerate(values, start=1)}


def test_the_worst_of_those_that_came_to_a_rung_fall():
    courses = {
        "best": course(5, 1),
        "second": course(5, 2),
        "third": course(5, 3),
        "fourth": course(5, 4),
        "young": course(9),  # has not come to a rung
        "silent": {},
    }
    falls = find_falls(RULE, courses, list(courses))
    assert [(fall.job_id, fall.step, fall.place) for fall in falls] == [
        ("third", 100, 3),
        ("fourth", 100, 4),
    ]
    assert {(fall.came, fall.kept) for fall in falls} == {(4, 2)}


def test_who_comes_alone_goes_on_and_is_judged_again_when_others_come():
    assert find_falls(RULE, {"a": course(1, 9)}, ["a"]) == []
    later = {"a": course(1, 9), "b": course(2, 8), "c": course(3, 7)}
    assert [fall.job_id for fall in find_falls(RULE, later, ["a", "b", "c"])] == ["a", "b"]


def test_at_the_next_rung_only_those_count_that_came_there():
    far = {"a": course(*[2] * 6), "b": course(*[1] * 6), "c": course(0, 0)}
    falls = find_falls(RULE, far, ["a", "b", "c"])
    assert [(fall.job_id, fall.step, fall.came) for fall in falls] == [("a", 300, 2)]


def test_more_may_be_better():
    rule = Halving(metric="accuracy", goal="max", first=100, keep=2)
    falls = find_falls(rule, {"a": course(0, 0.9), "b": course(0, 0.8)}, ["a", "b"])
    assert [fall.job_id for fall in falls] == ["b"]


def test_a_value_between_two_reports_is_the_next_one():
    assert value_at({40: 4.0, 110: 3.0, 160: 2.0}, 100) == 3.0
    assert value_at({40: 4.0}, 100) is None


@given(
    courses=st.dictionaries(
        st.sampled_from("abcdefgh"),
        st.dictionaries(st.integers(1, 1000), st.floats(-9, 9), max_size=9),
    ),
    keep=st.integers(2, 5),
    goal=st.sampled_from(["min", "max"]),
)
def test_somebody_always_goes_on_and_nobody_better_falls(courses, keep, goal):
    rule = Halving(metric="m", goal=goal, first=50, keep=keep)
    fallen = {fall.job_id: fall for fall in find_falls(rule, courses, sorted(courses))}
    assert set(fallen) < set(courses) or not courses
    for fall in fallen.values():
        reached = [value_at(each, fall.step) for each in courses.values()]
        values = sorted(v for v in reached if v is not None)
        values = values if goal == "min" else values[::-1]
        assert len(values) == fall.came
        assert fall.kept == -(-fall.came // keep) < fall.place
        assert values[fall.place - 1] == fall.value


@given(
    files=st.lists(
        st.lists(st.tuples(st.integers(0, 300), st.floats(-9, 9)), max_size=20),
        min_size=1,
        max_size=5,
    ),
    cut=st.integers(1, 90),
    keep=st.integers(2, 4),
)
def test_read_piece_by_piece_and_keeping_little_the_same_jobs_fall(files, cut, keep):
    rule = Halving(metric="m", first=10, keep=keep)
    climbs = {}
    for name, said in zip("abcde", files, strict=False):
        lines = [{"t": 1, "step": step, "metrics": {"m": value}} for step, value in said]
        content = "".join(json.dumps(line) + "\n" for line in lines).encode() + b'{"t": 1, "st'
        climbs[name] = Climb(rule)
        for begin in range(0, len(content), cut):
            climbs[name].take(content[begin : begin + cut])
    whole = {name: dict(said) for name, said in zip("abcde", files, strict=False)}
    courses = {name: climb.course for name, climb in climbs.items()}
    assert find_falls(rule, courses, list(courses)) == find_falls(rule, whole, list(whole))
    assert all(len(each) <= 6 for each in courses.values())


def test_lines_that_say_nothing_of_the_metric_are_passed_over():
    climb = Climb(RULE)
    for line in ({"metrics": {"loss": 3}}, {"metrics": {"accuracy": 1}}, {}, "loss"):
        said = line if isinstance(line, str) else {"t": 1, "step": 100, **line}
        climb.take(json.dumps(said).encode() + b"\n")
    assert climb.course == {100: 3}


def file(**keys: object) -> dict[str, object]:
    return {"name": "s", "blueprint": "medicine", **keys}


def test_values_are_drawn_from_ranges_and_the_same_each_time():
    sweep = {"learning_rate": {"from": 1e-4, "to": 0.1, "scale": "log"}, "folds": [3, 4],
             "hidden_units": {"from": 4, "to": 64}}  # fmt: skip
    spec = parse_job_file(file(sweep=sweep, draws=5, sweep_seed=7))
    jobs = expand_sweep(spec)
    assert len(jobs) == 2 * 5
    assert jobs == expand_sweep(parse_job_file(spec.to_json()))
    rates = {job.params["learning_rate"] for job in jobs}
    assert len(rates) == 5
    assert all(1e-4 <= rate <= 0.1 for rate in rates)
    assert all(isinstance(job.params["hidden_units"], int) for job in jobs)
    other = expand_sweep(parse_job_file(file(sweep=sweep, draws=5, sweep_seed=8)))
    assert {job.params["learning_rate"] for job in other}.isdisjoint(rates)


def test_on_a_logarithmic_scale_each_decade_is_met_alike():
    sweep = {"x": {"from": 0.001, "to": 1000, "scale": "log"}}
    jobs = expand_sweep(parse_job_file(file(sweep=sweep, draws=64)))
    below = sum(float(job.params["x"]) < 1 for job in jobs)
    assert 20 <= below <= 44


@given(
    low=st.floats(1e-6, 1e6),
    factor=st.floats(1.001, 1e6),
    share=st.floats(0, 1),
    is_log=st.booleans(),
)
def test_what_is_drawn_lies_in_its_range(low, factor, share, is_log):
    assert low <= Range(low=low, high=low * factor, is_log=is_log).at(share) <= low * factor


def test_the_rule_is_kept_in_the_file_of_each_job():
    rule = {"metric": "loss", "goal": "max", "first": 5, "keep": 4}
    spec = parse_job_file(file(sweep={"folds": [3, 4]}, halving=rule))
    assert parse_job_file(spec.to_json()) == spec
    assert {job.halving for job in expand_sweep(spec)} == {Halving(**rule)}


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"sweep": {"x": {"from": 1}}}, "sweep.x.to is missing"),
        ({"sweep": {"x": {"from": "a", "to": 2}}}, "sweep.x.from: a is no number"),
        ({"sweep": {"x": {"from": True, "to": 2}}}, "sweep.x.from: true is no number"),
        ({"sweep": {"x": {"from": 3, "to": 2}}}, "sweep.x.to is 2, which is not above 3"),
        ({"sweep": {"x": {"from": 0, "to": 2, "scale": "log"}}}, "it is above zero"),
        ({"sweep": {"x": {"from": 0, "to": 2, "scale": "lg"}}}, "Did you mean log?"),
        ({"sweep": {"x": [1]}, "draws": 3}, "draws belongs to a sweep over a range"),
        ({"halving": {"first": 9}}, "halving.metric is missing"),
        ({"halving": {"metric": "m", "first": 9, "keep": 1}}, "the least is 2"),
        ({"halving": {"metric": "m", "first": 9, "goal": "most"}}, "halving.goal"),
    ],
)
def test_a_mistake_is_told_with_its_key(keys, says):
    with pytest.raises(InvalidJobFile) as caught:
        parse_job_file(file(**keys))
    assert says in str(caught.value)


def test_draws_and_lists_together_are_not_too_many():
    spec = parse_job_file(file(sweep={"x": {"from": 1, "to": 9}, "y": [1, 2]}, draws=33))
    with pytest.raises(SweepTooLarge, match="66"):
        expand_sweep(spec)
