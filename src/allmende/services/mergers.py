"""Mergers of organisations: recorded by the office, and what follows for applications."""

from dataclasses import dataclass
from datetime import date

from allmende.domain.access import mergers
from allmende.domain.access.mergers import Merger, OrganisationHasMerged, find_heir
from allmende.domain.access.message_kinds import MessageKind
from allmende.domain.access.working_days import day_of
from allmende.domain.basics.people import Person
from allmende.domain.basics.sentences import Sentence
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import audit, mail
from allmende.services.deeds import Deed, one_transaction
from allmende.storage import mergers as store
from allmende.storage import organisations as organisation_store
from allmende.storage import people as people_store


@dataclass(frozen=True, kw_only=True)
class MergerView:
    """A merger with the names of who merged and of what is left today."""

    merger: Merger
    name: str
    heir: str

    @property
    def sentence(self) -> Sentence:
        """Say what holds from then on, with the way out."""
        facts = {"organisation": self.name, "heir": self.heir, "on": self.merger.on.isoformat()}
        return OrganisationHasMerged(**facts).sentence


@one_transaction
def record_merger(
    deed: Deed, organisation_id: str, *, into_id: str, on: date, reason: str
) -> Merger:
    """Record that one organisation merged into another; its members are told.

    The same once more changes nothing.
    """
    check_permission(deed.actor, Permission.MERGE_ORGANISATIONS)
    merging = organisation_store.get_organisation(organisation_id)
    heir = organisation_store.get_organisation(into_id)
    store.lock_mergers()
    wanted = Merger(
        organisation_id=organisation_id,
        into_id=into_id,
        on=on,
        reason=reason,
        recorded_at=deed.now,
        recorded_by=deed.actor.id,
    )
    known = store.list_mergers()
    recorded = mergers.record(wanted, known, today=day_of(deed.now))
    if organisation_id in known:
        return recorded
    store.add_merger(recorded)
    audit.record(
        deed,
        action="organisation.merged",
        subject=organisation_id,
        why=Sentence("{words}", {"words": recorded.reason}),
        into=into_id,
        on=on.isoformat(),
    )
    mail.announce(
        deed,
        MessageKind.ORGANISATION_MERGED,
        about=organisation_id,
        to=[member.id for member in people_store.list_members(organisation_id)],
        organisation=merging.name,
        heir=heir.name,
        on=on.isoformat(),
    )
    return recorded


def list_mergers(reader: Person) -> list[MergerView]:
    """Return every merger, the latest first, to those who may see every organisation."""
    check_permission(reader, Permission.SEE_EVERY_ORGANISATION)
    return _view(store.list_mergers(), of=None)


def list_own_mergers(reader: Person) -> list[MergerView]:
    """Return the mergers of the organisations that a person belongs to."""
    return _view(store.list_mergers(), of=reader.organisation_ids)


def find_merger(organisation_id: str) -> MergerView | None:
    """Return what an organisation merged into; the reader sees something of it already."""
    found = _view(store.list_mergers(), of=frozenset({organisation_id}))
    return found[0] if found else None


def check_not_merged(organisation_id: str) -> None:
    """Refuse to give anything new to an organisation that merged into another one."""
    view = find_merger(organisation_id)
    if view is not None:
        raise OrganisationHasMerged(
            organisation=view.name, heir=view.heir, on=view.merger.on.isoformat()
        )


def _view(known: dict[str, Merger], *, of: frozenset[str] | None) -> list[MergerView]:
    shown = [each for each in known.values() if of is None or each.organisation_id in of]
    ids = frozenset(
        {each.organisation_id for each in shown}
        | {find_heir(each.organisation_id, known) for each in shown}
    )
    named = organisation_store.list_organisations(ids=ids, limit=len(ids)) if ids else []
    names = {each.id: each.name for each in named}
    return [
        MergerView(
            merger=each,
            name=names[each.organisation_id],
            heir=names[find_heir(each.organisation_id, known)],
        )
        for each in shown
    ]
