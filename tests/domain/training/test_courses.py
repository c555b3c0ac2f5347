"""The course of a run, and the sieve for what travels of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.training.courses import (
    LONGEST_LINE_BYTES,
    MOST_MARKS,
    MOST_METRICS,
    POINTS_PER_METRIC,
    THINNED,
    Course,
    TimeLeft,
    thin,
)
from allmende.domain.training.sieves import MOST_SETS, Sieve


def said(at: float, step: int, total: int = 0, **metrics: float) -> bytes:
    line = {"t": at, "step": step, "total": total, "metrics": metrics}
    return json.dumps(line).encode() + b"\n"


def a_course(*lines: bytes) -> Course:
    course = Course()
    course.take(b"".join(lines))
    return course


values = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300)


@given(values, st.integers(4, 60))
def test_thinned_points_keep_ends_and_extremes(numbers, most):
    points = list(enumerate(numbers))
    kept = thin(points, most)
    assert len(kept) <= most
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert set(kept) <= set(points)
    assert list(kept) == sorted(kept)
    for choose in (min, max):
        assert choose(value for _, value in kept) == choose(numbers)


def test_a_long_run_is_kept_small_and_its_one_spike_stays():
    lines = [said(n / 1000, n, loss=9e9 if n == 31_234 else n % 7) for n in range(50_000)]
    course = a_course(*lines)
    assert len(course.curves["loss"]) < 2 * POINTS_PER_METRIC
    assert (31_234, 9e9) in thin(course.curves["loss"])
    assert len(course._marks) <= MOST_MARKS


@given(st.lists(st.tuples(st.integers(0, 20), st.floats(0, 9)), max_size=40), st.data())
def test_pieces_make_the_same_course_wherever_they_are_cut(reports, data):
    text = b"".join(said(n, step, loss=value) for n, (step, value) in enumerate(reports))
    cut = data.draw(st.integers(0, len(text)))
    whole, pieces = a_course(text), a_course(text[:cut])
    pieces.take(text[cut:])
    assert (pieces.curves, pieces.last) == (whole.curves, whole.last)


def test_steps_done_again_count_once():
    course = a_course(*(said(n, n, loss=1.0) for n in range(10)), said(20, 6, loss=2.0))
    course.take(said(21, 8, loss=3.0) + said(21, 8, loss=4.0))
    assert course.curves["loss"] == [(n, 1.0) for n in range(6)] + [(6, 2.0), (8, 4.0)]


def test_time_left_is_a_range_of_recent_paces_and_unknown_while_young():
    assert a_course(said(0, 0, 100), said(1, 1, 100)).time_left is None
    assert a_course(said(0, 5)).time_left is None
    assert a_course(*(said(n / 10, n, 100) for n in range(90))).time_left is None
    assert Course().time_left is None
    steady = a_course(*(said(n, n, 100) for n in range(51)))
    assert steady.time_left == TimeLeft(least_seconds=50, most_seconds=50)
    at, lines = 0.0, []
    for step in range(50):
        at += 1 if step % 10 < 5 else 3
        lines.append(said(at, step, 100))
    uneven = a_course(*lines).time_left
    assert 51 <= uneven.least_seconds < 102 < uneven.most_seconds <= 153


def test_who_reports_in_bursts_is_measured_over_time_and_not_over_lines():
    bursts = (said(n // 100 / 10, n + 1, 30_000) for n in range(25_000))
    left = a_course(*bursts).time_left  # 5,000 steps at 1,000 a second
    assert 4 <= left.least_seconds <= 5 <= left.most_seconds <= 6


def test_a_clock_that_was_set_back_is_measured_anew():
    course = a_course(*(said(5000 + n, n, 100) for n in range(20)))
    course.take(b"".join(said(n, n, 100) for n in range(20, 25)))
    assert course.time_left is None
    course.take(b"".join(said(n, n, 100) for n in range(25, 51)))
    assert course.time_left == TimeLeft(least_seconds=50, most_seconds=50)


def test_the_pace_before_a_resume_says_nothing():
    course = a_course(*(said(n, n, 100) for n in range(50)), said(60, 40, 100))
    assert (course.seconds_left, course.time_left) == (None, None)
    course.take(said(70, 41, 100))
    assert course.seconds_left == 590


def test_what_is_no_progress_is_passed_over():
    course = a_course(b"no json\n", said(-1, 1), b'{"t": 1, "step": 1e400}\n', said(1, 2)[:-1])
    assert (course.last, course.seconds_left) == (None, None)


def test_a_clock_that_stands_still_tells_no_time():
    course = a_course(*(said(5, n, 100) for n in range(20)))
    assert (course.seconds_left, course.time_left) == (None, None)


def test_too_many_metrics_and_endless_lines_are_left_out():
    course = a_course(said(1, 1, **{f"m{n}": 1.0 for n in range(MOST_METRICS + 5)}))
    assert len(course.curves) == MOST_METRICS
    assert course.left_out_metrics
    for _ in range(5):
        course.take(b"x" * LONGEST_LINE_BYTES)
    assert len(course._lines._rest) <= LONGEST_LINE_BYTES
    course.take(said(2, 2) + said(3, 3))
    assert course.last.step == 3


def test_what_is_passed_over_is_counted_and_ends_with_its_line():
    course = a_course(said(1, 1), b'{"t": 2, "st')
    course.skip(100)
    course.take(b'ep": 5}\n' + said(3, 3))
    assert (course.last.step, course.left_out_bytes) == (3, 100)


def test_the_sieve_lets_few_lines_of_each_kind_through_and_the_last_one():
    lines = [said(n / 1000, n, 5000, loss=1.0) + said(n / 1000, n, 5000, val=2.0)
             for n in range(5001)]  # fmt: skip
    sifted = Sieve().sift(b"".join(lines)).splitlines()
    assert (len(sifted), sifted.count(THINNED)) == (2 * 26 + 1, 1)
    assert json.loads(sifted[-1])["step"] == 5000
    course = a_course(b"\n".join(sifted) + b"\n")
    assert (course.is_part, course.last.step, course.left_out_bytes) == (True, 5000, 0)
    assert not a_course(*lines[:1]).is_part


@given(st.lists(st.floats(0, 50), max_size=60), st.data())
def test_the_sieve_lets_the_same_lines_through_wherever_they_are_cut(instants, data):
    text = b"".join(said(at, n) for n, at in enumerate(instants))
    cut = data.draw(st.integers(0, len(text)))
    pieces = Sieve()
    assert pieces.sift(text[:cut]) + pieces.sift(text[cut:]) == Sieve().sift(text)


@pytest.mark.slow
def test_a_week_of_reports_comes_through_a_sieve_within_its_bound():
    sieve = Sieve()
    sent = sum(len(sieve.sift(said(5.0 * n, n, loss=1.0))) for n in range(120_000))
    assert sent < 8 * 2**20


@pytest.mark.parametrize("nonsense", [b"no json\n", b"x" * 3 * LONGEST_LINE_BYTES])
def test_what_is_no_progress_does_not_travel(nonsense):
    sieve = Sieve()
    assert sieve.sift(nonsense) == b""
    sieve.sift(b"\n")
    assert sieve.sift(said(1, 1)) == said(1, 1)


def test_endless_kinds_of_lines_do_not_travel():
    lines = [said(1, n, **{f"m{n}": 1.0}) for n in range(MOST_SETS + 9)]
    assert Sieve().sift(b"".join(lines)).count(b"\n") == MOST_SETS + 1  # and a note
