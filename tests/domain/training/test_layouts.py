"""How models are cut so that they fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.training.layouts import (
    USABLE,
    ModelFitsNowhere,
    ModelShape,
    ModelTooLarge,
    choose_layout,
    find_least_gpus,
    round_numbers,
)


def shape(parameters, active=None):
    whole = int(parameters)
    return ModelShape(
        parameters=whole, active_parameters=int(active or whole), sequence_tokens=4096
    )


def layout(parameters, gpus, *, active=None, per_node=8, memory=80):
    return choose_layout(
        shape(parameters, active), gpus=gpus, gpus_per_node=per_node, memory_gigabytes=memory
    )


@pytest.mark.parametrize(
    ("parameters", "width", "layers"),
    [
        (6.74e9, 4096, 32),  # Llama 2 7B
        (70e9, 8192, 80),  # Llama 2 70B
        (405e9, 16384, 126),  # Llama 3.1 405B
    ],
)
def test_shapes_are_near_those_of_real_models(parameters, width, layers):
    assert shape(parameters).width == pytest.approx(width, rel=0.12)
    assert shape(parameters).layers == pytest.approx(layers, rel=0.13)


def test_a_small_model_is_not_cut():
    found = layout(1e9, 8)
    assert (found.tensor, found.pipeline, found.data, found.expert) == (1, 1, 8, 1)
    assert found.is_sharded
    assert not found.recomputes
    assert not layout(1e6, 1).is_sharded


def test_a_large_one_is_cut_within_the_node_first():
    # Llama 3.1 405B had tensor 8 and pipeline 16 (Grattafiori et al. 2024, table 4).
    found = layout(405e9, 16_384)
    assert found.tensor == 8
    assert 4 <= found.pipeline <= 16
    assert found.gpus == 16_384


def test_nodes_with_four_gpus_never_get_eight_way_tensors():
    assert layout(70e9, 4096, per_node=4, memory=96).tensor <= 4


def test_experts_are_shared_among_the_replicas():
    # DeepSeek-V3 had its experts over 64 GPUs (DeepSeek-AI 2024, section 3.2).
    found = layout(671e9, 2048, active=37e9)
    assert found.expert > 1
    assert found.memory_gigabytes <= 80 * USABLE


def test_activations_are_computed_again_where_they_do_not_fit():
    assert layout(1e12, 8192, per_node=4, memory=128).recomputes


def test_too_few_gpus_are_refused_with_enough():
    with pytest.raises(ModelTooLarge, match="on 2 GPUs of 80 GB") as refused:
        layout(70e9, 2)
    assert layout(70e9, refused.value.facts["least"]).memory_gigabytes <= 72


def test_some_models_fit_nowhere():
    with pytest.raises(ModelFitsNowhere):
        layout(1e15, 1024)


def test_numbers_of_nodes_can_be_halved():
    numbers = list(round_numbers())
    assert numbers[:8] == [1, 2, 3, 4, 6, 8, 12, 16]
    assert numbers == sorted(numbers)
    assert numbers[-1] == 24_576


@given(parameters=st.integers(10**6, 2 * 10**11), times=st.integers(1, 60))
def test_whatever_is_chosen_fits_and_uses_every_gpu(parameters, times):
    least = find_least_gpus(shape(parameters), gpus_per_node=8, memory_gigabytes=80)
    found = layout(parameters, least * times)
    assert found.gpus == least * times
    assert found.memory_gigabytes <= 80 * USABLE
