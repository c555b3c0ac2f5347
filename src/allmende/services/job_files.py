"""Job files as they were sent: what they leave out is filled in alike, whichever way they came."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from allmende.domain.basics.refusals import Refusal
from allmende.domain.training.blueprints import Blueprint, expect_seconds, suggest_seconds
from allmende.domain.training.job_files import parse_job_file
from allmende.domain.training.job_specs import JobSpec
from allmende.domain.training.sweeps import expand_sweep
from allmende.services.workshop import Workshop
from allmende.storage import projects as project_store


def read_job_file(value: object, *, project_id: str, workshop: Workshop) -> JobSpec:
    """Check a job file that was read from YAML or JSON; refuse it with all mistakes at once.

    One that names a blueprint and no `max_duration` gets what that blueprint takes.
    """
    spec = parse_job_file(value)
    assert isinstance(value, Mapping), "nothing else is a job file"
    blueprint = workshop.blueprints.get(spec.blueprint.partition("@")[0])
    if blueprint is None or value.get("max_duration") is not None:
        return spec
    project = project_store.get_project(project_id)
    home = workshop.factory.get_partition(project.partition_id)
    seconds = suggest_seconds(
        _expect_longest(blueprint, spec), attempt_seconds=home.max_time_limit_seconds
    )
    return replace(spec, max_duration_seconds=seconds)


def _expect_longest(blueprint: Blueprint, spec: JobSpec) -> int | None:
    """Return what the longest of its jobs is expected to take, in seconds; None: nobody knows.

    No less than with the defaults, for not all of it is computing.
    """
    expected = [blueprint.seconds]
    with suppress(Refusal):  # of parameters that do not fit: told by whoever checks them
        expected += [expect_seconds(blueprint, each.params) for each in expand_sweep(spec)]
    return max((seconds for seconds in expected if seconds is not None), default=None)
