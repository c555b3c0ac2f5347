"""Code of jobs: a project sends a folder once, and every job that names its hash starts in it."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

from allmende.domain.access.calls import AccessRules
from allmende.domain.access.projects import Project
from allmende.domain.access.reports import is_data_due
from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import NotFound
from allmende.domain.training.code_archives import (
    MEGABYTE,
    MOST_PROJECT_BYTES,
    CodeArchive,
    CodeIsDamaged,
    CodeNotBrought,
    CodeUnknown,
    ProjectKeepsTooMuchCode,
    find_hash,
)
from allmende.domain.training.job_specs import JobSpec
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import audit, mistakes, projects
from allmende.services.deeds import Deed, one_transaction
from allmende.storage import code_archives as store
from allmende.storage import projects as project_store
from allmende.storage.code_files import CodeShelves
from allmende.storage.document_files import Incoming

# How long what no job and no model needs is kept, to be run again without being sent again.
KEPT_AFTER_USE = timedelta(days=7)
# Where room is made for others: whoever has just sent it is about to submit a job.
KEPT_IN_ANY_CASE = timedelta(hours=1)
HALF_RECEIVED_AFTER = timedelta(days=1)


def check_may_send(person: Person, project_id: str) -> None:
    """Refuse, before anything is received, code for a project that is not the person's own."""
    check_permission(person, Permission.SUBMIT_JOB)
    projects.check_own(person, project_store.get_project(project_id))


def get_archive(
    person: Person, project_id: str, sha256: str, *, shelves: CodeShelves
) -> CodeArchive:
    """Return what a project has of this hash; `NotFound`: it has to be sent, maybe once more."""
    check_may_send(person, project_id)
    found = store.find_archive(project_id, sha256)
    try:
        if found is not None:
            shelves.of(project_id).open(sha256).close()
            return found
    except CodeIsDamaged:
        pass  # sent once more it is whole again
    raise NotFound(kind="code", id=sha256)


@one_transaction
def add_archive(
    deed: Deed, project_id: str, *, incoming: Incoming, shelves: CodeShelves
) -> CodeArchive:
    """Keep an archive that was received and judged; the same again is the one that is there."""
    check_permission(deed.actor, Permission.SUBMIT_JOB)
    projects.check_own(deed.actor, project_store.lock_project(project_id))
    known = store.find_archive(project_id, incoming.sha256)
    if known is not None:
        shelves.of(project_id).keep(incoming)  # which mends one that was damaged
        store.note_use(project_id, known.sha256, at=deed.now)
        return replace(known, used_at=deed.now)
    archive = CodeArchive(
        project_id=project_id,
        sha256=incoming.sha256,
        size_bytes=incoming.size_bytes,
        files=incoming.counted,
        added_by=deed.actor.id,
        added_at=deed.now,
        used_at=deed.now,
    )
    _make_room(deed, archive)
    # File first, row second, both before the commit: killed in between, no row lacks its file.
    shelves.of(project_id).keep(incoming)
    store.add_archive(archive)
    audit.record(
        deed,
        action="code.added",
        subject=project_id,
        sha256=archive.sha256,
        size_bytes=archive.size_bytes,
        files=archive.files,
    )
    return archive


def check_known(spec: JobSpec, project_id: str) -> str:
    """Return the hash of a job's folder, "" for none; refuse one that did not come along."""
    sha256 = find_hash(spec.workdir)
    if spec.workdir and not sha256:
        raise CodeNotBrought(workdir=spec.workdir)
    if sha256 and store.find_archive(project_id, sha256) is None:
        raise CodeUnknown(sha256=sha256)
    return sha256


def check_brought(deed: Deed, spec: JobSpec, project_id: str) -> None:
    """Refuse a job whose folder did not come along; what it names is needed from now on."""
    sha256 = check_known(spec, project_id)
    if sha256 and not store.note_use(project_id, sha256, at=deed.now):
        raise CodeUnknown(sha256=sha256)  # removed a moment ago


def remove_unneeded(deed: Deed, *, shelves: CodeShelves, rules: AccessRules) -> int:
    """Remove code that no job and no model needs; return how many files are gone.

    Of a project whose data may be deleted models need none either. Each project is looked at by
    itself, as `mistakes.do_each` does.
    """
    check_permission(deed.actor, Permission.RUN_CYCLE)
    # The folder of a project that the database does not know, as after a restore, is left alone.
    found = project_store.list_projects_by_id(shelves.list_projects())
    remove = partial(_remove_unneeded, deed, shelves=shelves, rules=rules)
    return sum(mistakes.do_each(found, remove))


@one_transaction
def _remove_unneeded(
    deed: Deed, project: Project, *, shelves: CodeShelves, rules: AccessRules
) -> int:
    """Forget what is not needed; its files go at the next look, once that is sure to be so."""
    project_id, is_due = project.id, is_data_due(project, book=rules.book, now=deed.now)
    project_store.lock_project(project_id)  # whoever adds code holds this, too
    shelf, known = shelves.of(project_id), {each.sha256 for each in store.list_archives(project_id)}
    strays = [sha256 for sha256 in shelf.list_older(deed.now) if sha256 not in known]
    for sha256 in strays:
        shelf.remove(sha256)
    swept = shelf.sweep_incoming(deed.now - HALF_RECEIVED_AFTER)
    unneeded = _list_unneeded(deed, project_id, idle=KEPT_AFTER_USE, for_models=not is_due)
    _forget(deed, project_id, unneeded)
    return len(strays) + swept


def _list_unneeded(
    deed: Deed, project_id: str, *, idle: timedelta, for_models: bool = True
) -> list[CodeArchive]:
    needed, before = store.list_needed(project_id, for_models=for_models), deed.now - idle
    return [
        each
        for each in store.list_archives(project_id)
        if each.sha256 not in needed and each.used_at < before
    ]


def _make_room(deed: Deed, archive: CodeArchive) -> None:
    """Forget what is least needed, as far as another archive takes it; refuse what has no room."""
    project_id = archive.project_id
    kept_bytes = sum(each.size_bytes for each in store.list_archives(project_id))
    gone: list[CodeArchive] = []
    for each in _list_unneeded(deed, project_id, idle=KEPT_IN_ANY_CASE):
        if kept_bytes + archive.size_bytes <= MOST_PROJECT_BYTES:
            break
        gone.append(each)
        kept_bytes -= each.size_bytes
    if kept_bytes + archive.size_bytes > MOST_PROJECT_BYTES:
        raise ProjectKeepsTooMuchCode(
            kept_megabytes=-(-kept_bytes // MEGABYTE), most_megabytes=MOST_PROJECT_BYTES // MEGABYTE
        )
    _forget(deed, project_id, gone)


def _forget(deed: Deed, project_id: str, archives: list[CodeArchive]) -> None:
    store.remove_archives(project_id, [each.sha256 for each in archives])
    for each in archives:
        audit.record(
            deed,
            action="code.removed",
            subject=project_id,
            sha256=each.sha256,
            size_bytes=each.size_bytes,
        )
