"""One group's course over time: what it ran, what waited, what it was owed.

Numba-subset Python (see `allmende.domain.scheduling.compiled`).
"""

from typing import Any, NamedTuple

from allmende.domain.scheduling.boards import MICRO
from allmende.twin.traces import Ints


class Course(NamedTuple):
    """What a group ran, asked for and was owed, over time."""

    running: Ints  # nodes, node-seconds in the interval
    waiting: Ints
    lags: Ints  # micronode-seconds, the most in the interval
    totals: Ints  # worst lag; entitlement in micronode-seconds


def follow(events: Any, settings: Any, course: Course) -> None:
    """Follow one group through its events: second, change of running, of waiting, of all nodes.

    `settings`: guarantee in parts per million, nodes of the machine at first, first second, seconds
    in an interval. The lag grows by rate - running, never falls below 0, and is 0 while nothing
    waits.
    """
    share, capacity, begin, interval = settings[0], settings[1], settings[2], settings[3]
    running, waiting, lag, entitled = 0, 0, 0, 0
    worst, at = 0, begin
    for i in range(events.shape[0]):
        second = events[i, 0]
        while at < second:
            place = (at - begin) // interval
            until = min(second, begin + (place + 1) * interval)
            seconds = until - at
            rate = min(share * capacity, (running + waiting) * MICRO)
            lag = max(0, lag + (rate - running * MICRO) * seconds) if waiting > 0 else 0
            entitled += rate * seconds // MICRO  # a sum of millionths would not fit
            worst = max(worst, lag)
            course.running[place] += running * seconds
            course.waiting[place] += waiting * seconds
            course.lags[place] = max(course.lags[place], lag)
            at = until
        running += events[i, 1]
        waiting += events[i, 2]
        capacity += events[i, 3]
    course.totals[0] = worst
    course.totals[1] = entitled
