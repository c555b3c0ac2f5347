"""The table of an outcome: every group today, then, and without guarantees."""

from dataclasses import dataclass

from allmende.services.outcomes import Outcome
from allmende.twin.measures import Figures, GroupFigures

HOUR_SECONDS = 3600
NOISE_SECONDS = 30  # a change that nobody notices


@dataclass(frozen=True, kw_only=True)
class Row:
    """One group, or everybody; times in seconds, lags in node-hours, shares of one."""

    name: str
    is_group: bool
    guarantee: float
    wait: float
    wait_change: float
    wait_easy: float
    longest: float  # of nine in ten
    share: float
    share_change: float
    lag: float
    bound: float

    @property
    def trend(self) -> str:
        """Return whether the wait grows, shrinks or stays: better, worse or same."""
        if abs(self.wait_change) < NOISE_SECONDS:
            return "same"
        return "worse" if self.wait_change > 0 else "better"

    @property
    def is_kept(self) -> bool:
        """Say whether the lag stayed within its bound."""
        return self.lag <= self.bound


def compare_groups(outcome: Outcome) -> list[Row]:
    """Return a row for each group, and one for everybody."""
    today, then, easy = (part.figures for part in outcome.parts)
    rows = [
        _row(outcome.name_of("/".join(after.path)), before, after, without)
        for before, after, without in zip(today.groups, then.groups, easy.groups, strict=True)
    ]
    return [*rows, _everybody(today, then, easy)]


def _row(name: str, before: GroupFigures, after: GroupFigures, easy: GroupFigures) -> Row:
    return Row(
        name=name,
        is_group=True,
        guarantee=after.guarantee,
        wait=after.wait_seconds_mean,
        wait_change=after.wait_seconds_mean - before.wait_seconds_mean,
        wait_easy=easy.wait_seconds_mean,
        longest=after.wait_seconds_p90,
        share=after.share,
        share_change=after.share - before.share,
        lag=after.worst_lag_node_seconds / HOUR_SECONDS,
        bound=after.lag_bound_node_seconds / HOUR_SECONDS,
    )


def _everybody(before: Figures, after: Figures, easy: Figures) -> Row:
    used, used_before = after.utilisation_while_submitting, before.utilisation_while_submitting
    return Row(
        name="",
        is_group=False,
        guarantee=0.0,
        wait=after.wait_seconds_mean,
        wait_change=after.wait_seconds_mean - before.wait_seconds_mean,
        wait_easy=easy.wait_seconds_mean,
        longest=after.wait_seconds_p90,
        share=used,
        share_change=used - used_before,
        lag=0.0,
        bound=0.0,
    )
