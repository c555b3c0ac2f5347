"""The marks of the AI Act are told before a training, from its formula and its parents."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from allmende.backends.local import LocalBackend
from allmende.domain.training.job_specs import JobSpec
from allmende.services.model_marks import foresee_marks
from tests.domain.training.recipes import FACTS, THRESHOLDS, a_blueprint
from tests.services.test_models import FILES, add_job, leave, register

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
SPEC = JobSpec(name="toy", blueprint="toy@2", params={"steps": 5})  # 59 operations


@dataclass
class Marks:
    """As much of a workshop as it takes."""

    general_purpose_flop: int
    blueprints: Any

    def compute_thresholds(self, _on: object) -> Any:
        return replace(
            THRESHOLDS,
            general_purpose_flop=self.general_purpose_flop,
            systemic_risk_flop=self.general_purpose_flop * 100,
        )


def told(spec: JobSpec, *, mark: int) -> list[str]:
    workshop: Any = Marks(mark, {"toy": a_blueprint()})
    found = foresee_marks([spec], "pr-1", now=NOON, workshop=workshop)
    return [sentence.english() for sentence in found]


def test_a_mark_is_told_when_the_formula_passes_it():
    assert told(SPEC, mark=59) == []
    assert told(SPEC, mark=58) == [
        "Its model would take 59 FLOP in all, more than 58. From here on a model of language or "
        "images counts as general-purpose AI."
    ]


def test_a_third_of_an_unknown_original_makes_a_provider():
    further = replace(SPEC, parents=("EuroLLM-9B",))
    assert told(further, mark=177) == []
    assert told(further, mark=176) == [
        "The training takes 59 FLOP, more than 58. From here on whoever trains a model of others "
        "further becomes its provider, where the compute of the original is not known."
    ]


def test_of_own_code_nothing_is_foreseen():
    assert told(JobSpec(name="mine", run="x"), mark=1) == []
    assert told(replace(SPEC, blueprint="gone@1"), mark=1) == []


def test_a_third_of_a_known_original_counts_where_that_is_general_purpose_ai(tmp_path):
    backend = LocalBackend(tmp_path)
    facts = json.dumps({**FACTS, "flop_executed": 90, "flop_useful": 90}).encode()
    leave(backend, {**FILES, "facts.json": facts})
    add_job()
    further = replace(SPEC, parents=(register(backend).id,))  # 59 operations on top of 90
    assert told(further, mark=150) == [
        "The training takes 59 FLOP, more than 30. From here on whoever trains this original "
        "further becomes a provider, where the original is general-purpose AI."
    ]
