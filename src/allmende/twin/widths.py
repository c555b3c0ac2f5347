"""Widths on another machine: the same part of it, in numbers that people would ask for."""

from typing import Any

import numpy as np

from allmende.twin.traces import Ints, Trace

WIDE_NODES = 2  # 1 and 2 are powers of two whatever people prefer
PREFERENCE = 0.5


def prefer_powers_of_two(trace: Trace) -> bool:
    """Say whether most jobs of a trace that are wider than two nodes ask for a power of two."""
    wide = trace.nodes[trace.nodes > WIDE_NODES]
    return bool(wide.size) and float(_are_powers_of_two(wide).mean()) > PREFERENCE


def aim(nodes: Ints, machines: tuple[int, int]) -> Any:
    """Return the widths that keep width ÷ machine, as fractions; `machines` is old and new."""
    old, new = machines
    return nodes * new / old


def scale_widths(
    nodes: Ints, machines: tuple[int, int], chances: Any, *, powers_of_two: bool
) -> Ints:
    """Round the aimed widths up or down at random, so that they are right on average.

    Rounding to the nearest number would change the load: from 100 to 5,938 nodes each serial job
    would become 64 wide instead of 59.38. `chances` are uniform in [0, 1); equal ones round alike.
    With `powers_of_two`, a width that was one stays one; the whole machine stays the whole machine.
    Only an aim below one node cannot be met: it becomes one node.
    """
    aims = aim(nodes, machines)
    lower = np.floor(aims)
    upper = lower + 1
    if powers_of_two:
        is_power = _are_powers_of_two(nodes)
        _, exponents = np.frexp(aims)
        lower = np.where(is_power, np.ldexp(1.0, exponents - 1), lower)
        upper = np.where(is_power, 2 * lower, upper)
    lower = np.maximum(lower, 1)
    upper = np.clip(upper, lower, machines[1])
    wanted = np.where(upper > lower, (aims - lower) / np.maximum(upper - lower, 1), 0)
    return np.where(chances < wanted, upper, lower).astype(np.int64)


def _are_powers_of_two(nodes: Ints) -> Any:
    return (nodes & (nodes - 1)) == 0
