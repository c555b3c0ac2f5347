"""Registering the model that a training left, reading it, and proving that it is unchanged."""

import hashlib
import json
import math
import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from typing import IO, TypeVar

from allmende.domain.basics.characters import find_unseen
from allmende.domain.basics.mistakes import MACHINE_TROUBLE
from allmende.domain.basics.people import PUBLIC, Person
from allmende.domain.basics.refusals import NotFound, Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.backends import Backend, BackendOf
from allmende.domain.training.code_archives import show
from allmende.domain.training.fields import Finding
from allmende.domain.training.models import (
    Model,
    ModelFile,
    Outputs,
    Visibility,
    parse_training_facts,
)
from allmende.domain.training.records import (
    is_record_whole,
)
from allmende.domain.trust.permissions import Permission, can_do, check_permission
from allmende.services import projects
from allmende.storage import jobs as job_store
from allmende.storage import projects as project_store
from allmende.storage import trained_models as store

FACTS, METRICS = "facts.json", "metrics.json"
# What the job says about itself is read into memory; a larger one is no facts file.
LARGEST_FACTS_BYTES = 1_000_000
LONGEST_NUMBER = 40
# Files are read in pieces, so that a large model takes no more memory than a small one. A larger
# file than this would keep whoever downloads or checks it waiting for too long.
PIECE_BYTES = 4 * 2**20
LARGEST_FILE_BYTES = 8 * 2**30
Found = TypeVar("Found")
Steps = Generator[None, None, Found]  # work that stops after each piece, and goes on when asked


class ModelFileChanged(Refusal):
    """The file {file} of model {model} is no longer as it was when the training ended.

    It is not handed out. Run the job again, or restore the file from a copy.
    """


class FileTooLarge(Refusal):
    """It has {bytes} bytes, more than the {most} of a file of a model, so it is not part of it.
    Save the weights in several files."""

    status = 413


class ModelDeleted(Refusal):
    """The files of model {model} were deleted on {at}. Its card, record and certificate stay."""

    status = 410


class DeletionIsOpen(Refusal):
    """The deletion of the files of model {model} was asked for on {at}, and the site where they lie
    has not confirmed it yet. It is tried again by itself."""


def go_on(steps: Steps[Found], *, seconds: float = math.inf) -> Found | None:
    """Work on for about so long, one piece at least; return what was found once all is done."""
    ends_at = time.monotonic() + seconds
    try:
        next(steps)
        while time.monotonic() < ends_at:
            next(steps)
    except StopIteration as end:
        found: Found = end.value
        return found
    return None


def read_outputs(backend: Backend, job_id: str) -> Steps[Outputs]:
    """Read and hash what a job left behind, piece by piece, so that it holds nobody up.

    Take the steps outside of a transaction. What passes, such as a site that does not answer, is
    raised: reading anew finds what was left.
    """
    files, texts, findings = [], {FACTS: b"{}", METRICS: b"{}"}, []
    for name, size_bytes in sorted(backend.list_output(job_id).items()):
        if problem := _judge_name(name):
            findings.append(Finding(show(name), problem))
            continue
        try:
            files.append((yield from _hash_file(backend, job_id, name, size_bytes)))
            if name in texts:
                most = LARGEST_FACTS_BYTES + 1
                texts[name] = backend.read_output(job_id, name, limit=most)
        except Refusal as refusal:  # too large to pass on: noted, and no reason to lose the rest
            if refusal.status >= MACHINE_TROUBLE:
                raise
            findings.append(Finding(name, refusal.sentence))
    facts = parse_training_facts(_parse(texts[FACTS]))
    return Outputs(
        files=tuple(files),
        facts=replace(facts, findings=(*facts.findings, *findings)),
        metrics=_mapping(_parse(texts[METRICS])),
    )


def _judge_name(name: str) -> Sentence | None:
    """Return why a file of this name is not part of the model; a site may send any."""
    if find_unseen(name, is_line=True):  # a line break would add a line to the checksums
        return Sentence("Its name is no text, so it is not part of the model.")
    if name.startswith("/") or ".." in name.split("/"):  # unpacked, it would go astray
        return Sentence("Its name leaves the folder, so it is not part of the model.")
    return None


def _hash_file(backend: Backend, job_id: str, name: str, size_bytes: int) -> Steps[ModelFile]:
    if size_bytes > LARGEST_FILE_BYTES:
        raise FileTooLarge(bytes=size_bytes, most=LARGEST_FILE_BYTES)
    digest, read_bytes = hashlib.sha256(), 0
    for piece in read_pieces(backend, job_id, name):
        digest.update(piece)
        read_bytes += len(piece)
        yield
    return ModelFile(name=name, size_bytes=read_bytes, sha256=digest.hexdigest())


def read_pieces(backend: Backend, job_id: str, name: str) -> Iterator[bytes]:
    """Return a file of the output folder piece by piece; `NotFound` when there is none."""
    offset = 0
    while piece := backend.read_output(job_id, name, offset=offset, limit=PIECE_BYTES):
        yield piece
        offset += len(piece)


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


def get_model(reader: Person, model_id: str) -> Model:
    """Return a model; one that is not shared with the reader does not exist for them."""
    check_permission(reader, Permission.SEE_MODEL)
    model = store.get_model(model_id)
    if not may_see(reader, model):
        raise NotFound(kind="model", id=model_id)
    return model


def may_see(reader: Person, model: Model) -> bool:
    """Say whether card and record of a model are open to a person."""
    return may_use(reader, model) or can_do(reader, Permission.SEE_EVERY_JOB)


def may_use(reader: Person, model: Model) -> bool:
    """Say whether a person may take the files: staff see the card, not the weights."""
    return model.visibility in _shared_with(reader) or is_owner(reader, model)


def is_owner(reader: Person, model: Model) -> bool:
    """Say whether a model is the person's own: by their organisation, or as project member."""
    return projects.is_own(
        reader, organisation_id=model.organisation_id, project_id=model.project_id
    )


def _shared_with(reader: Person) -> tuple[Visibility, ...]:
    if reader == PUBLIC:
        return (Visibility.PUBLIC,)
    return (Visibility.PUBLIC, Visibility.FACTORY)


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
        visibilities=_shared_with(reader),
        project_id=project_id,
        after=after,
        limit=limit,
    )


def check_parents(reader: Person, parents: Iterable[str]) -> None:
    """Refuse, as if it were not there, a parent of this factory that the reader may not use.

    Whatever does not look like an id of ours is a name from elsewhere.
    """
    for name in parents:
        if name.startswith("m-") and not may_use(reader, get_model(reader, name)):
            raise NotFound(kind="model", id=name)


def list_versions(reader: Person, model: Model) -> list[Model]:
    """Return those versions of a model that the reader may see, the oldest first."""
    check_permission(reader, Permission.SEE_MODEL)
    versions = store.list_versions(model.project_id, model.family)
    return [each for each in versions if may_see(reader, each)]


def copy_model_file(
    reader: Person, model_id: str, name: str, *, into: IO[bytes], backend_of: BackendOf
) -> ModelFile:
    """Write a file of the model, piece by piece; one that is not as registered is refused.

    That is known at its end: whoever refuses throws away what was written.
    """
    model = get_model(reader, model_id)
    if not may_use(reader, model):
        raise NotFound(kind="model", id=model_id)
    file = next((file for file in model.files if file.name == name), None)
    if file is None:
        raise NotFound(kind="file", id=name)
    if model.deleted_at is not None:
        raise ModelDeleted(model=model_id, at=model.deleted_at.date().isoformat())
    check_not_asked(model)
    digest = hashlib.sha256()
    for piece in read_pieces(find_backend(model, backend_of), model.job_id, name):
        digest.update(piece)
        into.write(piece)
    if digest.hexdigest() != file.sha256:
        raise ModelFileChanged(file=name, model=model_id)
    return file


def verify_model_files(reader: Person, model_id: str, *, backend_of: BackendOf) -> list[Sentence]:
    """Return what is wrong with a model's files and record; nothing when all is as registered."""
    model = get_model(reader, model_id)
    backend = find_backend(model, backend_of)
    present, findings = backend.list_output(model.job_id), []
    for file in model.files if model.is_kept else ():
        size_bytes = present.get(file.name)
        if size_bytes is None:
            findings.append(Sentence("{file} is missing", {"file": file.name}))
        elif (
            size_bytes != file.size_bytes
            or go_on(_hash_file(backend, model.job_id, file.name, size_bytes)) != file
        ):
            findings.append(Sentence("{file} was changed", {"file": file.name}))
    if not is_record_whole(model.record):
        findings.append(Sentence("the training record was changed"))
    return findings


def check_not_asked(model: Model) -> None:
    """Refuse what is no longer to be had, although nobody can say yet that it is gone."""
    if model.deletion_asked_at is not None and model.deleted_at is None:
        raise DeletionIsOpen(model=model.id, at=model.deletion_asked_at.date().isoformat())


def find_backend(model: Model, backend_of: BackendOf) -> Backend:
    """Return the place where the files of a model lie."""
    return backend_of(job_store.get_job(model.job_id).partition_id)
