"""How many nodes are free from each coming event on: the array that every decision is read from.

Event 0 is now. An event is one release or one change of capacity; two at the same second stay two,
in order of (second, nodes, submission), as in EASY: what a head takes is counted job by job. Where
everybody has a reservation, only what is free once a second is over counts (`used[1]`).
Numba-subset Python: these functions run as they are, or compiled (see `compiled.py`).
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

NEVER = -1


class Profile(NamedTuple):
    """Events in order, and the free nodes from each on; `used[0]` events are in use.

    `used[1]` says whether only the last event of every second counts.
    """

    seconds: Ints
    widths: Ints
    ranks: Ints
    levels: Ints
    used: Ints


def copy_profile(source: Profile, target: Profile) -> None:
    """Copy the events in use."""
    # Element by element: slices would cost the compiler seconds.
    for i in range(source.used[0]):
        target.seconds[i] = source.seconds[i]
        target.widths[i] = source.widths[i]
        target.ranks[i] = source.ranks[i]
        target.levels[i] = source.levels[i]
    target.used[0] = source.used[0]


def find_event(profile: Profile, second: Any, width: Any, rank: Any) -> Any:
    """Return the place of the first event that is not before this one."""
    low = 1
    high = profile.used[0]
    while low < high:
        middle = (low + high) // 2
        if profile.seconds[middle] != second:
            is_before = profile.seconds[middle] < second
        elif profile.widths[middle] != width:
            is_before = profile.widths[middle] < width
        else:
            is_before = profile.ranks[middle] < rank
        if is_before:
            low = middle + 1
        else:
            high = middle
    return low


def insert_event(profile: Profile, second: Any, width: Any, rank: Any) -> Any:
    """Make room for an event at which nothing changes yet; return its place."""
    place = find_event(profile, second, width, rank)
    size = profile.used[0]
    assert size < profile.seconds.size, "there is room for every event"
    for i in range(size, place, -1):
        profile.seconds[i] = profile.seconds[i - 1]
        profile.widths[i] = profile.widths[i - 1]
        profile.ranks[i] = profile.ranks[i - 1]
        profile.levels[i] = profile.levels[i - 1]
    profile.seconds[place] = second
    profile.widths[place] = width
    profile.ranks[place] = rank
    profile.levels[place] = profile.levels[place - 1]
    profile.used[0] = size + 1
    return place


def occupy(profile: Profile, first: Any, nodes: Any, end: tuple[Any, Any, Any]) -> None:
    """Take nodes from event `first` until the event `end`: (second, width, rank)."""
    last = insert_event(profile, end[0], end[1], end[2])
    for i in range(first, last):
        profile.levels[i] -= nodes


def before_all(profile: Profile) -> Any:
    """Return a width that sorts before everything else at the same second.

    What ends at a second must not stand in the way of what was promised from that second on.
    """
    return -profile.used[0]


def occupy_forever(profile: Profile, nodes: Any) -> None:
    """Take nodes from now on."""
    for i in range(profile.used[0]):
        profile.levels[i] -= nodes


def release_earlier(profile: Profile, event: tuple[Any, Any, Any], second: Any, nodes: Any) -> None:
    """Give back at `second` already so many nodes of the event (second, width, rank)."""
    late, width, rank = event
    first = insert_event(profile, second, width, rank)
    for i in range(first, find_event(profile, late, width, rank)):
        profile.levels[i] += nodes


def is_passing(profile: Profile, i: Any) -> Any:
    """Say whether an event does not count, because more comes free in the same second."""
    if profile.used[1] == 0 or i + 1 >= profile.used[0]:
        return False
    return profile.seconds[i + 1] == profile.seconds[i]


def first_obstacle(profile: Profile, first: Any, nodes: Any, seconds: Any) -> Any:
    """Return the first event from `first` on, within so many seconds, with too few free nodes."""
    end = profile.seconds[first] + seconds
    i = first
    while i < profile.used[0] and profile.seconds[i] < end:
        if profile.levels[i] < nodes and not is_passing(profile, i):
            return i
        i += 1
    return NEVER


def earliest_start(profile: Profile, nodes: Any, seconds: Any) -> Any:
    """Return the first event from which so many nodes stay free for so many seconds, or `NEVER`."""
    start = 0
    while start < profile.used[0]:
        if is_passing(profile, start):
            start += 1
            continue
        obstacle = first_obstacle(profile, start, nodes, seconds)
        if obstacle == NEVER:
            return start
        start = obstacle + 1
    return NEVER


def level_at(profile: Profile, second: Any) -> Any:
    """Return the free nodes at a second, once all its events have happened."""
    i = 0
    while i + 1 < profile.used[0] and profile.seconds[i + 1] <= second:
        i += 1
    return profile.levels[i]
