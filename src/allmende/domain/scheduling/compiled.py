"""The loops, compiled when there is enough to decide.

A small queue is planned in plain Python, so that no command and no small factory waits for a
compiler; the same functions are compiled, once per machine, for a large one. Tests hold that both
decide alike.
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from allmende.domain.scheduling import loops, profiles, yields
from allmende.domain.scheduling.boards import Board

COMPILE_FROM_JOBS = 400

# In order of use: a compiled function may call only what was compiled before it.
FUNCTIONS: tuple[tuple[ModuleType, tuple[str, ...]], ...] = (
    (
        profiles,
        (
            "copy_profile",
            "find_event",
            "insert_event",
            "occupy",
            "before_all",
            "occupy_forever",
            "release_earlier",
            "first_obstacle",
            "earliest_start",
            "level_at",
        ),
    ),
    (
        yields,
        (
            "can_stop",
            "stop",
            "keep_running",
            "apply_stops",
            "starts_in_time",
            "freed_in_time",
            "preempt_for_head",
            "preempt_for_claim",
        ),
    ),
    (
        loops,
        (
            "stays_below_ceilings",
            "class_of",
            "goes_before",
            "first_group",
            "find_cause",
            "note_reservation",
            "reserve",
            "start",
            "set_kept",
            "start_claim",
            "keep_claim",
            "serve_pressing",
            "serve_head",
            "note_claims",
            "serve_heads",
            "serve_rest",
            "decide",
        ),
    ),
)


def get_decide(jobs: int) -> Callable[[Board], None]:
    """Return the loops for so many jobs: plain for few, compiled for many."""
    return loops.decide if jobs < COMPILE_FROM_JOBS else decide_compiled


def decide_compiled(board: Board) -> None:
    """Give every job on the board its verdict, as `loops.decide` does, but compiled."""
    packed = Board._make(pack(part) for part in board)
    compile_decide()(packed)
    for part, records in zip(board, packed, strict=True):
        unpack(records, part)


def pack(part: Any) -> Any:
    """Return a table of columns as one array of records: far less for the compiler to carry."""
    if isinstance(part, np.ndarray):
        return part
    fields = [(name, np.int64) for name in part._fields]
    return np.rec.fromarrays(list(part), dtype=fields)


def unpack(records: Any, part: Any) -> None:
    """Copy records back into their columns."""
    if not isinstance(part, np.ndarray):
        for name in part._fields:
            getattr(part, name)[:] = records[name]


@cache
def compile_decide() -> Callable[[Board], None]:
    """Compile copies of all functions that call each other; the plain ones stay as they are."""
    njit = import_module("numba").njit
    compiled: dict[str, Callable[..., None]] = {}
    for module, names in FUNCTIONS:
        scope = {**vars(module), **compiled}
        for name in names:
            plain = getattr(module, name)
            copy = FunctionType(plain.__code__, scope, name, plain.__defaults__)
            copy.__module__ = module.__name__
            compiled[name] = scope[name] = njit(cache=True)(copy)
    return compiled["decide"]
