"""The owner's rights over a model: who sees it, under which licence, how long its files stay."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from allmende.domain.access.working_days import day_of
from allmende.domain.basics.mistakes import MACHINE_TROUBLE, MISTAKES
from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import NotFound, Refusal
from allmende.domain.scheduling.backends import BackendOf
from allmende.domain.training.model_cards import render_card
from allmende.domain.training.models import (
    LONGEST_LICENCE,
    Model,
    Visibility,
    check_sharing,
)
from allmende.domain.training.records import data_class_of
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import audit, models
from allmende.services.deeds import Deed, one_transaction
from allmende.storage import audit as audit_store
from allmende.storage import jobs as job_store
from allmende.storage import trained_models as store

SHARED, DELETED, ASKED = "model.shared", "model.deleted", "model.deletion_asked"
# What a deletion does, and what it cannot: the certificate says both.
METHOD = (
    "The files and checkpoints of the job were removed from the file system of its partition. "
    "Copies that people had taken, and backups until they are overwritten, are not covered."
)


class LicenceTooLong(Refusal):
    """A licence has at most 100 characters, on one line. Give its short name: CC-BY-4.0."""

    status = 422


class DayIsPast(Refusal):
    """{day} is not after today. Name a later day, or delete the files at once."""

    status = 422


class FilesAreInTheWay(Refusal):
    """The files of job {job} could not be deleted ({problem}). It is tried again by itself; the
    operators find out what is in the way."""

    status = 503


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What the owner says of a model."""

    visibility: Visibility
    licence: str = ""
    keep_until: date | None = None


class Places:
    """Where files of models lie; one that was asked in vain is asked no more.

    What came here from there goes all the same.
    """

    def __init__(self, backend_of: BackendOf) -> None:
        self.backend_of = backend_of
        self.silent: dict[str, Refusal] = {}  # by partition

    def remove_files(self, model: Model) -> Mapping[str, str]:
        """Delete what the job of a model left; return what the certificate says of the place."""
        partition_id = job_store.get_job(model.job_id).partition_id
        backend = self.backend_of(partition_id)
        if partition_id in self.silent:
            backend.forget_output(model.job_id)
            raise self.silent[partition_id]
        try:
            return backend.remove_output(model.job_id)
        except Refusal as refusal:
            if refusal.status >= MACHINE_TROUBLE:
                self.silent[partition_id] = refusal
            raise


@one_transaction
def set_terms(deed: Deed, model_id: str, terms: Terms) -> Model:
    """Say who sees the model, under which licence, and until when its files stay. The owner does.

    Doing it again changes nothing.
    """
    check_permission(deed.actor, Permission.MANAGE_MODEL)
    model = _get_own(deed.actor, store.lock_model(model_id))
    licence = terms.licence.strip()
    if len(licence) > LONGEST_LICENCE or not licence.isprintable():
        raise LicenceTooLong()
    check_sharing(terms.visibility, licence=licence, data_class=data_class_of(model.record))
    is_new_day = terms.keep_until != model.keep_until
    if terms.keep_until and is_new_day and terms.keep_until <= day_of(deed.now):
        raise DayIsPast(day=terms.keep_until.isoformat())
    changed = replace(
        model, visibility=terms.visibility, licence=licence, keep_until=terms.keep_until
    )
    if changed == model:
        return model
    if licence != model.licence:
        changed = replace(changed, card=render_card(model.record, licence=licence))
    store.save_model(changed)
    audit.record(
        deed,
        action=SHARED,
        subject=model.id,
        visibility=changed.visibility.value,
        licence=changed.licence,
        keep_until=changed.keep_until.isoformat() if changed.keep_until else "",
    )
    return changed


def _get_own(person: Person, model: Model) -> Model:
    if not models.is_owner(person, model):
        raise NotFound(kind="model", id=model.id)
    return model


def delete_files(deed: Deed, model_id: str, *, backend_of: BackendOf) -> Model:
    """Delete the files of a model for good; card, record and certificate stay.

    The files go first, and only then is it written down that they are gone: repeated after a
    crash, it goes on. Deleting again changes nothing. Where a site cannot confirm it now, it is
    written down as asked for, and tried again by itself.
    """
    check_permission(deed.actor, Permission.MANAGE_MODEL)
    model = _get_own(deed.actor, store.get_model(model_id))
    return _delete(deed, model, reason="owner", places=Places(backend_of))


def delete_expired(deed: Deed, *, backend_of: BackendOf) -> list[Model | Refusal]:
    """Delete the files of every model whose owner let them stay until a day that is over.

    What cannot be deleted now is refused by itself and tried again at the next call. A place that
    did not answer is asked no more in this one, for a site takes its time to say nothing.
    """
    check_permission(deed.actor, Permission.RECORD_USAGE)
    done: list[Model | Refusal] = []
    places = Places(backend_of)
    for model in store.list_to_delete(day_of(deed.now)):
        try:
            reason = "owner" if model.deletion_asked_at else "retention"
            done.append(_delete(deed, model, reason=reason, places=places))
        except Refusal as refusal:
            done.append(refusal)
    return done


def _delete(deed: Deed, model: Model, *, reason: str, places: Places) -> Model:
    if model.deleted_at is not None:
        return model
    try:
        place = places.remove_files(model)
    except Refusal as refusal:
        if refusal.status < MACHINE_TROUBLE:
            raise
        return _note_asked(deed, model.id, reason=reason, why=refusal)
    except MISTAKES as mistake:  # what one job left stops no other deletion
        why = FilesAreInTheWay(job=model.job_id, problem=type(mistake).__name__)
        return _note_asked(deed, model.id, reason=reason, why=why)
    return _certify(deed, model.id, reason=reason, place=place)


@one_transaction
def _note_asked(deed: Deed, model_id: str, *, reason: str, why: Refusal) -> Model:
    """Write down that the files are to go: from now on nobody gets them."""
    model = store.lock_model(model_id)
    if not model.is_kept:
        return model
    asked = replace(model, deletion_asked_at=deed.now)
    store.save_model(asked)
    audit.record(deed, action=ASKED, subject=model.id, reason=reason, because=why.code())
    return asked


@one_transaction
def _certify(deed: Deed, model_id: str, *, reason: str, place: Mapping[str, Any]) -> Model:
    model = store.lock_model(model_id)
    if model.deleted_at is not None:
        return model
    deleted = replace(model, deleted_at=deed.now)
    store.save_model(deleted)
    audit.record(
        deed,
        action=DELETED,
        subject=model.id,
        reason=reason,
        method=METHOD,
        record_sha256=str(model.record.get("sha256", "")),
        files={file.name: file.sha256 for file in model.files},
        **place,
    )
    return deleted


class NotDeleted(Refusal):
    """The files of model {model} are still there, so there is no certificate of their deletion."""

    status = 404


def get_certificate(reader: Person, model_id: str) -> Mapping[str, Any]:
    """Return the certificate of a deletion: the event of the audit chain, with its place in it."""
    model = models.get_model(reader, model_id)
    events = audit_store.list_events(subject=model.id)
    event = next((each for each in events if each.action == DELETED), None)
    if event is None:
        models.check_not_asked(model)
        raise NotDeleted(model=model_id)
    asked = next((each for each in events if each.action == ASKED), event)
    return {
        "certificate": "deletion of the files of a model",
        "model": model.id,
        "name": model.label,
        "asked_at": asked.at.isoformat(),
        "asked_by": asked.actor_id,
        "deleted_at": event.at.isoformat(),
        "actor": event.actor_id,
        **event.facts,
        "audit_event": event.number,
        "audit_previous_hash": event.previous_hash,
        "audit_hash": event.hash,
    }
