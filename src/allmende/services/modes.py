"""Access modes: as they are in force on a day, and new versions of them."""

from dataclasses import dataclass, replace
from datetime import date, datetime

from allmende.domain.access.calls import AccessRules
from allmende.domain.access.flaws import list_mode_flaws
from allmende.domain.access.modes import (
    AccessMode,
    Change,
    DifferentVersion,
    ModeHasFlaw,
    check_version,
    list_changes,
)
from allmende.domain.access.snapshots import hash_content
from allmende.domain.access.working_days import day_of
from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import NotFound
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import audit
from allmende.services.deeds import Deed, one_transaction
from allmende.storage import database
from allmende.storage import modes as store
from allmende.storage import people as people_store


@dataclass(frozen=True, kw_only=True)
class ModeVersion:
    """A version, what it changed, and who wrote it; `added_at` is None for those of the file."""

    mode: AccessMode
    changes: tuple[Change, ...] = ()
    added_at: datetime | None = None
    added_by: str = ""
    author: str = ""


def list_added_modes() -> list[AccessMode]:
    """Return the versions that were added to those of the configuration."""
    return [each.mode for each in store.list_versions()]


@one_transaction
def add_mode_version(deed: Deed, mode: AccessMode, *, rules: AccessRules) -> AccessMode:
    """Add a version of a mode, or a new mode; the one before it ends the day that it begins.

    Nothing that was in force changes. Adding the same once more changes nothing.
    """
    check_permission(deed.actor, Permission.EDIT_MODES)
    mode = replace(mode, valid_to=None)
    database.lock_table("mode_version")
    known = [each.mode for each in store.list_versions()]
    same = [each for each in known if (each.id, each.valid_from) == (mode.id, mode.valid_from)]
    if same:
        if same[0] != mode:
            raise DifferentVersion(mode=mode.id, day=mode.valid_from.isoformat())
        return mode
    modes = rules.modes.with_added(known)
    for flaw in list_mode_flaws(mode):
        field = ".".join(map(str, flaw.at))
        raise ModeHasFlaw(mode=mode.id, field=field, problem=flaw.sentence)
    check_version(mode, modes=modes, today=day_of(deed.now))
    store.add_version(mode, added_at=deed.now, added_by=deed.actor.id)
    audit.record(
        deed,
        action="mode.version_added",
        subject=mode.id,
        valid_from=mode.valid_from.isoformat(),
        content=hash_content(mode),
    )
    return mode


def list_modes(reader: Person, *, rules: AccessRules, on: date) -> tuple[AccessMode, ...]:
    """Return the modes in force on a day."""
    check_permission(reader, Permission.SEE_FACTORY)
    return rules.modes.in_force(on)


def list_versions(reader: Person, mode_id: str, *, rules: AccessRules) -> list[ModeVersion]:
    """Return every version of a mode, the latest first, with what each of them changed."""
    check_permission(reader, Permission.SEE_MODES)
    versions = rules.modes.versions(mode_id)
    if not versions:
        raise NotFound(kind="access mode", id=mode_id)
    added = {
        each.mode.valid_from: each for each in store.list_versions() if each.mode.id == mode_id
    }
    names = people_store.get_names({each.added_by for each in added.values()})
    found = []
    for number, mode in enumerate(versions):
        by = added.get(mode.valid_from)
        found.append(
            ModeVersion(
                mode=mode,
                changes=list_changes(versions[number - 1], mode) if number else (),
                added_at=by.added_at if by else None,
                added_by=by.added_by if by else "",
                author=names.get(by.added_by, by.added_by) if by else "",
            )
        )
    return found[::-1]
