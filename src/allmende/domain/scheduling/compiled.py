"""The loops, compiled when there is enough to decide.

A small queue is planned in plain Python, so that no command and no small factory waits for a
compiler; the same functions are compiled, once per machine, for a large one. Tests hold that both
decide alike.
"""

import hashlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from allmende.domain.scheduling import (
    lags,
    loops,
    orders,
    profiles,
    reasons,
    running,
    usages,
    waiting,
    yields,
)
from allmende.domain.scheduling.boards import Board

COMPILE_FROM_JOBS = 400

Functions = tuple[tuple[ModuleType, str], ...]

# In order of use: a compiled function may call only what was compiled before it.
FUNCTIONS: Functions = (
    (
        profiles,
        "copy_profile find_event insert_event occupy before_all occupy_forever "
        "release_earlier is_passing first_obstacle earliest_start level_at",
    ),
    (
        waiting,
        "usage_key leaf_keys stored_keys leaf_goes_before swap sift_up sift_down refresh "
        "first_leaf enter leave note rebuild make_room next_slot first_undecided pass_over may_fit "
        "fits_stairs find_fitting push push_first remove",
    ),
    (
        running,
        "find_place enlist strike add_running add_event build_profile hold_target level_stairs "
        "reserve_alone make_stairs plain_stairs take_stairs",
    ),
    (
        orders,
        "most_nodes waiting_nodes largest_capacity begin compare_lags take_turns is_first "
        "find_head find_first set_kept class_of group_keys goes_before first_group line_up",
    ),
    (usages, "power_of_two booked_usage"),
    (lags, "begin_epoch book advance"),
    (reasons, "find_cause explain_rest"),
    (
        yields,
        "given_nodes can_stop stop keep_running apply_stops starts_in_time freed_in_time "
        "preempt_for_head preempt_for_claim",
    ),
    (
        loops,
        "breaks_ceiling may_others_start fits note_reservation reserve start start_claim "
        "keep_claim serve_pressing reserve_head serve_heads note_claims serve_everybody "
        "serve_rest decide",
    ),
)
# One table with many columns of 64-bit integers is far less for the compiler than many arrays.
PACKED = ("tree", "groups", "leaves", "jobs", "borrowers", "reservations")


@dataclass(frozen=True)
class Compiled:
    """Compiled functions by name, and a digest of all their sources."""

    digest: str
    functions: dict[str, Callable[..., Any]]


def decide(board: Board, arriving: int) -> Board:
    """Let so many jobs of the board wait, and give each its verdict; return the board with them."""
    board = push_first(board, arriving)
    if board.jobs.nodes.size < COMPILE_FROM_JOBS:
        loops.decide(board)
    else:
        compile_kernel().functions["decide"](board)
    return board


def push_first(board: Board, count: int) -> Board:
    """Let the first jobs of the board wait; return the board, packed where it is large."""
    if board.jobs.nodes.size < COMPILE_FROM_JOBS:
        waiting.push_first(board, count)
        return board
    packed = pack(board)
    compile_kernel().functions["push_first"](packed, count)
    return packed


def pack(board: Board) -> Board:
    """Return the board as the compiled functions take it."""
    return board._replace(**{name: pack_columns(getattr(board, name)) for name in PACKED})


def pack_columns(part: Any) -> Any:
    """Return a table of columns as one array of records, or as it is if it is one already."""
    if isinstance(part, np.ndarray):
        return part
    fields = [(name, np.int64) for name in part._fields]
    return np.rec.fromarrays(list(part), dtype=fields)


def compile_functions(functions: Functions, base: Compiled | None = None) -> Compiled:
    """Compile copies of functions that call each other; the plain ones stay as they are.

    `base` holds what they may call beside each other. Numba looks at one file at a time when it
    decides whether its cache is still right, but what a function calls may have changed too: so
    its name in the cache has a digest of everything that is compiled together.
    """
    njit = import_module("numba").njit
    # A board is many arrays. Passing them to a function, and counting references to them, takes
    # longer than what most functions do: all are inlined, nothing is counted. 20 times faster.
    # Without the interpreter's lock, so that whoever asks the portal meanwhile is answered.
    options = {"cache": True, "_nrt": False, "error_model": "numpy", "nogil": True}
    sources: list[Any] = [compile_functions, *(module for module, _ in functions)]
    code = "".join(map(inspect.getsource, sources))
    names = dict(base.functions) if base else {}
    digest = hashlib.sha256(((base.digest if base else "") + code).encode()).hexdigest()[:12]
    for module, listed in functions:
        scope = {**vars(module), **names}
        for name in listed.split():
            plain = getattr(module, name)
            copy = FunctionType(plain.__code__, scope, name, plain.__defaults__)
            copy.__module__ = module.__name__
            copy.__qualname__ = f"{name}_{digest}"
            names[name] = scope[name] = njit(forceinline=name != "decide", **options)(copy)
    return Compiled(digest, names)


@cache
def compile_kernel() -> Compiled:
    """Compile the kernel."""
    return compile_functions(FUNCTIONS)
