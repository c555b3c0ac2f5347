"""A period is half-open: its start belongs to it, its end does not."""

from dataclasses import dataclass
from datetime import datetime

from allmende.domain.basics.refusals import Refusal


class TimeWithoutZone(Refusal):
    """The time {time} says no zone, so it could be two instants. Write for example
    2027-03-01T09:00+01:00."""

    status = 422


def check_zone(time: datetime) -> None:
    """Refuse a time that is no instant."""
    if time.tzinfo is None:
        raise TimeWithoutZone(time=time.isoformat())


@dataclass(frozen=True, kw_only=True)
class Period:
    """Time from `starts_at` up to, but not including, `ends_at`; both are aware instants."""

    starts_at: datetime
    ends_at: datetime

    def __post_init__(self) -> None:
        assert self.starts_at.tzinfo is not None, "instants are aware"
        assert self.starts_at <= self.ends_at, "a period does not end before it starts"

    def __contains__(self, instant: datetime) -> bool:
        return self.starts_at <= instant < self.ends_at

    def beginning_at(self, instant: datetime) -> "Period":
        """Return the period moved to another beginning; it lasts as long."""
        return Period(starts_at=instant, ends_at=instant + (self.ends_at - self.starts_at))

    @property
    def seconds(self) -> int:
        """Return the length in whole seconds."""
        return int((self.ends_at - self.starts_at).total_seconds())
