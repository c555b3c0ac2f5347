"""What a cluster's accounting says, for the centre: each record once, and again when it changes."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice

from allmende.agent.spools import Spool
from allmende.domain.basics.periods import Period
from allmende.domain.basics.usage_records import UsageReader, UsageRecord
from allmende.domain.scheduling.exchanges import usage_to_json

READING = timedelta(minutes=1)  # between two readings
# What a cluster writes late it usually writes within the hour.
OVERLAP = timedelta(hours=1)
FIRST_READING = timedelta(days=31)
BATCH = 500  # records in a message


class UsageSource:
    """Reads from an instant on until which nothing was missing, by the clock of this machine."""

    def __init__(self, accounting: UsageReader, *, now: Callable[[], datetime]) -> None:
        self.accounting = accounting
        self.now = now
        self._read_at: datetime | None = None
        # What lies in the spool, or did: when each run ended, and a hash, for there may be many.
        self._kept: dict[str, tuple[datetime | None, int]] = {}

    def collect(self, spool: Spool) -> None:
        """Put what is new or changed into the spool; nothing before a minute is over.

        Killed or failed at any point, the next reading begins where this one did.
        """
        now = self.now()
        if self._read_at and timedelta() <= now - self._read_at < READING:
            return
        self._read_at = now
        cursor = spool.usage_cursor
        complete_until = datetime.fromisoformat(cursor) if cursor else now - FIRST_READING
        # Asked first: what the cluster knew then is in the answer that follows.
        is_complete = self.accounting.is_up_to_date()
        period = Period(starts_at=min(complete_until, now) - OVERLAP, ends_at=now)
        new = self._read_new(period)
        while batch := list(islice(new, BATCH)):
            spool.add_usage([usage_to_json(record) for record in batch], cursor=cursor)
            self._kept |= {each.key: (each.ended_at, hash(each)) for each in batch}
        if is_complete:
            spool.add_usage([], cursor=now.isoformat())
        self._forget(before=now - 2 * OVERLAP)

    def _read_new(self, period: Period) -> Iterator[UsageRecord]:
        silent = {key for key, (ended_at, _) in self._kept.items() if ended_at is None}
        for record in self.accounting.read(period):
            silent.discard(record.key)
            if self._is_new(record):
                yield record
        # What ran and is not named any more ended, it may be long before the period.
        jobs = sorted({int(key.rsplit(":", 3)[1]) for key in silent})
        yield from filter(self._is_new, self.accounting.read_jobs(jobs))

    def _is_new(self, record: UsageRecord) -> bool:
        return self._kept.get(record.key) != (record.ended_at, hash(record))

    def _forget(self, *, before: datetime) -> None:
        """Forget what the next reading will not bring again."""
        for key, (ended_at, _) in list(self._kept.items()):
            if ended_at and ended_at < before:
                del self._kept[key]
