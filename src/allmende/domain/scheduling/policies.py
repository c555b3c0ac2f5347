"""The policy of a partition: what the kernel may do, and the limits that its bound rests on."""

from dataclasses import dataclass
from enum import StrEnum

from allmende.domain.scheduling.usages import LONGEST_HALF_LIFE_SECONDS


class Backfill(StrEnum):
    """Who may overtake: nobody, whoever delays no reservation, and whether all get one."""

    NONE = "none"
    EASY = "easy"
    CONSERVATIVE = "conservative"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """One row per partition. Times are in seconds."""

    backfill: Backfill = Backfill.EASY
    max_time_limit_seconds: int
    usage_half_life_seconds: int
    preemption: bool = False
    response_target_seconds: int = 0  # an owed group waits no longer before borrowers yield
    max_grace_seconds: int = 0
    max_unpreemptible_limit_seconds: int | None = None  # None: as long as any other job

    def __post_init__(self) -> None:
        assert self.max_time_limit_seconds > 0, "jobs may run"
        assert 0 < self.usage_half_life_seconds <= LONGEST_HALF_LIFE_SECONDS, "usage decays"

    @property
    def unpreemptible_limit_seconds(self) -> int:
        """Return the longest limit of a job that nobody can stop early."""
        limit = self.max_unpreemptible_limit_seconds
        return limit if self.preemption and limit is not None else self.max_time_limit_seconds

    @property
    def response_seconds(self) -> int:
        """Return within what time an owed group is served by those who yield.

        The grace bounds it from below: else, while one saves its work, others would be stopped too.
        """
        return max(self.response_target_seconds, self.max_grace_seconds)

    @property
    def horizon_seconds(self) -> int:
        """Return after how long every node that a borrower holds now can be in other hands."""
        if not self.preemption:
            return self.max_time_limit_seconds
        longest = max(self.response_seconds, self.unpreemptible_limit_seconds)
        return min(self.max_time_limit_seconds, longest)
