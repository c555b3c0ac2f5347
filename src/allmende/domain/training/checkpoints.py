"""How large a checkpoint is, and how often to write one. Young 1974, Daly 2006."""

import math
from dataclasses import dataclass

GIGA = 10**9
# Weights in BF16, and in FP32 a copy of them with both moments of Adam.
CHECKPOINT_BYTES_PER_PARAMETER = 2 + 4 + 4 + 4


@dataclass(frozen=True, kw_only=True)
class CheckpointPlan:
    """Its size, and the rhythm that loses least."""

    gigabytes: float
    write_seconds: float
    seconds_between_failures: float
    every_seconds: float
    lost_share: float  # of the time, to writing and to work that is done again


def plan_checkpoints(
    parameters: int,
    *,
    gpus: int,
    failures_per_gpu_second: float,
    write_gigabytes_per_second: float,
    restart_seconds: float,
) -> CheckpointPlan:
    """Return the cadence by Daly's higher-order formula (2006, equation 37)."""
    gigabytes = CHECKPOINT_BYTES_PER_PARAMETER * parameters / GIGA
    writing = gigabytes / write_gigabytes_per_second
    between = 1 / (failures_per_gpu_second * gpus)
    every = best_interval(writing, between)
    lost = writing / every + (every / 2 + writing + restart_seconds) / between
    return CheckpointPlan(
        gigabytes=gigabytes,
        write_seconds=writing,
        seconds_between_failures=between,
        every_seconds=every,
        lost_share=min(1.0, lost),
    )


def best_interval(write_seconds: float, seconds_between_failures: float) -> float:
    """Return the seconds of work between two checkpoints that lose least."""
    if write_seconds >= 2 * seconds_between_failures:
        return seconds_between_failures
    part = write_seconds / (2 * seconds_between_failures)
    young = math.sqrt(2 * write_seconds * seconds_between_failures)
    return young * (1 + math.sqrt(part) / 3 + part / 9) - write_seconds
