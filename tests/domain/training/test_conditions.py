"""What a job file says about its start: read, written back, and expanded."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.training.conditions import (
    Array,
    WaitsTooLong,
    parse_array,
    read_instant,
    read_until,
)
from allmende.domain.training.job_files import InvalidJobFile, parse_job_file
from allmende.domain.training.job_specs import JobSpec
from allmende.domain.training.sweeps import LARGEST_SWEEP, SweepTooLarge, expand_sweep

BASE = {"name": "t", "run": "true"}
BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def spec(**changes: object) -> JobSpec:
    return parse_job_file(BASE | changes)


def mistakes(**changes: object) -> str:
    with pytest.raises(InvalidJobFile) as refusal:
        spec(**changes)
    return refusal.value.sentence.english()


@pytest.mark.parametrize(
    ("text", "array", "parallel"),
    [
        ("1-20", Array(1, 20, 20), 0),
        ("0-3%2", Array(0, 3, 4), 2),
        ("5-5", Array(5, 5, 1), 0),
        ("7/20", Array(7, 7, 20), 0),
    ],
)
def test_an_array_is_a_range_of_indices_or_one_of_its_tasks(text, array, parallel):
    assert parse_array(text) == (array, parallel)
    assert parse_array(array.render()) == (array, 0)


@pytest.mark.parametrize(
    "value",
    ["", "5", 5, True, "3-1", "1-4%0", "1-4%", "1-4:2", "1,3", "-1-4", "7/0", "1-9999999", "١-٣"],
)
def test_what_is_no_range_is_refused_with_an_example(value):
    assert "Write for example 1-20, or 1-20%4" in mistakes(array=value)


@given(
    array=st.none() | st.tuples(st.integers(0, 999), st.integers(0, 63)),
    parallel=st.integers(0, 9),
    after=st.lists(st.text("ab-1", min_size=1, max_size=5), max_size=3),
    until=st.sampled_from(["", "12h", "90m", "2026-12-01T08:00", "2026-12-01T08:00:00+02:00"]),
)
def test_what_is_written_down_is_read_back(array, parallel, after, until):
    file: dict[str, Any] = BASE | {"after": after, "after_ok": after[1:]}
    file |= {"when": {"flexible_until": until}} if until else {}
    if array:
        file["array"] = f"{array[0]}-{sum(array)}" + (f"%{parallel}" if parallel else "")
    first = parse_job_file(file)
    assert parse_job_file(first.to_json()) == first
    tasks = expand_sweep(first)
    assert len(tasks) == (array[1] + 1 if array else 1)
    for task in tasks:
        assert parse_job_file(task.to_json()) == task
        assert expand_sweep(task) == [task]
        assert task.max_parallel == 0


def test_a_job_file_without_conditions_is_written_as_ever():
    assert not {"after", "after_ok", "array", "max_parallel", "when"} & spec().to_json().keys()


def test_each_task_has_its_name_and_is_told_its_index():
    tasks = expand_sweep(spec(array="9-11%2"))
    assert [task.name for task in tasks] == ["t-09", "t-10", "t-11"]
    assert [task.environment()["ALLMENDE_ARRAY_INDEX"] for task in tasks] == ["9", "10", "11"]
    assert {task.environment()["ALLMENDE_ARRAY_COUNT"] for task in tasks} == {"3"}
    assert "ALLMENDE_ARRAY_INDEX" not in spec().environment()


def test_one_task_alone_keeps_what_it_is():
    (task,) = expand_sweep(spec(array="7/20"))
    environment = task.environment()
    assert environment["ALLMENDE_ARRAY_INDEX"] == "7"
    assert environment["ALLMENDE_ARRAY_COUNT"] == "20"
    assert task.name == "t"


def test_an_array_is_no_larger_than_a_sweep():
    assert len(expand_sweep(spec(array=f"1-{LARGEST_SWEEP}"))) == LARGEST_SWEEP
    with pytest.raises(SweepTooLarge, match="makes 1000000 jobs; at most 64"):
        expand_sweep(spec(array="0-999999"))


def test_a_sweep_may_run_a_few_at_a_time():
    file = {"name": "t", "blueprint": "medicine", "sweep": {"seed": [1, 2]}, "max_parallel": 1}
    assert parse_job_file(file).max_parallel == 1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"max_parallel": 2}, "max_parallel belongs to several jobs: add sweep or array."),
        ({"array": "1-4%2", "max_parallel": 2}, "max_parallel is also in array, after the %."),
        ({"array": "1-2", "blueprint": "m", "run": None}, "does not read the index"),
        ({"array": "1-2", "sweep": {"a": [1]}, "blueprint": "m", "run": None}, "numbers its jobs"),
        ({"after": "j-1"}, "after takes a list"),
        ({"after": [1]}, "after takes a list of jobs"),
        ({"after_ok": [""]}, "after_ok takes a list of jobs"),
        ({"after": [f"k{n}" for n in range(65)]}, "after names 65 jobs; the most is 64."),
        ({"when": {"flexible_until": "soon"}}, "when.flexible_until: soon is no time."),
        ({"when": {"flexible_until": "0h"}}, "0h is no time"),
        ({"when": {"flexible_until": "2026-12-01"}}, "such as 2026-12-01T08:00"),
        ({"when": {"flexible_until": "0001-01-01T08:00"}}, "is no time"),
        ({"when": {"deadline": "soon"}}, "in how long, such as 2d."),
        ({"when": {"deadline": "1h"}, "reservation": "r-1"}, "a reservation has its own time"),
        (
            {"when": {"flexible_until": "1h"}, "reservation": "r-1"},
            "waits for better hours, and a reservation has its own time.",
        ),
        ({"partition": "p", "reservation": "r-1"}, "a reservation has its own. Keep one"),
        ({"resources": {"specialization": "robotics"}}, "Did you mean specialisation?"),
        ({"resources": {"constraint": "a100 ib"}}, "a100 ib is no expression of features."),
        ({"resources": {"constraint": "a\nb"}}, "is no expression of features."),
        ({"when": {"flexible": "12h"}}, "Did you mean flexible_until?"),
    ],
)
def test_a_mistake_is_refused_with_what_to_do(changes, says):
    assert says in mistakes(**changes)


def test_a_name_given_twice_is_waited_for_once():
    assert spec(after=["a", "b", "a"]).after == ("a", "b")


@pytest.mark.parametrize(
    ("text", "until"),
    [
        ("12h", NOON + timedelta(hours=12)),
        ("2026-12-01T08:00", datetime(2026, 12, 1, 7, tzinfo=UTC)),
        ("2026-12-01T08:00:00+00:00", datetime(2026, 12, 1, 8, tzinfo=UTC)),
        ("2025-07-01T08:00", datetime(2025, 7, 1, 6, tzinfo=UTC)),
    ],
)
def test_the_latest_start_counts_from_now_or_on_the_clocks_of_the_site(text, until):
    assert read_until(text, now=NOON, zone=BERLIN) == until


@pytest.mark.parametrize("text", ["31d", "99999999999d", "2026-12-26T12:00", "2199-01-01T00:00"])
def test_nobody_waits_by_choice_for_longer_than_thirty_days(text):
    with pytest.raises(WaitsTooLong, match="30 days at most"):
        read_until(text, now=NOON, zone=BERLIN)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2d", NOON + timedelta(days=2)),
        ("99999999999d", NOON + timedelta(days=3650)),
        ("2027-03-01T09:00", datetime(2027, 3, 1, 8, tzinfo=UTC)),
        ("2027-03-01T09:00+00:00", datetime(2027, 3, 1, 9, tzinfo=UTC)),
    ],
)
def test_a_deadline_is_a_duration_or_an_instant_on_the_clocks_of_the_site(text, instant):
    assert read_instant(spec(when={"deadline": text}).deadline, now=NOON, zone=BERLIN) == instant


def test_a_deadline_and_a_wait_by_choice_are_written_back_together():
    found = spec(when={"flexible_until": "12h", "deadline": "2d"})
    assert found.to_json()["when"] == {"flexible_until": "12h", "deadline": "2d"}
    assert parse_job_file(found.to_json()) == found
