"""A call invites applications for time on one partition, in one access mode."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from allmende.domain.access.modes import AccessMode, Calendar, Modes
from allmende.domain.access.snapshots import hash_content
from allmende.domain.basics.refusals import NotFound, Refusal
from allmende.domain.basics.rules import RuleBook
from allmende.domain.basics.sites import Partition
from allmende.domain.basics.units import TimeUnit, hours_from_seconds


class CallIsNotOpenYet(Refusal):
    """The call {call} opens on {opens_at}. You can write your draft now and submit it then."""


class CutOffHasPassed(Refusal):
    """The call {call} took applications before {cut_off_at}; this instant is late. Your draft is
    kept: submit it under the next call."""


class CallBeyondMode(Refusal):
    """The call {call} offers up to {offered} hours, but its mode {mode} ends at {limit}. Lower
    size_max_hours in config/calls.toml, or choose another mode."""

    status = 422


class DifferentCall(Refusal):
    """The call {call} was opened with other terms than config/calls.toml says now. People have
    applied under the old ones: open a new call with an id of its own."""


class CallState(StrEnum):
    """Where a call stands; derived from the clock, never stored."""

    SCHEDULED = "scheduled"
    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, kw_only=True)
class Call:
    """An invitation; `cut_offs` are instants before which an application must arrive."""

    id: str
    names: Mapping[str, str]
    descriptions: Mapping[str, str]
    mode_id: str
    partition_id: str
    access_share: str
    unit: TimeUnit
    size_min_seconds: int = 1
    size_max_seconds: int
    durations_months: tuple[int, ...]
    opens_at: datetime
    closes_at: datetime | None = None
    cut_offs: tuple[datetime, ...] = ()
    decision_working_days: int
    price_cents_per_hour: int = 0
    contingent_seconds: int = 0  # what the call gives away in all
    civilian_only: bool = True
    bought_after_2020: bool = True  # the machine: it decides on the list of countries
    needs_onboarding: bool = False
    land: str = ""  # of the hosting site, whose holidays are no working days; empty: none known
    terms_version: str
    terms_text: str

    @property
    def terms_hash(self) -> str:
        """Return the hash that stands in every acceptance of these terms."""
        return hash_content({"version": self.terms_version, "text": self.terms_text})

    @property
    def last_instant(self) -> datetime | None:
        """Return the first instant at which nothing can be submitted any more, or None."""
        ends = [end for end in (self.closes_at, *self.cut_offs[-1:]) if end is not None]
        return min(ends, default=None)

    def state(self, now: datetime) -> CallState:
        """Return where the call stands; at the very second of its end it is closed."""
        if now < self.opens_at:
            return CallState.SCHEDULED
        if self.last_instant is not None and now >= self.last_instant:
            return CallState.CLOSED
        return CallState.OPEN

    def is_open(self, now: datetime) -> bool:
        """Say whether an application can be submitted at that instant."""
        return self.state(now) is CallState.OPEN

    def next_cut_off(self, now: datetime) -> datetime | None:
        """Return the cut-off that an application of this instant is attached to."""
        return next((cut_off for cut_off in self.cut_offs if now < cut_off), None)


@dataclass(frozen=True, kw_only=True)
class AccessRules:
    """Everything that decides on access: rules, modes, calls, machines, and who gives time."""

    book: RuleBook
    modes: Modes
    calls: tuple[Call, ...] = ()
    partitions: tuple[Partition, ...] = ()
    authority: str = ""

    def get_mode(self, mode_id: str, *, on: date) -> AccessMode:
        """Return the mode as it is in force on a day."""
        mode = self.modes.find(mode_id, on=on)
        if mode is None:
            raise NotFound(kind="access mode", id=mode_id)
        return mode

    def get_mode_of(self, call: Call) -> AccessMode:
        """Return the mode of a call as it was in force when the call opened."""
        return self.get_mode(call.mode_id, on=call.opens_at.date())

    def get_call(self, call_id: str) -> Call:
        """Return a call as the configuration has it."""
        for call in self.calls:
            if call.id == call_id:
                return call
        raise NotFound(kind="call", id=call_id)

    def get_partition(self, partition_id: str) -> Partition:
        """Return a machine as the configuration has it."""
        for partition in self.partitions:
            if partition.id == partition_id:
                return partition
        raise NotFound(kind="partition", id=partition_id)


def check_open(call: Call, *, now: datetime) -> None:
    """Refuse what comes before the opening, or at or after the last cut-off."""
    state = call.state(now)
    if state is CallState.SCHEDULED:
        raise CallIsNotOpenYet(call=call.id, opens_at=call.opens_at)
    if state is CallState.CLOSED:
        raise CutOffHasPassed(call=call.id, cut_off_at=call.last_instant)


def check_call_within_mode(call: Call, mode: AccessMode, *, gpus_per_node: int) -> None:
    """Refuse a call that offers more than its mode allows.

    The lower limit of a mode does not bind a call: a small partition gives small packages.
    Where nodes are counted, each node stands for its GPUs, and a node without one for one.
    """
    if mode.size_max_seconds is None:
        return
    factor = max(gpus_per_node, 1)
    offered, limit = call.size_max_seconds, mode.size_max_seconds
    if call.unit is not mode.unit:
        if call.unit is TimeUnit.NODE_SECONDS:
            offered *= factor
        else:
            limit *= factor
    if offered > limit:
        raise CallBeyondMode(
            call=call.id,
            offered=f"{hours_from_seconds(offered).normalize():f}",
            mode=mode.id,
            limit=f"{hours_from_seconds(limit).normalize():f}",
        )


def needs_cut_offs(mode: AccessMode) -> bool:
    """Say whether calls of the mode name the instants of their cut-offs."""
    return mode.calendar is Calendar.CUT_OFFS
