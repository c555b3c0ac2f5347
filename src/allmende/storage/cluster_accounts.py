"""Cluster accounts as rows: which person is which user at which site."""

from collections.abc import Collection
from dataclasses import dataclass

from django.db import models

from allmende.domain.basics.cluster_accounts import ClusterAccount
from allmende.storage import database
from allmende.storage.people import PersonRow
from allmende.storage.projects import ProjectMemberRow


class ClusterAccountRow(models.Model):
    """The user that a person is at a site."""

    site_id = models.CharField(max_length=40)
    person_id = models.CharField(max_length=40, db_index=True)
    user_name = models.CharField(max_length=32)

    class Meta:
        app_label = "storage"
        db_table = "cluster_account"
        constraints = (
            models.UniqueConstraint(fields=("site_id", "person_id"), name="one_user_per_person"),
            models.UniqueConstraint(fields=("site_id", "user_name"), name="one_person_per_user"),
        )


@dataclass(frozen=True, kw_only=True)
class SitePerson:
    """Somebody who works at a site, or may; "" where it is not known which user they are there."""

    person_id: str
    name: str
    user_name: str


def lock_accounts() -> None:
    """Let nobody else name users before this transaction ends; it happens seldom."""
    database.lock_table(ClusterAccountRow._meta.db_table)


def save_account(account: ClusterAccount) -> None:
    """Write which user a person is at a site, new or changed."""
    ClusterAccountRow.objects.update_or_create(
        site_id=account.site_id,
        person_id=account.person_id,
        defaults={"user_name": account.user_name},
    )


def remove_account(site_id: str, person_id: str) -> None:
    """Forget which user a person is at a site, if that is known."""
    ClusterAccountRow.objects.filter(site_id=site_id, person_id=person_id).delete()


def find_user_name(site_id: str, person_id: str) -> str | None:
    """Return the user name of a person at a site; None where they have no account there."""
    return _find("user_name", site_id=site_id, person_id=person_id)


def find_person_id(site_id: str, user_name: str) -> str | None:
    """Return who a user at a site is; None for one that is nobody here."""
    return _find("person_id", site_id=site_id, user_name=user_name)


def list_accounts(site_id: str, *, after: str = "", limit: int = 100) -> list[ClusterAccount]:
    """Return the accounts at a site in the order of the people's ids."""
    rows = ClusterAccountRow.objects.filter(site_id=site_id, person_id__gt=after)
    return [
        ClusterAccount(site_id=row.site_id, person_id=row.person_id, user_name=row.user_name)
        for row in rows.order_by("person_id")[:limit]
    ]


def list_people(
    site_id: str, partition_ids: Collection[str], *, after: str = "", limit: int = 100
) -> list[SitePerson]:
    """Return the members of projects on these partitions, and whoever has an account at the site.

    They come in the order of their ids, from the one after `after` on.
    """
    accounts = ClusterAccountRow.objects.filter(site_id=site_id)
    members = ProjectMemberRow.objects.filter(project__partition_id__in=partition_ids)
    rows = PersonRow.objects.filter(
        models.Q(id__in=members.values("person_id"))
        | models.Q(id__in=accounts.values("person_id")),
        id__gt=after,
    )
    own = accounts.filter(person_id=models.OuterRef("id"))
    named = rows.annotate(user_name=models.Subquery(own.values("user_name")[:1]))
    return [
        SitePerson(person_id=person_id, name=name, user_name=user_name or "")
        for person_id, name, user_name in named.order_by("id").values_list(
            "id", "name", "user_name"
        )[:limit]
    ]


def get_user_names(site_id: str) -> dict[str, str]:
    """Return the user names of everybody at a site, by person."""
    rows = ClusterAccountRow.objects.filter(site_id=site_id)
    return dict(rows.values_list("person_id", "user_name"))


def get_person_ids(site_id: str, user_names: Collection[str]) -> dict[str, str]:
    """Return who these users at a site are; those who are nobody here are left out."""
    rows = ClusterAccountRow.objects.filter(site_id=site_id, user_name__in=user_names)
    return dict(rows.values_list("user_name", "person_id"))


def _find(column: str, **wanted: str) -> str | None:
    row = ClusterAccountRow.objects.filter(**wanted).values_list(column, flat=True).first()
    return None if row is None else str(row)
