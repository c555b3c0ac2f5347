"""What a job needs, what a partition offers, and the first reason why the two do not fit."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import TimeUnit, hours_from_seconds


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a job asks for, whichever machine it runs on. Amounts are the least that will do.

    Of those with `most` a node may have no more.
    """

    asked_at: datetime  # now: nothing starts before
    limit_seconds: int  # the longest that it takes
    goes_on: bool = False  # in several attempts, where one may not last as long
    nodes: int = 1
    jobs: int = 1  # of a sweep or an array: time is held for all of them
    cores_per_node: int = 1
    cores_most: int | None = None
    memory_bytes_per_node: int = 0
    memory_bytes_most: int | None = None
    accelerators_per_node: int = 0
    accelerators_most: int | None = None
    accelerator: str = ""  # its kind, as the hardware names it; empty: any
    specialisation: str = ""
    data: Sentence  # what it carries, in words
    countries: frozenset[str]  # where such data may be
    ends_by: datetime | None = None
    may_wait: bool = False  # for better hours


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What a partition could give the job, and when."""

    partition_id: str
    name: str
    country: str
    access_share: str  # under which the project has time there
    unit: TimeUnit
    nodes_most: int  # of one job of this project
    limit_seconds_most: int
    cores_per_node: int = 1
    memory_bytes_per_node: int = 0
    accelerators_per_node: int = 0
    hardware: str = ""
    specialisations: tuple[str, ...] = ()
    charge_factor: int = 1
    grace_seconds: int = 0
    available_seconds: int = 0
    bytes_to_move: int = 0
    starts_at: datetime | None = None  # as it is predicted; None: nobody can say
    start_note: Sentence | None = None  # how a cluster estimated it, or why nobody can say
    green_percent: int = 0  # of its time there in hours that the partition prefers
    data_missing: tuple[str, ...] = ()  # data sets that the job reads, and that are not there
    bar: Sentence | None = None  # what else refuses the job there


def find_obstacle(needs: Needs, offer: Offer) -> Sentence | None:
    """Return the first reason why an offer cannot run the job; None where it can."""
    for rule in RULES:
        if reason := rule(needs, offer):
            return reason
    return None


def _residency(needs: Needs, offer: Offer) -> Sentence | None:
    if offer.country in needs.countries:
        return None
    allowed = ", ".join(sorted(needs.countries)) or Sentence("nowhere")
    facts = {"data": needs.data, "country": offer.country, "allowed": allowed}
    return Sentence(
        "It carries {data}, which may not be in {country}. Allowed here: {allowed}.", facts
    )


def _data(_: Needs, offer: Offer) -> Sentence | None:
    if not offer.data_missing:
        return None
    return Sentence(
        "It reads data that do not lie at this site: {data}.",
        {"data": ", ".join(offer.data_missing)},
    )


def _bar(_: Needs, offer: Offer) -> Sentence | None:
    return offer.bar


def _specialisation(needs: Needs, offer: Offer) -> Sentence | None:
    if not needs.specialisation or needs.specialisation in offer.specialisations:
        return None
    there = ", ".join(offer.specialisations) or Sentence("nothing")
    facts = {"asked": needs.specialisation, "there": there}
    return Sentence("It asks for nodes for {asked}; these are specialised in {there}.", facts)


def _accelerators(needs: Needs, offer: Offer) -> Sentence | None:
    asked, there = needs.accelerators_per_node, offer.accelerators_per_node
    if asked > there:
        return Sentence(
            "It asks for {asked} accelerators a node; a node here has {there}.",
            {"asked": asked, "there": there},
        )
    if not _words(needs.accelerator) <= _words(offer.hardware):
        facts = {"asked": needs.accelerator, "there": offer.hardware}
        return Sentence("It asks for {asked}; here is {there}.", facts)
    return None


def _bounds(needs: Needs, offer: Offer) -> Sentence | None:
    bounds = (
        (needs.cores_most, offer.cores_per_node, Sentence("cores"), 1),
        (needs.accelerators_most, offer.accelerators_per_node, Sentence("accelerators"), 1),
        (needs.memory_bytes_most, offer.memory_bytes_per_node, Sentence("MB"), 1_000_000),
    )
    for most, there, what, part in bounds:
        if most is not None and most < there:
            facts = {"most": most // part, "there": there // part, "what": what}
            return Sentence(
                "It asks for nodes with at most {most} {what}; a node here has {there}.", facts
            )
    return None


def _words(text: str) -> set[str]:
    return set(re.findall(r"[^\W_]+", text.casefold()))


def _nodes(needs: Needs, offer: Offer) -> Sentence | None:
    if needs.cores_per_node > offer.cores_per_node:
        return Sentence(
            "It asks for {asked} cores a node; a node here has {there}.",
            {"asked": needs.cores_per_node, "there": offer.cores_per_node},
        )
    if needs.memory_bytes_per_node > offer.memory_bytes_per_node:
        return Sentence(
            "It asks for {asked} MB a node; a node here has {there} MB.",
            {
                "asked": needs.memory_bytes_per_node // 1_000_000,
                "there": offer.memory_bytes_per_node // 1_000_000,
            },
        )
    return None


def _size(needs: Needs, offer: Offer) -> Sentence | None:
    if needs.nodes > offer.nodes_most:
        return Sentence(
            "It asks for {asked} nodes; a job of this project may have {there} here.",
            {"asked": needs.nodes, "there": offer.nodes_most},
        )
    if needs.limit_seconds > offer.limit_seconds_most and not needs.goes_on:
        return Sentence(
            "Its time limit is {asked} s; here it may be {there} s at most.",
            {"asked": needs.limit_seconds, "there": offer.limit_seconds_most},
        )
    return None


def _budget(needs: Needs, offer: Offer) -> Sentence | None:
    attempt_seconds = min(needs.limit_seconds, offer.limit_seconds_most) + offer.grace_seconds
    each_seconds = needs.nodes * attempt_seconds * offer.charge_factor
    held_seconds = needs.jobs * each_seconds
    if held_seconds <= offer.available_seconds:
        return None
    facts = {
        "asked": _hours(held_seconds),
        "left": _hours(offer.available_seconds),
        "unit": Sentence(offer.unit.hours_name),
    }
    return Sentence("It would hold {asked} {unit}; {left} are left to the project here.", facts)


def _deadline(needs: Needs, offer: Offer) -> Sentence | None:
    starts_at = offer.starts_at or needs.asked_at
    ends_at = starts_at + timedelta(seconds=needs.limit_seconds)
    if needs.ends_by is None or ends_at <= needs.ends_by:
        return None
    facts = {"starts_at": starts_at, "ends_at": ends_at, "deadline": needs.ends_by}
    return Sentence(
        "It would start at {starts_at} and may run until {ends_at}, after its deadline {deadline}.",
        facts,
    )


RULES: tuple[Callable[[Needs, Offer], Sentence | None], ...] = (
    _residency, _data, _specialisation, _accelerators, _nodes, _bounds, _size, _bar, _budget,
    _deadline,
)  # fmt: skip


def _hours(seconds: int) -> float:
    return round(float(hours_from_seconds(seconds)), 3)
