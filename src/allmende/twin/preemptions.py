"""Preemption in a replay: how soon who is owed gets nodes, and what stopping a job costs."""

from dataclasses import asdict, dataclass
from typing import Any

from allmende.domain.basics.refusals import Refusal
from allmende.twin.traces import LONGEST_LIMIT_SECONDS

NOTICED_SECONDS = 1  # a claim is pressing from the second on that finds its lag too large


class PreemptionUnusable(Refusal):
    """{name} of the preemption must be a whole number of seconds from {least} to {most}."""

    status = 422


@dataclass(frozen=True, kw_only=True)
class Preemption:
    """What jobs have to expect; `PreemptionUnusable` where a number makes no sense.

    Everybody's jobs may be stopped, except those with a limit up to `spared_limit_seconds`: they
    end soon enough. What a job did after its last checkpoint is lost, also what it did in its
    grace.
    """

    response_target_seconds: int = 600
    grace_seconds: int = 60
    checkpoint_every_seconds: int = 3600
    spared_limit_seconds: int = 0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            least = int(name == "checkpoint_every_seconds")
            is_whole = isinstance(value, int) and not isinstance(value, bool)
            if not is_whole or not least <= value <= LONGEST_LIMIT_SECONDS:
                raise PreemptionUnusable(name=name, least=least, most=LONGEST_LIMIT_SECONDS)

    def to_policy(self) -> dict[str, Any]:
        """Return what it adds to the policy of a partition; its horizon gives the lag bound."""
        target, grace = self.response_target_seconds, max(1, self.grace_seconds)
        # Who ends as soon as that need not be stopped.
        soon = max(target, grace, self.spared_limit_seconds) + NOTICED_SECONDS
        return {
            "preemption": True,
            "response_target_seconds": target,
            "max_grace_seconds": grace,
            "max_unpreemptible_limit_seconds": soon,
        }
