"""What the AI Act asks of a model is said before it is trained, not after."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from allmende.domain.access.working_days import day_of
from allmende.domain.basics.compute_marks import (
    say_general_purpose,
    say_modifier,
    say_provider,
    say_systemic_risk,
)
from allmende.domain.basics.powers import write_power
from allmende.domain.basics.refusals import NotFound
from allmende.domain.basics.sentences import Sentence
from allmende.domain.training.ancestry import total_model
from allmende.domain.training.blueprints import estimate_flop, find_blueprint
from allmende.domain.training.job_specs import JobSpec
from allmende.services.model_registry import find_ancestry
from allmende.services.workshop import Workshop


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
    follows = (say_general_purpose(), say_systemic_risk(thresholds.notice_days))
    passed = [
        _say(total["flop"], mark["flop"], each)
        for mark, each in zip(total["marks"], follows, strict=False)  # the modifier's stands below
        if mark["reached"]
    ]
    modifier: dict[str, Any] = total.get("modifier", {})
    if modifier.get("reached"):
        is_known = modifier["original_flop"] is not None
        each = say_provider() if is_known else say_modifier()
        # What counts here is this training alone, without what it descends from.
        facts = _facts(flop, modifier["limit_flop"], each)
        passed.append(
            Sentence("The training takes {flop} FLOP, more than {mark}. {follows}", facts)
        )
    return tuple(passed)


def _say(flop: int, mark: int, follows: Sentence) -> Sentence:
    return Sentence(
        "Its model would take {flop} FLOP in all, more than {mark}. {follows}",
        _facts(flop, mark, follows),
    )


def _facts(flop: int, mark: int, follows: Sentence) -> dict[str, Any]:
    return {"flop": write_power(flop), "mark": write_power(mark), "follows": follows}


def _estimate(spec: JobSpec, workshop: Workshop) -> int:
    if not spec.blueprint:
        return 0
    try:
        return estimate_flop(find_blueprint(workshop.blueprints, spec.blueprint), spec.params)
    except NotFound:  # whoever submits it is told by others
        return 0
