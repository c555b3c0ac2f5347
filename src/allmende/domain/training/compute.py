"""Training compute counted twice, and set beside the marks of the AI Act."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from allmende.domain.basics.sentences import Sentence

NOT_MEASURED = "not measured"
FLOP_PER_TERAFLOP = 10**12
MARK_NAMES = (
    Sentence("general-purpose model (indicative)"),
    Sentence("systemic risk (presumed)"),
    Sentence("modifier of a model of unknown compute"),
)


@dataclass(frozen=True, kw_only=True)
class ComputeThresholds:
    """Marks of training compute in force on the day of the record, and where they stand."""

    general_purpose_flop: int
    systemic_risk_flop: int
    notice_days: int  # to tell the Commission of a systemic risk
    modifier_share: Fraction
    agreement: Fraction  # two ways to count should not differ by more than this
    source: str


@dataclass(frozen=True, kw_only=True)
class HardwareUse:
    """What the hardware could have done, and how much of that it did: C = N x L x H x U."""

    devices: int
    seconds: Fraction  # of wall time, all attempts together
    peak_teraflops: Decimal  # of one device
    utilisation_percent: Decimal
    is_assumed: bool  # the utilisation: nobody measured it

    @property
    def flop(self) -> int:
        """Return the operations, to the nearest whole one."""
        peak = Fraction(self.peak_teraflops) * FLOP_PER_TERAFLOP
        share = Fraction(self.utilisation_percent) / 100
        return round(self.devices * self.seconds * peak * share)

    def to_json(self) -> dict[str, Any]:
        """Return the formula with its figures."""
        return {
            "formula": "devices * seconds * peak * utilisation",
            "devices": self.devices,
            "seconds": round(float(self.seconds), 3),
            "peak_teraflops": float(self.peak_teraflops),
            "utilisation_percent": float(self.utilisation_percent),
            "utilisation": "assumed" if self.is_assumed else "reported by the training code",
        }


def agreement_of(architecture: int | None, hardware: int | None, *, tolerance: Fraction) -> str:
    """Return whether compute counted by architecture and by hardware agree, if both are known."""
    if not architecture or not hardware:
        return NOT_MEASURED
    gap = Fraction(abs(architecture - hardware), max(architecture, hardware))
    return "agree" if gap <= tolerance else "differ"


def compare_with_marks(flop: int | None, thresholds: ComputeThresholds) -> list[dict[str, Any]]:
    """Return for each mark whether so much compute reaches it, and what part of it that is."""
    if flop is None:
        return []
    marks = (
        Fraction(thresholds.general_purpose_flop),
        Fraction(thresholds.systemic_risk_flop),
        thresholds.general_purpose_flop * thresholds.modifier_share,
    )
    return [
        {
            "mark": name.template,
            "flop": int(mark),
            "reached": flop > mark,  # the Act says "greater than"
            "part": float(Fraction(flop) / mark),
        }
        for name, mark in zip(MARK_NAMES, marks, strict=True)
    ]


def judge_modifier(
    flop: int | None, original_flop: int | None, thresholds: ComputeThresholds
) -> dict[str, Any]:
    """Return whether who trained a model further becomes the provider of the result.

    More than a third of the original's compute does; where that is unknown, more than a third of
    the mark of general-purpose models.
    """
    basis = original_flop or thresholds.general_purpose_flop
    limit = basis * thresholds.modifier_share
    return {
        "basis": "compute of the original" if original_flop else "original of unknown compute",
        "original_flop": original_flop,
        "limit_flop": int(limit),
        "reached": None if flop is None else flop > limit,
    }


def count_flop(record: Mapping[str, Any]) -> int | None:
    """Return the compute of the run that a record describes: executed, or else planned."""
    compute = record.get("compute", {})
    flop: int | None = compute.get("flop_executed") or compute.get("flop_planned")
    return flop
