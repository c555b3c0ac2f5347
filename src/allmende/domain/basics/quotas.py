"""How a site spreads awarded time over the months: one dated row of configuration with a source."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, kw_only=True)
class QuotaStyle:
    """What decides until when a project's jobs have normal priority; all numbers are the site's.

    Within the quota jobs have normal priority, beyond it they go after the others of their group.
    """

    id: str
    name: str
    source: str
    valid_from: date
    valid_to: date | None = None  # half-open: the row no longer holds on this day
    checked_on: date
    note: str = ""
    is_monthly: bool = True  # False: one quota for the whole period
    carries_over: bool = False  # what the month before left of its own quota can still be used
    borrows: bool = False  # the next month's quota can be used already; the last month has none
    debt_percent: int = 0  # of a month's quota: the most that it inherits as used already
    stop_month_percent: int = 0  # of a month's quota, used in it: then nothing starts; 0: no stop
    stop_whole_percent: int = 0  # of all awarded time, used: then nothing starts; 0: no stop

    def holds(self, on: date) -> bool:
        """Say whether the row decides on that day."""
        return self.valid_from <= on and (self.valid_to is None or on < self.valid_to)
