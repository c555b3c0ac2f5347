"""One job file that stands for several jobs: a sweep tries values, an array counts indices."""

import hashlib
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from allmende.domain.basics.refusals import Refusal
from allmende.domain.training.conditions import Array
from allmende.domain.training.job_specs import JobSpec
from allmende.domain.training.sweep_values import ParamValue, Range

LARGEST_SWEEP = 64


class SweepTooLarge(Refusal):
    """The job file makes {jobs} jobs; at most {largest} are allowed. Let it make fewer."""

    status = 422


def expand_sweep(spec: JobSpec) -> list[JobSpec]:
    """Return one job for each combination or index, numbered; without either, the job itself.

    The order follows the names of the parameters and then the values as they were written,
    so that it is the same wherever the job file was kept in between. Each draw from ranges is a
    function of seed and number, and is combined with every combination of listed values.
    """
    if spec.array:
        return _expand_array(spec, spec.array)
    if not spec.sweep:
        return [spec]
    tuples = {name: each for name, each in spec.sweep.items() if isinstance(each, tuple)}
    names = sorted(tuples)
    jobs = math.prod(len(tuples[name]) for name in names) * (spec.draws or 1)
    _check_size(jobs)
    combinations = itertools.product(
        itertools.product(*(tuples[name] for name in names)), range(spec.draws or 1)
    )
    return [
        replace(
            spec,
            name=_number(spec.name, number, last=jobs),
            params={
                **spec.params,
                **dict(zip(names, values, strict=True)),
                **_draw(spec, draw),
            },
            sweep={},
            draws=0,
            sweep_seed=0,
            max_parallel=0,  # it binds them together: none of them has it alone
        )
        for number, (values, draw) in enumerate(combinations, start=1)
    ]


def _draw(spec: JobSpec, draw: int) -> dict[str, ParamValue]:
    ranges = {name: each for name, each in spec.sweep.items() if isinstance(each, Range)}
    shares = {name: _share(f"{spec.sweep_seed}.{draw}.{name}") for name in ranges}
    return {name: each.at(shares[name]) for name, each in ranges.items()}


def _share(seed: str) -> float:
    """Return a number from 0 to 1 that nobody would foresee and everybody can compute again."""
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big") / 2**64


def _expand_array(spec: JobSpec, array: Array) -> list[JobSpec]:
    if array.tasks == 1:
        return [replace(spec, max_parallel=0)]
    _check_size(array.tasks)
    return [
        replace(
            spec,
            name=_number(spec.name, index, last=array.last),
            array=array.task(index),
            max_parallel=0,
        )
        for index in range(array.first, array.last + 1)
    ]


def _check_size(jobs: int) -> None:
    if jobs > LARGEST_SWEEP:
        raise SweepTooLarge(jobs=jobs, largest=LARGEST_SWEEP)


def _number(name: str, number: int, *, last: int) -> str:
    width = len(str(last))
    return f"{name[: 80 - width - 1]}-{number:0{width}d}"


def find_varied(jobs: Sequence[Mapping[str, ParamValue]]) -> list[dict[str, ParamValue]]:
    """Return of each job's parameters those in which the jobs differ, by name."""
    names = sorted({name for params in jobs for name in params})
    varied = [name for name in names if len({repr(params.get(name)) for params in jobs}) > 1]
    return [{name: params[name] for name in varied if name in params} for params in jobs]
