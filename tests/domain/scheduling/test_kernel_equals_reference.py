from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from allmende.domain.scheduling import compiled, loops, usages, waiting
from allmende.domain.scheduling.kernel import plan
from allmende.domain.scheduling.layouts import lay_out
from tests.domain.scheduling.reference import ReferencePlan
from tests.domain.scheduling.worlds import random_policy, random_snapshot

SEEDS = st.integers(min_value=0, max_value=2**32)


def answers(plan_):
    waits = {w.job_id: (w.reason.value, w.starts_by, w.behind_job_id) for w in plan_.waits}
    stops = {stop.job_id: stop.for_job_id for stop in plan_.preempts}
    return [start.job_id for start in plan_.starts], stops, waits


@given(seed=SEEDS)
@example(seed=368)  # a project without a row of its own beside one of weight 3
@example(seed=306)  # these three go every way there is to stop others, or not to
@example(seed=460)
@example(seed=463)
@settings(max_examples=300, deadline=None)
def test_the_kernel_decides_as_the_plain_reference_does(seed):
    rng = Random(seed)
    snapshot, policy = random_snapshot(rng), random_policy(rng)
    reference = ReferencePlan(snapshot, policy)
    assert answers(plan(snapshot, policy)) == (reference.starts, reference.stops, reference.waits)


@pytest.mark.slow  # the first run on a machine compiles
@given(seed=SEEDS)
@settings(max_examples=60, deadline=None)
def test_the_compiled_kernel_decides_as_the_plain_one_does(seed):
    rng = Random(seed)
    snapshot, policy = random_snapshot(rng), random_policy(rng)
    plain = plan(snapshot, policy)
    before, compiled.COMPILE_FROM_JOBS = compiled.COMPILE_FROM_JOBS, 0
    try:
        assert plan(snapshot, policy) == plain
    finally:
        compiled.COMPILE_FROM_JOBS = before


@given(seed=SEEDS)
def test_the_plain_functions_decide_alike_on_a_packed_board(seed):
    rng = Random(seed)
    snapshot, policy = random_snapshot(rng), random_policy(rng)
    plain = plan(snapshot, policy)
    functions = {"push_first": waiting.push_first, "decide": loops.decide}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "COMPILE_FROM_JOBS", 0)
        patch.setattr(compiled, "compile_kernel", lambda: compiled.Compiled("", functions))
        assert plan(snapshot, policy) == plain


def test_each_function_of_the_kernel_calls_only_what_is_compiled_before_it():
    kernel = compiled.compile_kernel.__wrapped__()
    names = [name for _, listed in compiled.FUNCTIONS for name in listed.split()]
    assert list(kernel.functions) == names
    for place, function in enumerate(kernel.functions.values()):
        scope = function.py_func.__globals__
        called = {*function.py_func.__code__.co_names} & {*names}
        assert {each for each in called if callable(scope.get(each))} <= {*names[:place]}
    further = compiled.compile_functions(((usages, "power_of_two"),), base=kernel)
    assert further.digest != kernel.digest
    assert further.functions["decide"] is kernel.functions["decide"]


def test_a_packed_board_says_what_the_plain_one_does_and_is_packed_once():
    rng = Random(7)
    snapshot = random_snapshot(rng)
    board = lay_out(snapshot, random_policy(rng), snapshot.pending)
    packed = compiled.pack(board)
    again = compiled.pack(packed)
    for name in compiled.PACKED:
        plain, table = getattr(board, name)._asdict(), getattr(packed, name)
        assert {column: table[column].tolist() for column in table.dtype.names} == {
            column: values.tolist() for column, values in plain.items()
        }
        assert getattr(again, name) is table
