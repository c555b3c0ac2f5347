"""Checkpoints: their size, and the rhythm that loses least."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.training.checkpoints import best_interval, plan_checkpoints


def plan(parameters=70 * 10**9, gpus=1024, writing=100.0):
    return plan_checkpoints(
        parameters,
        gpus=gpus,
        failures_per_gpu_second=1 / (50_000 * 3600),
        write_gigabytes_per_second=writing,
        restart_seconds=600,
    )


def test_a_checkpoint_holds_weights_and_the_optimiser():
    assert plan().gigabytes == 980
    assert plan().write_seconds == pytest.approx(9.8)


def test_more_gpus_fail_more_often():
    # Llama 3.1 405B: 419 interruptions in 54 days on 16,384 GPUs.
    assert 54 * 86_400 / plan(gpus=16_384).seconds_between_failures == pytest.approx(419, rel=0.02)


def test_the_interval_is_close_to_youngs_where_failures_are_rare():
    assert best_interval(10, 100_000) == pytest.approx(math.sqrt(2 * 10 * 100_000), rel=0.01)


def test_where_writing_takes_longer_than_the_machine_lives_it_is_the_life():
    assert best_interval(100, 40) == 40


@given(writing=st.floats(0.1, 1000), life=st.floats(3000, 10**8))
def test_neither_more_nor_fewer_checkpoints_would_lose_less(writing, life):
    def lost(every):  # Daly 2006, equation 20, without the restart
        return life * (math.exp((every + writing) / life) - 1) / every

    best = best_interval(writing, life)
    assert lost(best) <= lost(best * 1.3) * 1.0001
    assert lost(best) <= lost(best / 1.3) * 1.0001


def test_never_more_than_everything_is_lost():
    assert plan(parameters=10**14, gpus=10**6, writing=1).lost_share == 1
