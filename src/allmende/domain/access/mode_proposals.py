"""Table T3: which access modes fit a size and an experience, and what to do where none does."""

from collections.abc import Iterable

from allmende.domain.access.modes import AccessMode, Experience, Route
from allmende.domain.access.reasons import Reasons
from allmende.domain.access.verdicts import Answers, Verdict
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import SECONDS_PER_HOUR, plain_hours

EXPERIENCE_ORDER = tuple(Experience)

ROUTE_NAMES = {
    Route.INDUSTRIAL_INNOVATION: Sentence("innovation of SMEs and start-ups"),
    Route.AI_FOR_SCIENCE: Sentence("science and European projects"),
    Route.COMMERCIAL: Sentence("commercial use"),
}


def propose_modes(
    reasons: Reasons, answers: Answers, modes: Iterable[AccessMode], route: Route | None
) -> list[AccessMode]:
    """Return the modes that fit, for a way in; without a size, those that a size could fit."""
    offered = [mode for mode in modes if route in mode.routes]
    seconds = answers.requested_seconds
    ready = [mode for mode in offered if _is_experienced(answers, mode)]
    comparable = [mode for mode in offered if mode.unit is answers.unit]
    if seconds is None or not comparable:
        return ready or offered
    fitting = [mode for mode in comparable if mode.has_room_for(seconds)]
    smaller = [mode for mode in comparable if mode in ready and _most(mode) < seconds]
    if not fitting:
        _refuse_size(reasons, answers, seconds, comparable)
        return []
    if fits_well := [mode for mode in fitting if mode in ready]:
        if all(mode.access_share == "national" for mode in fits_well):
            _offer_two(reasons, answers, seconds, smaller)
        return fits_well
    if not smaller:
        return fitting
    _advise_to_start_small(reasons, answers, fitting[0], smaller[-1])
    return smaller


def check_mode(
    reasons: Reasons, answers: Answers, mode: AccessMode, route: Route | None
) -> list[AccessMode]:
    """Return the mode of a call where the way in leads there; refuse otherwise."""
    if route is not None and route not in mode.routes:
        wanted = {"wanted": ROUTE_NAMES[min(mode.routes)], "own": ROUTE_NAMES[route]}
        reasons.add(
            "access.call_route",
            Verdict.INELIGIBLE,
            Sentence("This call is for {wanted}; your way in is {own}.", wanted),
        )
        reasons.offer(Sentence("Choose a call that fits: the eligibility check names its mode."))
        return []
    if not _is_experienced(answers, mode):
        reasons.add(
            "access.experience",
            Verdict.ADVISORY,
            Sentence(
                "{mode} is for people who have used supercomputers before; the technical "
                "assessment looks at it.",
                {"mode": mode.names["en"]},
            ),
        )
    return [mode]


def _is_experienced(answers: Answers, mode: AccessMode) -> bool:
    """Say whether a mode is open to people of that experience; where it is not said, all are."""
    order = EXPERIENCE_ORDER.index
    return answers.experience is None or order(mode.experience) <= order(answers.experience)


def _most(mode: AccessMode) -> float:
    return float("inf") if mode.size_max_seconds is None else mode.size_max_seconds


def _refuse_size(reasons: Reasons, answers: Answers, seconds: int, modes: list[AccessMode]) -> None:
    hours = {
        "asked": plain_hours(seconds),
        "unit": answers.unit.hours_name,
        "sizes": "; ".join(_describe_size(mode) for mode in modes),
    }
    sentence = Sentence("No access mode gives {asked} {unit}. There is: {sizes}.", hours)
    reasons.add("access.size", Verdict.INELIGIBLE, sentence, numbers=hours)
    _offer_two(reasons, answers, seconds, modes)
    reasons.offer(Sentence("Ask for a size that one of the modes gives."))


def _offer_two(
    reasons: Reasons, answers: Answers, seconds: int, modes: Iterable[AccessMode]
) -> None:
    """Name a mode of the Union's time that gives enough when it is used twice in a row."""
    for mode in modes:
        if mode.access_share == "union" and _most(mode) < seconds <= 2 * _most(mode):
            facts = {
                "mode": mode.names["en"],
                "hours": plain_hours(mode.size_max_seconds or 0),
                "unit": answers.unit.hours_name,
            }
            reasons.offer(
                Sentence(
                    "Two {mode} projects, one after the other, give up to {hours} {unit} each of "
                    "the Union's time.",
                    facts,
                )
            )


def _advise_to_start_small(
    reasons: Reasons, answers: Answers, wanted: AccessMode, start: AccessMode
) -> None:
    facts = {
        "wanted": wanted.names["en"],
        "start": start.names["en"],
        "hours": plain_hours(start.size_max_seconds or 0),
        "unit": answers.unit.hours_name,
    }
    reasons.add(
        "access.experience",
        Verdict.ADVISORY,
        Sentence(
            "{wanted} is for people who have used supercomputers before. Start with {start}, up "
            "to {hours} {unit}: its results prove that you can.",
            facts,
        ),
        numbers={"hours": facts["hours"]},
    )


def _describe_size(mode: AccessMode) -> str:
    low = mode.size_min_seconds // SECONDS_PER_HOUR
    if mode.size_max_seconds is None:
        return f"{mode.names['en']} above {low}"
    return f"{mode.names['en']} {low} to {mode.size_max_seconds // SECONDS_PER_HOUR}"
