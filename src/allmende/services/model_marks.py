"""What the AI Act asks of a model is said before it is trained, not after."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from allmende.domain.access.working_days import day_of
from allmende.domain.basics.refusals import NotFound
from allmende.domain.basics.sentences import Sentence
from allmende.domain.training.ancestry import total_model
from allmende.domain.training.blueprints import estimate_flop, find_blueprint
from allmende.domain.training.job_specs import JobSpec
from allmende.services.model_registry import find_ancestry
from allmende.services.workshop import Workshop

# Of each mark in the record, in the order of the record.
WORDS = (
    Sentence("From {mark} on a model of language or images counts as general-purpose AI."),
    Sentence("From {mark} on the AI Act presumes a systemic risk, and the Commission is notified."),
)


def foresee_marks(
    specs: Sequence[JobSpec], project_id: str, *, now: datetime, workshop: Workshop
) -> tuple[Sentence, ...]:
    """Return the marks that the model of a job would pass, the largest job of a sweep counting.

    Of own code nobody knows beforehand how much it computes, so nothing is said.
    """
    flop = max((_estimate(spec, workshop) for spec in specs), default=0)
    if not flop:
        return ()
    thresholds = workshop.compute_thresholds(day_of(now))
    ancestry = find_ancestry(specs[0], project_id)
    total = total_model(flop, ancestry, thresholds)
    passed = [
        _say(total["flop"], mark["flop"], words)
        for mark, words in zip(total["marks"], WORDS, strict=False)
        if mark["reached"]
    ]
    modifier: dict[str, Any] = total.get("modifier", {})
    if modifier.get("reached"):
        words = Sentence(
            "From {mark} on whoever trains a model of others further becomes its provider.",
        )
        passed.append(_say(flop, modifier["limit_flop"], words))
    return tuple(passed)


def _say(flop: int, mark: int, words: Sentence) -> Sentence:
    follows = Sentence(words.template, {"mark": f"{mark:.3g} FLOP"})
    return Sentence(
        "Its model would take {flop} FLOP in all. {follows}",
        {"flop": f"{flop:.3g}", "follows": follows},
    )


def _estimate(spec: JobSpec, workshop: Workshop) -> int:
    if not spec.blueprint:
        return 0
    try:
        return estimate_flop(find_blueprint(workshop.blueprints, spec.blueprint), spec.params)
    except NotFound:  # whoever submits it is told by others
        return 0
