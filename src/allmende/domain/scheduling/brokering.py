"""Where a job runs: what it needs against what each partition offers, and why not on the others.

Every offer is judged, and every one that is not taken has exactly one reason. What cannot run the
job is ruled out first; among the rest the order is: surely in time, least to move, first start (for
a job that may wait: best hours before that), best hours, id. So the choice depends on the offers
alone, not on their order, and an offer that is worse than the best changes nothing.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import TimeUnit, hours_from_seconds

# Starts within the same quarter of an hour are as good as one another: forecasts are no better.
AS_SOON = timedelta(minutes=15)
# What a move of a waiting job must gain, so that it does not wander: of its time, and of its wait.
LEAST_GAIN = timedelta(minutes=10)
LEAST_PART_PERCENT = 20
LEAST_BYTES = 10**9
UNKNOWN = 10**9


class NowhereToRun(Refusal):
    """No partition on which the project has time can run this job. {reasons}"""

    status = 422


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a job asks for, whichever machine it runs on. Amounts are the least that will do."""

    asked_at: datetime  # now: nothing starts before
    limit_seconds: int  # the longest that it takes
    goes_on: bool = False  # in several attempts, where one may not last as long
    nodes: int = 1
    jobs: int = 1  # of a sweep or an array: time is held for all of them
    cores_per_node: int = 1
    memory_bytes_per_node: int = 0
    accelerators_per_node: int = 0
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


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of one offer: the figures that counted, and the one reason."""

    partition_id: str
    name: str
    access_share: str
    fits: bool
    sentence: Sentence
    starts_at: datetime | None
    green_percent: int
    bytes_to_move: int
    start_note: Sentence | None = None  # how a cluster estimated the start, or why nobody can say

    def to_json(self) -> dict[str, Any]:
        """Return a value that JSON can hold; `from_json` reads it back."""
        starts_at = self.starts_at.isoformat() if self.starts_at else None
        note = self.start_note and self.start_note.to_json()
        words = {"sentence": self.sentence.to_json(), "start_note": note}
        return vars(self) | words | {"starts_at": starts_at}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Verdict":
        """Read back what `to_json` wrote."""
        starts_at = value["starts_at"] and datetime.fromisoformat(value["starts_at"])
        sentence = Sentence.from_json(value["sentence"])
        note = value.get("start_note") and Sentence.from_json(value["start_note"])
        read = {"sentence": sentence, "starts_at": starts_at, "start_note": note}
        return cls(**{**value, **read})


@dataclass(frozen=True, kw_only=True)
class Choice:
    """All offers judged, the best first; those that do not fit stand last."""

    verdicts: tuple[Verdict, ...]

    @property
    def chosen(self) -> Verdict | None:
        """Return the partition that was taken; None where nothing fits."""
        return self.verdicts[0] if self.verdicts and self.verdicts[0].fits else None

    @property
    def others(self) -> tuple[Verdict, ...]:
        """Return those that were not taken."""
        return self.verdicts[1:] if self.chosen else self.verdicts


def choose(needs: Needs, offers: Iterable[Offer]) -> Choice:
    """Judge every offer and put the best first. Offers have different partitions."""
    judged = [(offer, find_obstacle(needs, offer)) for offer in offers]
    judged.sort(key=lambda pair: pair[0].partition_id)
    fitting = [offer for offer, reason in judged if reason is None]
    fitting.sort(key=lambda offer: [grade for _, grade in _grades(needs, offer)])
    verdicts = [_judge(offer, _say_rank(needs, fitting, offer)) for offer in fitting]
    verdicts += [
        _judge(offer, reason, fits=False) for offer, reason in judged if reason is not None
    ]
    return Choice(verdicts=tuple(verdicts))


def check_found(choice: Choice) -> Verdict:
    """Return what was taken; refuse the job with every reason where nothing was."""
    if choice.chosen is None:
        raise NowhereToRun(reasons=_join(choice.verdicts))
    return choice.chosen


def find_move(needs: Needs, offers: Sequence[Offer], *, current_id: str) -> Choice | None:
    """Return a choice of another partition for a job that waits; None: it stays where it is.

    It leaves a partition that no longer fits, and otherwise only for a clear gain.
    """
    choice = choose(needs, offers)
    by_id = {offer.partition_id: offer for offer in offers}
    current = by_id.get(current_id)
    if choice.chosen is None or choice.chosen.partition_id == current_id or current is None:
        return None
    best = by_id[choice.chosen.partition_id]
    if find_obstacle(needs, current) is None and not _is_worth_it(needs, best, current):
        return None
    return choice


def _is_worth_it(needs: Needs, best: Offer, current: Offer) -> bool:
    if current.bytes_to_move - best.bytes_to_move >= LEAST_BYTES:
        return True
    if best.starts_at is None or current.starts_at is None:
        return best.starts_at is not None
    gain = current.starts_at - best.starts_at
    wait = max(current.starts_at - needs.asked_at, timedelta(0))
    return gain >= max(LEAST_GAIN, wait * LEAST_PART_PERCENT / 100)


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
    _residency, _data, _specialisation, _accelerators, _nodes, _size, _bar, _budget, _deadline,
)  # fmt: skip


def _grades(needs: Needs, offer: Offer) -> list[tuple[str, int | str]]:
    """Return what counts, by name, the most important first; less is better."""
    is_known = offer.starts_at is not None
    wait = max((offer.starts_at or needs.asked_at) - needs.asked_at, timedelta(0)) // AS_SOON
    start, green = ("start", wait if is_known else UNKNOWN), ("green", -offer.green_percent)
    return [
        ("deadline", int(needs.ends_by is not None and not is_known)),
        ("data", offer.bytes_to_move),
        *((green, start) if needs.may_wait else (start, green)),
        ("name", offer.partition_id),
    ]


def _say_rank(needs: Needs, fitting: Sequence[Offer], offer: Offer) -> Sentence:
    if offer is not fitting[0]:
        return _say_not_taken(needs, offer, fitting[0])
    if len(fitting) == 1:
        return Sentence("It is the only partition with time for the project that fits.")
    return _say_taken(needs, offer, fitting[1])


def _find_difference(needs: Needs, best: Offer, other: Offer) -> str:
    pairs = zip(_grades(needs, best), _grades(needs, other), strict=True)
    return next(name for (name, mine), (_, theirs) in pairs if mine != theirs)


def _say_taken(needs: Needs, best: Offer, runner_up: Offer) -> Sentence:
    facts: dict[str, Any] = {"next": runner_up.name}
    match _find_difference(needs, best, runner_up):
        case "deadline":
            facts |= {"deadline": needs.ends_by}
            return Sentence("Here it is expected to end by its deadline {deadline}.", facts)
        case "data":
            return Sentence("Less data than elsewhere are to be moved here, or none.")
        case "start":
            return Sentence("Here it is expected to start first; next would be {next}.", facts)
        case "green":
            facts |= {"percent": best.green_percent}
            return Sentence(
                "{percent} % of its time lie in preferred hours here; next would be {next}.", facts
            )
    return Sentence("It is as good as {next}; of equals the first by id is taken.", facts)


def _say_not_taken(needs: Needs, offer: Offer, best: Offer) -> Sentence:
    facts: dict[str, Any] = {"best": best.name}
    difference = _find_difference(needs, best, offer)
    if difference in ("deadline", "start") and offer.starts_at is None:
        return Sentence("When it would start there cannot be said before it waits there.")
    match difference:
        case "start":
            facts |= {"there": offer.starts_at, "at_best": best.starts_at}
            return Sentence("It would start there at {there}, and on {best} at {at_best}.", facts)
        case "data":
            facts |= {"there": _gigabytes(offer), "at_best": _gigabytes(best)}
            return Sentence("{there} GB would be moved there, and {at_best} GB to {best}.", facts)
        case "green":
            facts |= {"there": offer.green_percent, "at_best": best.green_percent}
            return Sentence(
                "{there} % of its time there lie in preferred hours, and {at_best} % on {best}.",
                facts,
            )
    return Sentence("It is as good as {best}; of equals the first by id is taken.", facts)


def _hours(seconds: int) -> float:
    return round(float(hours_from_seconds(seconds)), 3)


def _gigabytes(offer: Offer) -> float:
    return round(offer.bytes_to_move / 1e9, 1)


def _judge(offer: Offer, sentence: Sentence, *, fits: bool = True) -> Verdict:
    return Verdict(
        partition_id=offer.partition_id,
        name=offer.name,
        access_share=offer.access_share,
        fits=fits,
        sentence=sentence,
        starts_at=offer.starts_at,
        green_percent=offer.green_percent,
        bytes_to_move=offer.bytes_to_move,
        start_note=offer.start_note,
    )


def _join(verdicts: Sequence[Verdict]) -> Sentence:
    said = [
        Sentence("{place}: {why}", {"place": each.name, "why": each.sentence}) for each in verdicts
    ]
    joined = said[0] if said else Sentence("It has time nowhere.")
    for sentence in said[1:]:
        joined = Sentence("{first} {rest}", {"first": joined, "rest": sentence})
    return joined
