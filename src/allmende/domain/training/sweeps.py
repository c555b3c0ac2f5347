"""A sweep is one job file that stands for several jobs: each combination of the values to try."""

import itertools
from collections.abc import Mapping
from dataclasses import replace

from allmende.domain.basics.refusals import Refusal
from allmende.domain.training.job_files import JobSpec, ParamValue

LARGEST_SWEEP = 64


class SweepTooLarge(Refusal):
    """The sweep makes {jobs} jobs; at most {largest} are allowed. Name fewer values."""

    status = 422


def expand_sweep(spec: JobSpec) -> list[JobSpec]:
    """Return one job for each combination, numbered; the job itself when there is no sweep.

    The order follows the names of the parameters and then the values as they were written,
    so that it is the same wherever the job file was kept in between.
    """
    if not spec.sweep:
        return [spec]
    names = sorted(spec.sweep)
    jobs = 1
    for name in names:
        jobs *= len(spec.sweep[name])
    if jobs > LARGEST_SWEEP:
        raise SweepTooLarge(jobs=jobs, largest=LARGEST_SWEEP)
    width = len(str(jobs))
    return [
        replace(
            spec,
            name=f"{spec.name[: 80 - width - 1]}-{number:0{width}d}",
            params={**spec.params, **dict(zip(names, values, strict=True))},
            sweep={},
        )
        for number, values in enumerate(
            itertools.product(*(spec.sweep[name] for name in names)), start=1
        )
    ]


def describe_params(params: Mapping[str, ParamValue]) -> str:
    """Return parameters as a short line: "hidden_units=16, learning_rate=0.01"."""
    return ", ".join(f"{name}={value}" for name, value in sorted(params.items()))
