"""Organisations: registered by the person who founds them here, their size class computed."""

from dataclasses import replace

from allmende.domain.access.calls import AccessRules
from allmende.domain.access.firms import check_graph
from allmende.domain.access.organisations import (
    Organisation,
    OrganisationKind,
    check_organisation,
    with_size,
)
from allmende.domain.access.ownership import OwnershipGraph
from allmende.domain.access.sme import classify_size
from allmende.domain.access.vat_numbers import normalise_vat_number
from allmende.domain.access.working_days import day_of
from allmende.domain.basics.people import Person
from allmende.domain.trust.permissions import (
    Permission,
    can_do,
    check_member,
    check_permission,
)
from allmende.services import audit, people
from allmende.services.deeds import Deed, one_transaction
from allmende.storage import organisations as store


@one_transaction
def register_organisation(
    deed: Deed,
    *,
    name: str,
    kind: OrganisationKind,
    country: str,
    is_start_up: bool = False,
    nace_code: str = "",
    vat_number: str = "",
) -> Organisation:
    """Register an organisation; whoever does it becomes its first member."""
    check_permission(deed.actor, Permission.REGISTER_ORGANISATION)
    organisation = Organisation(
        id=deed.new_id("org"),
        name=name.strip(),
        kind=kind,
        country=country.strip().upper(),
        is_start_up=is_start_up,
        nace_code=nace_code.strip(),
        vat_number=normalise_vat_number(vat_number, country=country.strip().upper()),
        registered_at=deed.now,
    )
    check_organisation(organisation)
    store.save_organisation(organisation)
    audit.record(
        deed,
        action="organisation.registered",
        subject=organisation.id,
        kind=kind.value,
        country=organisation.country,
    )
    people.join_organisation(deed, person_id=deed.actor.id, organisation_id=organisation.id)
    return organisation


@one_transaction
def update_figures(
    deed: Deed, organisation_id: str, *, ownership: OwnershipGraph, rules: AccessRules
) -> Organisation:
    """Set figures and owners, and compute the size class from them by today's rules."""
    check_permission(deed.actor, Permission.EDIT_ORGANISATION)
    check_member(deed.actor, organisation_id, kind="organisation", id=organisation_id)
    check_graph(ownership, on=day_of(deed.now))
    changed = replace(store.get_organisation(organisation_id), ownership=ownership)
    check_organisation(changed)
    size = classify_size(ownership, organisation_id, book=rules.book, on=day_of(deed.now))
    organisation = with_size(changed, size)
    store.save_organisation(organisation)
    audit.record(
        deed,
        action="organisation.figures_changed",
        subject=organisation_id,
        why=size.reason,
        size_class=size.size_class.value,
    )
    return organisation


def get_organisation(reader: Person, organisation_id: str) -> Organisation:
    """Return an organisation to its members, and to those who may see every one."""
    check_permission(reader, Permission.SEE_ORGANISATION)
    check_member(
        reader,
        organisation_id,
        kind="organisation",
        id=organisation_id,
        unless=Permission.SEE_EVERY_ORGANISATION,
    )
    return store.get_organisation(organisation_id)


def list_organisations(reader: Person, *, after: str = "", limit: int = 100) -> list[Organisation]:
    """Return a page of the organisations that the person may see."""
    check_permission(reader, Permission.SEE_ORGANISATION)
    sees_all = can_do(reader, Permission.SEE_EVERY_ORGANISATION)
    ids = None if sees_all else reader.organisation_ids
    return store.list_organisations(ids=ids, after=after, limit=limit)
