"""Node lists as Slurm writes them, such as `jp[01-03,7],login1`, taken apart into names."""

import functools
import itertools
from collections.abc import Iterator

NOBODY = frozenset({"", "(null)", "None", "None assigned", "N/A"})


@functools.lru_cache(maxsize=1000)  # the same few stand in thousands of records
def expand_nodes(text: str) -> tuple[str, ...]:
    """Return the names of the nodes, in the order in which the list has them.

    Numbers keep their width: `jp[08-10]` is jp08, jp09, jp10. Several brackets multiply:
    `r[1-2]n[1-2]` is r1n1, r1n2, r2n1, r2n2. Raises ValueError for what is no node list.
    """
    if text.strip() in NOBODY:
        return ()
    return tuple(name for part in _split(text.strip()) for name in _expand_part(part))


def _split(text: str) -> Iterator[str]:
    """Yield the parts between the commas that stand outside of brackets."""
    start, depth = 0, 0
    for at, character in enumerate(text):
        depth += {"[": 1, "]": -1}.get(character, 0)
        if depth not in (0, 1):
            raise ValueError(f"no node list: {text!r}")
        if character == "," and depth == 0:
            yield text[start:at]
            start = at + 1
    if depth:
        raise ValueError(f"no node list: {text!r}")
    yield text[start:]


def _expand_part(part: str) -> Iterator[str]:
    pieces: list[list[str]] = []
    rest = part
    while rest:
        plain, _, rest = rest.partition("[")
        numbers, _, rest = rest.partition("]")
        pieces.append([plain])
        if numbers:
            pieces.append([name for each in numbers.split(",") for name in _expand_range(each)])
    if not pieces:
        raise ValueError("a node list with an empty name")
    return ("".join(chosen) for chosen in itertools.product(*pieces))


def _expand_range(text: str) -> list[str]:
    first, dash, last = text.partition("-")
    if not dash:
        last = first
    if not (first.isdecimal() and last.isdecimal()):
        raise ValueError(f"no range of node numbers: {text!r}")
    return [str(number).zfill(len(first)) for number in range(int(first), int(last) + 1)]
