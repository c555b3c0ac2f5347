"""What trainings really took: published runs, and how much of the peak they reached.

A run reached `operations / (GPU hours × peak)`: the utilisation of the whole run, with restarts,
evaluations and slow weeks, and with 6 operations per parameter and token. So it is lower than the
utilisation of a good hour that reports like to show. Runs of one kind are alike; nothing else that
was published (size of the model, number of GPUs) explains the rest: docs/explanation/planner.md.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from statistics import median

from allmende.domain.basics.units import SECONDS_PER_HOUR
from allmende.domain.training.sizes import OPERATIONS_PER_PARAMETER_AND_TOKEN, TERA

# Below this nobody can keep a family apart and still calibrate on several.
FAMILIES_TO_VALIDATE = 3
COVERED_PERCENT = 90


class Precision(StrEnum):
    """The number format of most operations."""

    BF16 = "bf16"  # or FP16, which is as fast
    FP8 = "fp8"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What makes trainings alike."""

    generation: str  # of the GPU: "ampere", "hopper"
    is_sparse: bool = False  # a mixture of experts
    precision: Precision = Precision.BF16
    is_early: bool = False  # with code of the Megatron line as it was from 2021 to spring 2023


@dataclass(frozen=True, kw_only=True)
class PublishedRun:
    """One training as those who ran it published it."""

    name: str
    family: str  # runs of one family share people and code, so they are one witness
    gpu: str
    parameters: float
    active_parameters: float | None = None  # of a mixture of experts
    tokens: float
    gpu_hours: float
    gpus: int | None = None  # at once, where it was published
    precision: Precision = Precision.BF16
    is_early: bool = False
    left_out: str = ""  # why it does not count; it is shown all the same
    source: str
    checked_on: date
    note: str = ""

    @property
    def flop(self) -> float:
        """Return its operations, by the formula of the planner."""
        active = self.active_parameters or self.parameters
        return OPERATIONS_PER_PARAMETER_AND_TOKEN * active * self.tokens


@dataclass(frozen=True, kw_only=True)
class Witness:
    """A run with the GPU that it ran on."""

    run: PublishedRun
    generation: str
    peak_teraflops: float

    @property
    def kind(self) -> Kind:
        """Return what it is a witness for."""
        return Kind(
            generation=self.generation,
            is_sparse=self.run.active_parameters is not None,
            precision=self.run.precision,
            is_early=self.run.is_early,
        )

    @property
    def utilisation(self) -> float:
        """Return how much of the BF16 peak the whole run reached; 1 is all of it."""
        return self.run.flop / (self.run.gpu_hours * SECONDS_PER_HOUR * self.peak_teraflops * TERA)


@dataclass(frozen=True, kw_only=True)
class Utilisation:
    """How much of the peak to plan with."""

    share: float
    spread: float  # a factor of 1 or more, down and up
    families: tuple[str, ...]  # whose runs say so
    is_borrowed: bool = False  # from another generation, because no run of this kind is known


class Calibration:
    """Utilisation by kind, from the runs that calibrate."""

    def __init__(self, witnesses: Iterable[Witness], *, spread: float = 1.0) -> None:
        self.spread = spread
        shares: dict[Kind, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for each in witnesses:
            shares[each.kind][each.run.family].append(math.log(each.utilisation))
        # Each family has one voice, and half of them reached less: one odd run moves nothing.
        self.rows: dict[Kind, tuple[float, tuple[str, ...]]] = {
            kind: (
                math.exp(median(sum(logs) / len(logs) for logs in families.values())),
                tuple(sorted(families, key=str.casefold)),
            )
            for kind, families in shares.items()
        }

    def find(self, kind: Kind) -> Utilisation | None:
        """Return what to plan with; None where nothing is known of that generation.

        Where no run of the kind is known, its generation's dense runs are scaled as the kind is
        to dense runs elsewhere, with twice the spread (in logarithms).
        """
        if kind in self.rows:
            share, families = self.rows[kind]
            is_thin = len(families) == 1
            spread = self.spread ** (2 if is_thin else 1)
            return Utilisation(share=share, spread=spread, families=families)
        dense = self.rows.get(Kind(generation=kind.generation))
        like = next((each for each in self.rows if _is_alike(each, kind)), None)
        if dense is None or like is None:
            return None
        ratio = self.rows[like][0] / self.rows[Kind(generation=like.generation)][0]
        families = (*dense[1], *self.rows[like][1])
        return Utilisation(
            share=dense[0] * ratio, spread=self.spread**2, families=families, is_borrowed=True
        )

    def predict_hours(self, witness: Witness) -> float | None:
        """Return the GPU hours that this calibration expects of a run."""
        found = self.find(witness.kind)
        return None if found is None else witness.run.gpu_hours * witness.utilisation / found.share


def _is_alike(one: Kind, other: Kind) -> bool:
    same = (one.is_sparse, one.precision, one.is_early)
    return same == (other.is_sparse, other.precision, other.is_early)


def calibrate(witnesses: Sequence[Witness]) -> Calibration:
    """Return the calibration of the planner, with the spread that the runs really had."""
    counted = [each for each in witnesses if not each.run.left_out]
    errors = sorted(abs(math.log(1 + each)) for each in leave_families_out(witnesses).values())
    covered = errors[min(len(errors) - 1, len(errors) * COVERED_PERCENT // 100)] if errors else 0
    return Calibration(counted, spread=math.exp(covered))


def validate(witnesses: Sequence[Witness]) -> dict[str, float]:
    """Return for each run the relative error of a planner that never saw its family.

    Every run is predicted once, by all other families. Kinds of fewer than three families are not
    asked, for one family would answer for them all; that rule was made with the errors in view.
    """
    families: dict[Kind, set[str]] = defaultdict(set)
    for each in witnesses:
        if not each.run.left_out:
            families[each.kind].add(each.run.family)
    kinds = {each.run.name: each.kind for each in witnesses}
    return {
        name: error
        for name, error in leave_families_out(witnesses).items()
        if len(families[kinds[name]]) >= FAMILIES_TO_VALIDATE
    }


def leave_families_out(witnesses: Sequence[Witness]) -> dict[str, float]:
    """Return for each counted run its relative error when its whole family is unknown.

    0.1 is ten per cent too many hours. Runs without another family of their kind are not in it.
    """
    counted = [each for each in witnesses if not each.run.left_out]
    errors = {}
    for each in counted:
        rest = Calibration(other for other in counted if other.run.family != each.run.family)
        expected = rest.predict_hours(each) if each.kind in rest.rows else None
        if expected is not None:
            errors[each.run.name] = expected / each.run.gpu_hours - 1
    return errors
