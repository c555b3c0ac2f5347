"""Organisations as rows; their owners and figures are one document."""

from django.db import models

from allmende.domain.access.organisations import Organisation, OrganisationKind
from allmende.domain.access.ownership import OwnershipGraph
from allmende.domain.access.sme import SizeClass
from allmende.domain.access.snapshots import from_plain, to_plain
from allmende.domain.basics.refusals import NotFound


class OrganisationRow(models.Model):
    """An organisation that may apply."""

    id = models.CharField(max_length=40, primary_key=True)
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=40)
    country = models.CharField(max_length=2)
    is_start_up = models.BooleanField()
    vat_number = models.CharField(max_length=40)
    nace_code = models.CharField(max_length=20)
    ownership = models.JSONField(null=True)
    size_class = models.CharField(max_length=20)
    registered_at = models.DateTimeField()

    class Meta:
        app_label = "storage"
        db_table = "organisation"


def save_organisation(organisation: Organisation) -> None:
    """Write an organisation, new or changed."""
    OrganisationRow.objects.update_or_create(
        id=organisation.id,
        defaults={
            "name": organisation.name,
            "kind": organisation.kind.value,
            "country": organisation.country,
            "is_start_up": organisation.is_start_up,
            "vat_number": organisation.vat_number,
            "nace_code": organisation.nace_code,
            "ownership": to_plain(organisation.ownership) if organisation.ownership else None,
            "size_class": organisation.size_class.value,
            "registered_at": organisation.registered_at,
        },
    )


def get_organisation(organisation_id: str) -> Organisation:
    """Return an organisation; `NotFound` when there is none."""
    row = OrganisationRow.objects.filter(id=organisation_id).first()
    if row is None:
        raise NotFound(kind="organisation", id=organisation_id)
    return _from_row(row)


def list_organisations(
    *, ids: frozenset[str] | None = None, after: str = "", limit: int = 100
) -> list[Organisation]:
    """Return organisations in the order of their ids, from the one after `after` on."""
    rows = OrganisationRow.objects.filter(id__gt=after).order_by("id")
    if ids is not None:
        rows = rows.filter(id__in=ids)
    return [_from_row(row) for row in rows[:limit]]


def _from_row(row: OrganisationRow) -> Organisation:
    return Organisation(
        id=row.id,
        name=row.name,
        kind=OrganisationKind(row.kind),
        country=row.country,
        is_start_up=row.is_start_up,
        vat_number=row.vat_number,
        nace_code=row.nace_code,
        ownership=from_plain(OwnershipGraph, row.ownership) if row.ownership else None,
        size_class=SizeClass(row.size_class),
        registered_at=row.registered_at,
    )
