"""How a training is spread over GPUs so that it fits into their memory.

Mixed precision with Adam: weights and gradients take 4 bytes per parameter, a copy of the weights
and both moments 12 (Rajbhandari et al. 2020). Tensor and pipeline parallelism cut all of it,
sharding over the replicas (ZeRO stage 1) cuts the 12. Activations by Korthikanti et al. 2022 with
fused attention, for one sequence at a time; where they do not fit they are computed again.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from allmende.domain.basics.refusals import Refusal

GIGA = 10**9
KEPT_BYTES_PER_PARAMETER = 4
SHARDED_BYTES_PER_PARAMETER = 12
# Layers are 12 × width² parameters, and models are about 128 times as wide as they are deep.
PARAMETERS_PER_WIDTH_SQUARED = 12
WIDTH_PER_LAYER = 128
ACTIVATION_BYTES = 34  # per layer, token and unit of width
INPUT_BYTES = 2  # of these, what must be kept where the rest is computed again
USABLE = 0.9  # of the memory: libraries and fragments take the rest
EXPERTS_MAX = 64
STAGES_MAX = 128
DOUBLINGS = 14


class ModelTooLarge(Refusal):
    """This model does not fit on {gpus} GPUs of {memory} GB, however it is cut. Give at least
    {least} GPUs, or a GPU with more memory."""

    status = 422


class ModelFitsNowhere(Refusal):
    """This model fits on no number of GPUs of {memory} GB that is planned here. Check the number of
    parameters, or choose a GPU with more memory."""

    status = 422


@dataclass(frozen=True, kw_only=True)
class ModelShape:
    """A transformer as the planner sees it."""

    parameters: int
    active_parameters: int
    sequence_tokens: int

    @property
    def width(self) -> float:
        """Return the width that a model of this size usually has."""
        cubed = self.active_parameters * WIDTH_PER_LAYER / PARAMETERS_PER_WIDTH_SQUARED
        return math.cbrt(cubed)

    @property
    def layers(self) -> int:
        """Return how many layers it usually has."""
        return max(1, round(self.width / WIDTH_PER_LAYER))

    @property
    def is_sparse(self) -> bool:
        """Say whether a token meets only a part of it."""
        return self.active_parameters < self.parameters


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a model is cut: `tensor` × `pipeline` GPUs hold one replica, `data` replicas train it."""

    tensor: int
    pipeline: int
    data: int
    expert: int  # replicas that share the experts among them; 1 without experts
    recomputes: bool  # activations, which takes up to a third more work
    memory_gigabytes: float  # of one GPU

    @property
    def gpus(self) -> int:
        """Return how many GPUs work."""
        return self.tensor * self.pipeline * self.data

    @property
    def is_sharded(self) -> bool:
        """Say whether the replicas share the state of the optimiser among them."""
        return self.data > 1


def choose_layout(
    shape: ModelShape, *, gpus: int, gpus_per_node: int, memory_gigabytes: float
) -> Layout:
    """Return the layout with the fewest cuts that fits; `ModelTooLarge` says how many GPUs would.

    Tensor parallelism stays within a node, where the links are quick.
    """
    found = _find(shape, gpus, gpus_per_node, memory_gigabytes)
    if found is not None:
        return found
    least = find_least_gpus(shape, gpus_per_node=gpus_per_node, memory_gigabytes=memory_gigabytes)
    raise ModelTooLarge(gpus=gpus, memory=f"{memory_gigabytes:g}", least=least)


def find_least_gpus(shape: ModelShape, *, gpus_per_node: int, memory_gigabytes: float) -> int:
    """Return on how many GPUs, in whole nodes, the model fits; `ModelFitsNowhere` beyond."""
    for nodes in round_numbers():
        gpus = nodes * gpus_per_node
        if _find(shape, gpus, gpus_per_node, memory_gigabytes) is not None:
            return gpus
    raise ModelFitsNowhere(memory=f"{memory_gigabytes:g}")


def round_numbers() -> Iterator[int]:
    """Yield 1, 2, 3, 4, 6, 8, 12 …: numbers of nodes that can be halved again and again."""
    yield 1
    for power in range(1, DOUBLINGS + 1):
        yield 2**power
        yield 3 * 2 ** (power - 1)


def _find(shape: ModelShape, gpus: int, gpus_per_node: int, memory: float) -> Layout | None:
    layouts = _cuts(shape, gpus, gpus_per_node)
    fitting = (each for each in layouts if each.memory_gigabytes <= memory * USABLE)
    return min(fitting, key=_effort, default=None)


def _effort(layout: Layout) -> tuple[bool, int, int, int]:
    """Return what a layout costs: work done twice, then cuts of the layers, then of the experts."""
    return layout.recomputes, layout.tensor * layout.pipeline, layout.pipeline, layout.expert


def _cuts(shape: ModelShape, gpus: int, gpus_per_node: int) -> Iterator[Layout]:
    for tensor in (each for each in (1, 2, 4, 8, 16) if gpus_per_node % each == 0):
        for pipeline in range(1, min(shape.layers, gpus // tensor, STAGES_MAX) + 1):
            if gpus % (tensor * pipeline) == 0:
                yield from _with_experts(shape, tensor, pipeline, gpus // (tensor * pipeline))


def _with_experts(shape: ModelShape, tensor: int, pipeline: int, data: int) -> Iterator[Layout]:
    expert = 1
    while expert <= (EXPERTS_MAX if shape.is_sparse else 1) and data % expert == 0:
        kept = KEPT_BYTES_PER_PARAMETER / (tensor * pipeline * expert)
        sharded = SHARDED_BYTES_PER_PARAMETER / (tensor * pipeline * data)
        for recomputes in (False, True):
            bytes_used = (kept + sharded) * shape.parameters
            bytes_used += _count_activations(shape, recomputes=recomputes) / tensor
            yield Layout(
                tensor=tensor,
                pipeline=pipeline,
                data=data,
                expert=expert,
                recomputes=recomputes,
                memory_gigabytes=bytes_used / GIGA,
            )
        expert *= 2


def _count_activations(shape: ModelShape, *, recomputes: bool) -> float:
    """Return their bytes, before they are cut.

    Pipelines do not cut them: a stage has fewer layers, and as many more sequences under way.
    """
    of_a_layer = shape.sequence_tokens * shape.width
    if recomputes:
        return of_a_layer * (INPUT_BYTES * shape.layers + ACTIVATION_BYTES)
    return of_a_layer * ACTIVATION_BYTES * shape.layers
