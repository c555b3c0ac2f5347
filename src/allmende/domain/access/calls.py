"""A call invites applications for time on one partition, in one access mode."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from allmende.domain.access.modes import AccessMode, Calendar, Modes
from allmende.domain.access.onboarding_steps import OnboardingStep
from allmende.domain.access.snapshots import hash_content
from allmende.domain.access.working_days import day_of
from allmende.domain.basics.periods import Period
from allmende.domain.basics.refusals import NotFound, Refusal
from allmende.domain.basics.rules import RuleBook
from allmende.domain.basics.sites import Partition
from allmende.domain.basics.units import TimeUnit, plain_hours


class CallIsNotOpenYet(Refusal):
    """The call {call} opens on {opens_at}. You can write your draft now and submit it then."""


class CutOffHasPassed(Refusal):
    """The call {call} took applications before {cut_off_at}; this instant is late. Your draft is
    kept: submit it under the next call."""


class CallBeyondMode(Refusal):
    """The call {call} offers up to {offered} hours, but its mode {mode} ends at {limit}. Offer
    less, or choose another mode."""

    status = 422


class DifferentCall(Refusal):
    """The call {call} was opened with other content than this. People have applied under it: open
    a new call with an id of its own."""


class CallHasFlaw(Refusal):
    """The call {call} cannot open. {field}: {problem}"""

    status = 422


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
    mode: AccessMode | None = None  # as it was when the call was opened

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

    def is_open_on(self, day: Period) -> bool:
        """Say whether an application could be submitted at some instant of a day."""
        end = self.last_instant
        return self.opens_at < day.ends_at and (end is None or day.starts_at < end)

    def is_open(self, now: datetime) -> bool:
        """Say whether an application can be submitted at that instant."""
        return self.state(now) is CallState.OPEN

    def next_cut_off(self, now: datetime) -> datetime | None:
        """Return the cut-off that an application of this instant is attached to."""
        return next((cut_off for cut_off in self.cut_offs if now < cut_off), None)


@dataclass(frozen=True, kw_only=True)
class CutOffCalendar:
    """The instants that were announced for a mode in a year."""

    mode_id: str
    year: int
    instants: tuple[datetime, ...]
    source: str
    checked_on: date
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class AccessRules:
    """Everything that decides on access: rules, modes, calls, machines, and who gives time."""

    book: RuleBook
    modes: Modes
    calls: tuple[Call, ...] = ()
    calendars: tuple[CutOffCalendar, ...] = ()
    onboarding: tuple[OnboardingStep, ...] = ()
    partitions: tuple[Partition, ...] = ()
    authority: str = ""

    def get_mode(self, mode_id: str, *, on: date) -> AccessMode:
        """Return the mode as it is in force on a day."""
        mode = self.modes.find(mode_id, on=on)
        if mode is None:
            raise NotFound(kind="access mode", id=mode_id)
        return mode

    def get_mode_of(self, call: Call) -> AccessMode:
        """Return the mode that a call was opened from: later versions do not move it."""
        return call.mode or self.get_mode(call.mode_id, on=day_of(call.opens_at))

    def list_cut_offs(self, mode_id: str, *, now: datetime) -> tuple[datetime, ...]:
        """Return the announced cut-offs of a mode that are still to come, in order."""
        calendars = [each for each in self.calendars if each.mode_id == mode_id]
        return tuple(sorted({at for each in calendars for at in each.instants if now < at}))

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


def defaults_of(mode: AccessMode, partition: Partition) -> dict[str, Any]:
    """Return what a call of the mode on that machine has when nobody says otherwise.

    Sizes are in the unit of the machine; a mode without upper limit proposes none (0).
    """
    most, factor = mode.size_max_seconds or 0, max(partition.gpus_per_node, 1)
    if mode.unit is not partition.unit:
        counts_nodes = partition.unit is TimeUnit.NODE_SECONDS
        most = most // factor if counts_nodes else most * factor
    shares = tuple(partition.access_shares) or (mode.access_share,)
    return {
        "mode_id": mode.id,
        "partition_id": partition.id,
        "access_share": mode.access_share if mode.access_share in shares else shares[0],
        "unit": partition.unit,
        "size_max_seconds": most,
        "durations_months": mode.durations_months,
        "decision_working_days": mode.decision_working_days,
        "bought_after_2020": partition.bought_after_2020,
        "land": partition.land,
    }


def on_its_machine(call: Call, partitions: Iterable[Partition]) -> Call:
    """Return the call with what follows from its machine."""
    machine = next((each for each in partitions if each.id == call.partition_id), None)
    if machine is None:
        return call
    return replace(call, bought_after_2020=machine.bought_after_2020, land=machine.land)


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
            offered=plain_hours(offered),
            mode=mode.id,
            limit=plain_hours(limit),
        )


def needs_cut_offs(mode: AccessMode) -> bool:
    """Say whether calls of the mode name the instants of their cut-offs."""
    return mode.calendar is Calendar.CUT_OFFS
