"""What is wrong with a mode or a call: the configuration and the portal refuse the same."""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from allmende.domain.access.calls import (
    Call,
    CallBeyondMode,
    check_call_within_mode,
    needs_cut_offs,
)
from allmende.domain.access.modes import AccessMode, Modes, Price, Selection
from allmende.domain.access.onboarding_steps import OnboardingStep
from allmende.domain.access.review_plans import SCORE_MAX, ReviewPlan
from allmende.domain.access.working_days import day_of
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition

Place = tuple[str | int, ...]

ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
LARGEST = 10**12  # more than anything that is written here
MODE_RANGES = {"durations_months": (1, 1200), "decision_working_days": (0, LARGEST)}
REVIEW_RANGES = {
    "reviews_per_application": (1, 20),
    "assessment_working_days": (0, LARGEST),
    "review_working_days": (0, LARGEST),
    "panel_working_days": (0, LARGEST),
    "rebuttal_working_days": (0, LARGEST),
}
CRITERION_RANGES = {"weight": (1, 100), "threshold": (0, SCORE_MAX)}
CALL_RANGES = {**MODE_RANGES, "price_cents_per_hour": (0, LARGEST)}
STEPS = ("assessment_working_days", "review_working_days", "panel_working_days")


@dataclass(frozen=True)
class Flaw:
    """Something wrong; `at` leads to it, as ("review", "criteria", 0, "threshold") does."""

    at: Place
    sentence: Sentence


def list_mode_flaws(mode: AccessMode) -> list[Flaw]:
    """Return everything that is wrong with one version of a mode."""
    return list(_mode_flaws(mode))


def list_call_flaws(call: Call, *, modes: Modes, partitions: tuple[Partition, ...]) -> list[Flaw]:
    """Return everything that is wrong with a call, in itself and under its mode and machine."""
    return [*_own_call_flaws(call), *_fit_flaws(call, modes=modes, partitions=partitions)]


def list_past_flaws(call: Call, *, now: datetime) -> list[Flaw]:
    """Return what of a new call is over already: nobody could have known of it."""
    flaws = []
    if day_of(call.opens_at) < day_of(now):
        flaws.append(Flaw(("opens_at",), Sentence("a new call opens today at the earliest.")))
    if any(cut_off <= now for cut_off in call.cut_offs):
        flaws.append(Flaw(("cut_offs",), Sentence("this cut-off is over already.")))
    if call.closes_at is not None and call.closes_at <= now:
        flaws.append(Flaw(("closes_at",), Sentence("this instant is over already.")))
    return flaws


def _mode_flaws(mode: AccessMode) -> Iterator[Flaw]:
    yield from _id_flaws(mode.id)
    yield from _name_flaws(mode.names, ("names",))
    yield from _name_flaws(mode.audience, ("audience",))
    yield from _range_flaws(mode, MODE_RANGES)
    yield from _duration_flaws(mode.durations_months)
    if mode.size_max_seconds is not None and mode.size_max_seconds < mode.size_min_seconds:
        yield Flaw(("size_max_seconds",), Sentence("the largest size is below the least one."))
    if not mode.routes:
        yield Flaw(("routes",), Sentence("name one way at least: nobody could apply."))
    yield from _selection_flaws(mode)


def _selection_flaws(mode: AccessMode) -> Iterator[Flaw]:
    """Yield what does not belong together in the way of choosing and its steps."""
    if (mode.selection is Selection.PEER_REVIEW) is not (mode.review is not None):
        yield Flaw(
            ("selection",),
            Sentence("a mode with peer review has a review plan, another one has none."),
        )
    if mode.review is None:
        return
    if not needs_cut_offs(mode):
        yield Flaw(("calendar",), Sentence("peer review compares: it needs cut-offs."))
    yield from _plan_flaws(mode.review)
    yield from _clock_flaws(mode.review, mode.decision_working_days)


def _plan_flaws(plan: ReviewPlan) -> Iterator[Flaw]:
    yield from _range_flaws(plan, REVIEW_RANGES, ("review",))
    ids = [criterion.id for criterion in plan.criteria]
    if not ids or len(set(ids)) < len(ids):
        problem = Sentence("name one criterion at least, and each once.")
        yield Flaw(("review", "criteria"), problem)
    for number, criterion in enumerate(plan.criteria):
        at = ("review", "criteria", number)
        yield from _id_flaws(criterion.id, at)
        yield from _name_flaws(criterion.names, (*at, "names"))
        yield from _range_flaws(criterion, CRITERION_RANGES, at)
    if not set(plan.tie_breaks) <= set(ids):
        problem = Sentence("no such criterion; known: {known}.", {"known": ", ".join(ids)})
        yield Flaw(("review", "tie_breaks"), problem)
    yield from _range_flaws(plan, {"sum_threshold": (0, plan.sum_max)}, ("review",))


def _clock_flaws(plan: ReviewPlan, decision_days: int) -> Iterator[Flaw]:
    """Yield steps that are not over one after the other, and before the decision."""
    days = [*(getattr(plan, name) for name in STEPS), decision_days]
    for name, (earlier, later) in zip(STEPS, itertools.pairwise(days), strict=True):
        if earlier >= later:
            problem = Sentence(
                "{earlier} is not before the next step, which has {later}.",
                {"earlier": earlier, "later": later},
            )
            yield Flaw(("review", name), problem)
    if plan.review_working_days + plan.rebuttal_working_days > plan.panel_working_days:
        problem = Sentence(
            "with the reviews it is not over by day {day} of the panel.",
            {"day": plan.panel_working_days},
        )
        yield Flaw(("review", "rebuttal_working_days"), problem)


def _own_call_flaws(call: Call) -> Iterator[Flaw]:
    yield from _id_flaws(call.id)
    yield from _name_flaws(call.names, ("names",))
    yield from _name_flaws(call.descriptions, ("descriptions",))
    yield from _range_flaws(call, CALL_RANGES)
    yield from _duration_flaws(call.durations_months)
    if call.size_max_seconds < max(call.size_min_seconds, 1):
        yield Flaw(("size_max_seconds",), Sentence("the largest size is below the least one."))
    if list(call.cut_offs) != sorted(set(call.cut_offs)):
        yield Flaw(("cut_offs",), Sentence("give the instants in order, each once."))
    if any(cut_off <= call.opens_at for cut_off in call.cut_offs):
        yield Flaw(("cut_offs",), Sentence("a cut-off comes after the opening."))
    if call.closes_at is not None and call.closes_at <= call.opens_at:
        yield Flaw(("closes_at",), Sentence("a call closes after it has opened."))
    if not call.terms_version or not call.terms_text.strip():
        yield Flaw(("terms_text",), Sentence("people accept the terms: write them."))


def _fit_flaws(call: Call, *, modes: Modes, partitions: tuple[Partition, ...]) -> Iterator[Flaw]:
    """Yield what its mode or its partition does not carry."""
    on = day_of(call.opens_at)
    partition = next((each for each in partitions if each.id == call.partition_id), None)
    mode = modes.find(call.mode_id, on=on)
    if mode is None:
        known = ", ".join(each.id for each in modes.in_force(on))
        problem = Sentence("no such mode when the call opens; known: {known}.", {"known": known})
        yield Flaw(("mode_id",), problem)
    if partition is None:
        known = ", ".join(each.id for each in partitions)
        problem = Sentence("no such partition; known: {known}.", {"known": known})
        yield Flaw(("partition_id",), problem)
    else:
        yield from _partition_flaws(call, partition)
    if mode is not None and partition is not None:
        yield from _under_mode_flaws(call, mode, gpus_per_node=partition.gpus_per_node)


def _partition_flaws(call: Call, partition: Partition) -> Iterator[Flaw]:
    facts = {"partition": partition.id, "unit": partition.unit.value}
    if call.unit is not partition.unit:
        yield Flaw(("unit",), Sentence("{partition} counts {unit}.", facts))
    if partition.access_shares and call.access_share not in partition.access_shares:
        facts = {"partition": partition.id, "known": ", ".join(partition.access_shares)}
        problem = Sentence("no such share of {partition}: {known}.", facts)
        yield Flaw(("access_share",), problem)


def _under_mode_flaws(call: Call, mode: AccessMode, *, gpus_per_node: int) -> Iterator[Flaw]:
    try:
        check_call_within_mode(call, mode, gpus_per_node=gpus_per_node)
    except CallBeyondMode as error:
        yield Flaw(("size_max_seconds",), error.sentence)
    if mode.review and call.decision_working_days <= mode.review.panel_working_days:
        problem = Sentence(
            "the panel of the mode takes {days}: decide after it.",
            {"days": mode.review.panel_working_days},
        )
        yield Flaw(("decision_working_days",), problem)
    if needs_cut_offs(mode) and not call.cut_offs:
        yield Flaw(("cut_offs",), Sentence("this mode needs cut-offs."))
    if call.cut_offs and not needs_cut_offs(mode):
        yield Flaw(("cut_offs",), Sentence("this mode has no cut-offs."))
    if (mode.price is Price.PAID) is not (call.price_cents_per_hour > 0):
        problem = Sentence("a paid mode has a price above 0, a free one has none.")
        yield Flaw(("price_cents_per_hour",), problem)


def _id_flaws(text: str, at: Place = ()) -> Iterator[Flaw]:
    if not ID.fullmatch(text):
        problem = Sentence("an id has small letters, digits and hyphens, 40 at most.")
        yield Flaw((*at, "id"), problem)


def list_step_flaws(step: OnboardingStep) -> list[Flaw]:
    """Return what is wrong with a step of an onboarding."""
    return [*_id_flaws(step.id), *_name_flaws(step.names, ("names",))]


def _name_flaws(names: Mapping[str, str], at: Place) -> Iterator[Flaw]:
    for language in ("en", "de"):
        if not names.get(language, "").strip():
            problem = Sentence('the language "{language}" is missing.', {"language": language})
            yield Flaw(at, problem)


def _duration_flaws(months: tuple[int, ...]) -> Iterator[Flaw]:
    """Yield an offer without any duration: nobody could apply for it."""
    if not months:
        yield Flaw(("durations_months",), Sentence("name one duration at least."))


def _range_flaws(
    value: object, ranges: Mapping[str, tuple[int, int]], at: Place = ()
) -> Iterator[Flaw]:
    """Yield each number, alone or in a list, that is not in the range of its key."""
    for key, (least, most) in ranges.items():
        written = getattr(value, key)
        for number in written if isinstance(written, tuple) else (written,):
            if not least <= number <= most:
                facts = {"number": number, "least": least, "most": most}
                problem = Sentence("{number} is not between {least} and {most}.", facts)
                yield Flaw((*at, key), problem)
