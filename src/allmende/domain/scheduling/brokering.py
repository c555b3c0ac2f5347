"""Where a job runs: what it needs against what each partition offers, and why not on the others.

Every offer is judged, and every one that is not taken has exactly one reason. What cannot run the
job is ruled out first; among the rest the order is: surely in time, least to move, first start (for
a job that may wait: best hours before that), best hours, id. So the choice depends on the offers
alone, not on their order, and an offer that is worse than the best changes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.obstacles import Needs, Offer, find_obstacle

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
