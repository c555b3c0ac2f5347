"""Registering the model that a training left, as the next version of its family."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from typing import Any

from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sites import Partition
from allmende.domain.scheduling.backends import EndReason
from allmende.domain.scheduling.jobs import Attempt, Job, JobState
from allmende.domain.training.ancestry import Ancestry, parents_of
from allmende.domain.training.blueprints import Blueprint
from allmende.domain.training.compute import ComputeThresholds, HardwareUse
from allmende.domain.training.data_sets import Catalogue
from allmende.domain.training.job_files import parse_kept_job_file
from allmende.domain.training.job_specs import JobSpec
from allmende.domain.training.model_cards import render_card
from allmende.domain.training.models import Model, Outputs
from allmende.domain.training.records import (
    CarbonFactor,
    EnergyUse,
    RunFacts,
    Training,
    Try,
    add_energy,
    build_record,
)
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import audit
from allmende.services.deeds import Deed, one_transaction
from allmende.services.sizes import UTILISATION_PERCENT
from allmende.storage import jobs as job_store
from allmende.storage import trained_models as store

# A chain of models trained further from each other is followed no further than this.
MOST_ANCESTORS = 100


class TrainingNotFinished(Refusal):
    """Job {job} is {state}, so there is no model to register. Wait until it is completed."""


@one_transaction
def register_model(
    deed: Deed,
    job_id: str,
    *,
    outputs: Outputs,
    blueprint: Blueprint | None,
    thresholds: ComputeThresholds,
    partition: Partition,
    carbon: CarbonFactor | None,
    catalogue: Catalogue,
) -> Model:
    """Write down the model of a completed job with its card and record. Safe to repeat."""
    check_permission(deed.actor, Permission.RECORD_USAGE)
    known = store.find_model_of_job(job_id)
    if known is not None:
        return known
    job = job_store.get_job(job_id)
    if job.state is not JobState.COMPLETED:
        raise TrainingNotFinished(job=job.id, state=job.state.value)
    spec, attempts = parse_kept_job_file(job.spec), job_store.list_attempts(job_id)
    training = Training(
        spec=spec,
        blueprint=blueprint,
        run=replace(
            _run_facts(deed.new_id("m"), job, attempts),
            hardware=_hardware(spec, partition, attempts, outputs),
        ),
        outputs=outputs,
        ancestry=find_ancestry(spec, job.project_id),
        carbon=carbon,
        data_sets=tuple(catalogue.values()),
    )
    record = build_record(training, thresholds)
    model = Model(
        id=training.run.model_id,
        job_id=job.id,
        project_id=job.project_id,
        organisation_id=job.organisation_id,
        name=job.name,
        family=training.ancestry.family,
        version=training.ancestry.version,
        parents=training.ancestry.parents,
        licence=training.spec.licence,
        created_at=deed.now,
        files=outputs.files,
        card=render_card(record),
        record=record,
    )
    store.add_model(model)
    audit.record(
        deed,
        action="model.registered",
        subject=model.id,
        job=job.id,
        project=job.project_id,
        family=model.family,
        version=model.version,
        record_sha256=record["sha256"],
    )
    return model


def _run_facts(model_id: str, job: Job, attempts: Sequence[Attempt]) -> RunFacts:
    started = [attempt.started_at for attempt in attempts if attempt.started_at]
    ended = [attempt.ended_at for attempt in attempts if attempt.ended_at]
    reasons = [attempt.reason for attempt in attempts]
    return RunFacts(
        model_id=model_id,
        job_id=job.id,
        partition=job.partition_id,
        attempts=len(attempts),
        preemptions=reasons.count(EndReason.PREEMPTED),
        node_failures=reasons.count(EndReason.NODE_FAIL),
        started_at=min(started, default=job.submitted_at),
        ended_at=max(ended, default=job.ended_at or job.submitted_at),
        used_seconds=sum(attempt.used_seconds for attempt in attempts),
        energy=reduce(add_energy, map(_energy, attempts), EnergyUse()),
        tries=tuple(_try(attempt) for attempt in attempts),
    )


def _energy(attempt: Attempt) -> EnergyUse:
    if not attempt.energy_method:
        return EnergyUse()
    return EnergyUse(
        joules=attempt.energy_joules, method=attempt.energy_method, scope=attempt.energy_scope
    )


def _try(attempt: Attempt) -> Try:
    return Try(
        number=attempt.number,
        end=attempt.reason.value if attempt.reason else "unknown",
        is_completed=attempt.reason is EndReason.COMPLETED,
        used_seconds=attempt.used_seconds,
        energy=_energy(attempt),
    )


def _hardware(
    spec: JobSpec, partition: Partition, attempts: Sequence[Attempt], outputs: Outputs
) -> HardwareUse | None:
    """Return what the hardware could do, from what the code measured and the partition says."""
    told = outputs.facts.hardware
    known = partition.peak_teraflops_per_device if spec.accelerators else 0.0
    peak = told.peak_teraflops or (Decimal(str(known)) if known else None)
    if peak is None:
        return None
    spans = [
        each.ended_at - each.started_at for each in attempts if each.started_at and each.ended_at
    ]
    return HardwareUse(
        devices=spec.num_nodes * max(1, _count_accelerators(spec, partition)),
        seconds=Fraction(sum(spans, timedelta()) // timedelta(microseconds=1), 10**6),
        peak_teraflops=peak,
        utilisation_percent=told.utilisation_percent or UTILISATION_PERCENT,
        is_assumed=told.utilisation_percent is None,
    )


def _count_accelerators(spec: JobSpec, partition: Partition) -> int:
    """Return those of a node; of a range the job got what the node has."""
    return spec.accelerators if spec.accelerators_most is None else partition.gpus_per_node


def find_ancestry(spec: JobSpec, project_id: str) -> Ancestry:
    """Return what a model would descend from, and as which version of which family."""
    family = spec.family or spec.name
    earlier = store.list_versions(project_id, family)
    return Ancestry(
        family=family,
        version=1 + max((each.version for each in earlier), default=0),
        parents=spec.parents,
        ancestors=_find_ancestors(spec.parents),
        earlier=tuple(each.record for each in earlier),
    )


def _find_ancestors(parents: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    """Return the records of all registered models that the parents lead to, generation by it."""
    found: dict[str, Mapping[str, Any]] = {}
    wanted = set(parents)
    while wanted and len(found) < MOST_ANCESTORS:
        generation = store.get_models(wanted)
        found |= {model.id: model.record for model in generation}
        rows = [row for model in generation for row in parents_of(model.record)]
        wanted = {row["model"] for row in rows if row["model"]} - found.keys()
    return found
