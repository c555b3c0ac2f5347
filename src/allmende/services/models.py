"""Registering the model that a training left, reading it, and proving that it is unchanged."""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import NotFound, Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.backends import Backend, BackendOf, EndReason
from allmende.domain.scheduling.jobs import Attempt, Job, JobState
from allmende.domain.training.blueprints import Blueprint
from allmende.domain.training.data_sets import Catalogue
from allmende.domain.training.fields import Finding
from allmende.domain.training.job_files import JobSpec
from allmende.domain.training.model_cards import render_card
from allmende.domain.training.models import Model, ModelFile, Outputs, parse_training_facts
from allmende.domain.training.records import (
    ComputeThresholds,
    EnergyUse,
    RunFacts,
    Training,
    add_energy,
    build_record,
    is_record_whole,
)
from allmende.domain.trust.permissions import Permission, can_do, check_permission
from allmende.services import audit, projects
from allmende.services.deeds import Deed, one_transaction
from allmende.storage import jobs as job_store
from allmende.storage import projects as project_store
from allmende.storage import trained_models as store

FACTS, METRICS = "facts.json", "metrics.json"
# What the job says about itself is read into memory; a larger one is no facts file.
LARGEST_FACTS_BYTES = 1_000_000
LONGEST_NUMBER = 40


class TrainingNotFinished(Refusal):
    """Job {job} is {state}, so there is no model to register. Wait until it is completed."""


class ModelFileChanged(Refusal):
    """The file {file} of model {model} is no longer as it was when the training ended.

    It is not handed out. Run the job again, or restore the file from a copy.
    """


def read_outputs(backend: Backend, job_id: str) -> Outputs:
    """Read and hash what a job left behind; call it outside of a transaction."""
    files, texts, findings = [], {FACTS: b"{}", METRICS: b"{}"}, []
    for name in sorted(backend.list_output(job_id)):
        if _clean_text(name) != name:
            problem = Sentence("Its name is no text, so it is not part of the model.")
            findings.append(Finding(_clean_text(name), problem))
            continue
        try:
            content = backend.read_output(job_id, name)
        except Refusal as refusal:  # too large to pass on: noted, and no reason to lose the rest
            findings.append(Finding(name, refusal.sentence))
            continue
        sha256 = hashlib.sha256(content).hexdigest()
        files.append(ModelFile(name=name, size_bytes=len(content), sha256=sha256))
        if name in texts:
            texts[name] = content
    facts = parse_training_facts(_parse(texts[FACTS]))
    return Outputs(
        files=tuple(files),
        facts=replace(facts, findings=(*facts.findings, *findings)),
        metrics=_mapping(_parse(texts[METRICS])),
    )


def _parse(content: bytes) -> object:
    if len(content) > LARGEST_FACTS_BYTES:
        return None
    try:
        # JSON knows no NaN, though Python's reader does; what is no number is nothing.
        value = json.loads(
            content, parse_constant=lambda _: None, parse_float=_number, parse_int=_number
        )
        return _clean(value)
    except (ValueError, RecursionError):
        return None


def _number(text: str) -> int | float | None:
    """Return the number, unless it is larger than any database holds."""
    if len(text) > LONGEST_NUMBER or not math.isfinite(number := float(text)):
        return None
    return int(text) if text.lstrip("-").isdigit() else number


def _clean_text(text: str) -> str:
    """Return the text without the characters that no database and no UTF-8 file holds."""
    return text.encode(errors="replace").decode().replace("\0", "?")


def _clean(value: object) -> object:
    """Return the value with every text in it clean."""
    if isinstance(value, str):
        return _clean_text(value)
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_clean(name): _clean(item) for name, item in value.items()}
    return value


def _mapping(value: object) -> dict[str, object]:
    return dict(value) if isinstance(value, dict) else {}


@one_transaction
def register_model(
    deed: Deed,
    job_id: str,
    *,
    outputs: Outputs,
    blueprint: Blueprint | None,
    thresholds: ComputeThresholds,
    catalogue: Catalogue | None = None,
) -> Model:
    """Write down the model of a completed job with its card and record. Safe to repeat."""
    check_permission(deed.actor, Permission.RECORD_USAGE)
    known = store.find_model_of_job(job_id)
    if known is not None:
        return known
    job = job_store.get_job(job_id)
    if job.state is not JobState.COMPLETED:
        raise TrainingNotFinished(job=job.id, state=job.state.value)
    training = Training(
        spec=JobSpec.from_json(job.spec),
        blueprint=blueprint,
        run=_run_facts(deed.new_id("m"), job, job_store.list_attempts(job_id)),
        outputs=outputs,
        data_sets=tuple((catalogue or {}).values()),
    )
    record = build_record(training, thresholds)
    model = Model(
        id=training.run.model_id,
        job_id=job.id,
        project_id=job.project_id,
        organisation_id=job.organisation_id,
        name=job.name,
        licence=training.spec.licence,
        created_at=deed.now,
        files=outputs.files,
        card=render_card(record, tags=blueprint.tags if blueprint else ()),
        record=record,
    )
    store.add_model(model)
    audit.record(
        deed,
        action="model.registered",
        subject=model.id,
        job=job.id,
        project=job.project_id,
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
    )


def _energy(attempt: Attempt) -> EnergyUse:
    if not attempt.energy_method:
        return EnergyUse()
    return EnergyUse(
        joules=attempt.energy_joules, method=attempt.energy_method, scope=attempt.energy_scope
    )


def get_model(reader: Person, model_id: str) -> Model:
    """Return a model; a foreign tenant's model does not exist for the reader."""
    check_permission(reader, Permission.SEE_MODEL)
    model = store.get_model(model_id)
    if not (_is_own(reader, model) or can_do(reader, Permission.SEE_EVERY_JOB)):
        raise NotFound(kind="model", id=model_id)
    return model


def _is_own(reader: Person, model: Model) -> bool:
    return projects.is_own(
        reader, organisation_id=model.organisation_id, project_id=model.project_id
    )


def find_model_of_job(reader: Person, job_id: str) -> Model | None:
    """Return the model that a job left, or None when it left none or the reader may not see it."""
    check_permission(reader, Permission.SEE_MODEL)
    model = store.find_model_of_job(job_id)
    return get_model(reader, model.id) if model else None


def list_models(
    reader: Person, *, project_id: str = "", after: str = "", limit: int = 50
) -> list[Model]:
    """Return the models that the reader may see, the newest first, paged by key."""
    check_permission(reader, Permission.SEE_MODEL)
    sees_every = can_do(reader, Permission.SEE_EVERY_JOB)
    return store.list_models(
        organisation_ids=None if sees_every else reader.organisation_ids,
        project_ids=() if sees_every else project_store.list_project_ids_of(reader.id),
        project_id=project_id,
        after=after,
        limit=limit,
    )


def read_model_file(reader: Person, model_id: str, name: str, *, backend_of: BackendOf) -> bytes:
    """Return a file of the model, refusing one that is not as it was registered."""
    model = get_model(reader, model_id)
    # Trained models are their owner's: staff see the card, not the weights.
    if not _is_own(reader, model):
        raise NotFound(kind="model", id=model_id)
    file = next((file for file in model.files if file.name == name), None)
    if file is None:
        raise NotFound(kind="file", id=name)
    content = _find_backend(model, backend_of).read_output(model.job_id, name)
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise ModelFileChanged(file=name, model=model_id)
    return content


def verify_model_files(reader: Person, model_id: str, *, backend_of: BackendOf) -> list[Sentence]:
    """Return what is wrong with a model's files and record; nothing when all is as registered."""
    model = get_model(reader, model_id)
    backend = _find_backend(model, backend_of)
    present, findings = backend.list_output(model.job_id), []
    for file in model.files:
        if file.name not in present:
            findings.append(Sentence("{file} is missing", {"file": file.name}))
            continue
        content = backend.read_output(model.job_id, file.name)
        if hashlib.sha256(content).hexdigest() != file.sha256:
            findings.append(Sentence("{file} was changed", {"file": file.name}))
    if not is_record_whole(model.record):
        findings.append(Sentence("the training record was changed"))
    return findings


def _find_backend(model: Model, backend_of: BackendOf) -> Backend:
    """Return the place where the files of a model lie."""
    return backend_of(job_store.get_job(model.job_id).partition_id)
