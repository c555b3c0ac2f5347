"""A heap of jobs by a second to come, the next one on top; of one second, in order of the trace.

Numba-subset Python (see `allmende.domain.scheduling.compiled`).
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


class Ends(NamedTuple):
    """Jobs with the second at which something comes to them; how many is kept elsewhere."""

    seconds: Ints
    jobs: Ints


def push_end(ends: Ends, size: Any, second: Any, j: Any) -> Any:
    """Add a running job to the heap; return the new size."""
    place = size
    assert size < ends.seconds.size, "there is room for every end"
    while place > 0:
        parent = (place - 1) // 2
        if (ends.seconds[parent], ends.jobs[parent]) < (second, j):
            break
        ends.seconds[place] = ends.seconds[parent]
        ends.jobs[place] = ends.jobs[parent]
        place = parent
    ends.seconds[place] = second
    ends.jobs[place] = j
    return size + 1


def pop_end(ends: Ends, size: Any) -> Any:
    """Take the next to end from the heap; return the new size."""
    size -= 1
    second, j = ends.seconds[size], ends.jobs[size]
    place, child = 0, 1
    while child < size:
        if child + 1 < size and goes_first(ends, child + 1, child):
            child += 1
        if (second, j) < (ends.seconds[child], ends.jobs[child]):
            break
        ends.seconds[place] = ends.seconds[child]
        ends.jobs[place] = ends.jobs[child]
        place = child
        child = 2 * place + 1
    ends.seconds[place] = second
    ends.jobs[place] = j
    return size


def goes_first(ends: Ends, a: Any, b: Any) -> Any:
    """Say whether what stands at one place comes before what stands at another."""
    return (ends.seconds[a], ends.jobs[a]) < (ends.seconds[b], ends.jobs[b])
