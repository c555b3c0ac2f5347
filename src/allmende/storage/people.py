"""People, their logins, their memberships, and the one-time links of the first administrator."""

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import models

from allmende.domain.basics.people import Person, Role
from allmende.domain.basics.refusals import NotFound


class PersonRow(models.Model):
    """A person. The login is Django's, and knows the password; nobody else does."""

    id = models.CharField(max_length=40, primary_key=True)
    name = models.CharField(max_length=200)
    email = models.CharField(max_length=254, unique=True)
    roles = models.JSONField(default=list)
    language = models.CharField(max_length=8, default="en")
    login = models.OneToOneField(
        "auth.User", null=True, on_delete=models.SET_NULL, related_name="person"
    )

    class Meta:
        app_label = "storage"
        db_table = "person"


class MembershipRow(models.Model):
    """A person belongs to an organisation."""

    person = models.ForeignKey(PersonRow, on_delete=models.CASCADE, related_name="memberships")
    organisation_id = models.CharField(max_length=40, db_index=True)

    class Meta:
        app_label = "storage"
        db_table = "membership"
        constraints = (
            models.UniqueConstraint(fields=("person", "organisation_id"), name="member_once"),
        )


class AdminLinkRow(models.Model):
    """A link that makes an administrator once; only its digest is kept."""

    digest = models.CharField(max_length=64, primary_key=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "storage"
        db_table = "admin_link"


def save_person(person: Person) -> None:
    """Write a person and their roles; memberships have their own functions."""
    PersonRow.objects.update_or_create(
        id=person.id,
        defaults={
            "name": person.name,
            "email": person.email.lower(),
            "roles": sorted(role.value for role in person.roles),
            "language": person.language,
        },
    )


def get_person(person_id: str) -> Person:
    """Return a person; `NotFound` when there is none."""
    person = _find(id=person_id)
    if person is None:
        raise NotFound(kind="person", id=person_id)
    return person


def find_person_by_login(login_id: int) -> Person | None:
    """Return the person behind a login."""
    return _find(login_id=login_id)


def find_person_by_email(email: str) -> Person | None:
    """Return the person with this address, however it is capitalised."""
    return _find(email=email.lower())


def list_people(*, after: str = "", limit: int = 100) -> list[Person]:
    """Return people in the order of their ids, from the one after `after` on."""
    rows = _rows().filter(id__gt=after).order_by("id")[:limit]
    return [_from_row(row) for row in rows]


def list_members(organisation_id: str) -> list[Person]:
    """Return the people of an organisation."""
    rows = _rows().filter(memberships__organisation_id=organisation_id).order_by("id")
    return [_from_row(row) for row in rows]


def list_by_ids(person_ids: Iterable[str]) -> dict[str, Person]:
    """Return people by their ids; unknown ids are left out."""
    return {row.id: _from_row(row) for row in _rows().filter(id__in=set(person_ids))}


def count_never_signed_in(person_ids: Iterable[str]) -> int:
    """Return how many of these people have never signed in to the portal."""
    return PersonRow.objects.filter(id__in=set(person_ids), login__last_login__isnull=True).count()


def list_by_role(role: Role) -> list[Person]:
    """Return everybody who has a role, in the order of their ids."""
    return [_from_row(row) for row in _rows().order_by("id") if role.value in row.roles]


def get_names(person_ids: Iterable[str]) -> dict[str, str]:
    """Return the names of people by id; unknown ids are left out."""
    rows = PersonRow.objects.filter(id__in=set(person_ids))
    return dict(rows.values_list("id", "name"))


def has_administrator(*, besides: str = "") -> bool:
    """Say whether somebody (else) is an administrator."""
    everybody = PersonRow.objects.exclude(id=besides).values_list("roles", flat=True)
    return any(Role.ADMINISTRATOR.value in roles for roles in everybody)


def add_member(person_id: str, organisation_id: str) -> None:
    """Make a person a member; once is enough."""
    MembershipRow.objects.get_or_create(person_id=person_id, organisation_id=organisation_id)


def remove_member(person_id: str, organisation_id: str) -> None:
    """End a membership, if there is one."""
    MembershipRow.objects.filter(person_id=person_id, organisation_id=organisation_id).delete()


def find_password_problem(password: str) -> str | None:
    """Return what is wrong with a password, in Django's words, or None."""
    try:
        validate_password(password)
    except ValidationError as error:
        return " ".join(error.messages)
    return None


def create_login(person_id: str, *, email: str, password: str | None) -> None:
    """Give a person a login; without a password they can only be let in by other means."""
    login = User.objects.create_user(username=person_id, email=email.lower(), password=password)
    connect_login(person_id, login_id=login.pk)


def connect_login(person_id: str, *, login_id: int) -> None:
    """Connect a person with a login that exists."""
    PersonRow.objects.filter(id=person_id).update(login_id=login_id)


def save_admin_link(digest: str, *, expires_at: datetime) -> None:
    """Keep a new one-time link; older ones no longer work."""
    AdminLinkRow.objects.all().delete()
    AdminLinkRow.objects.create(digest=digest, expires_at=expires_at)


def can_use_admin_link(digest: str, *, now: datetime) -> bool:
    """Say whether the link would work now."""
    return AdminLinkRow.objects.filter(
        digest=digest, used_at__isnull=True, expires_at__gt=now
    ).exists()


def use_admin_link(digest: str, *, now: datetime) -> bool:
    """Use the link up; False when somebody was faster, or it is unknown or has expired."""
    unused = AdminLinkRow.objects.filter(digest=digest, used_at__isnull=True, expires_at__gt=now)
    return unused.update(used_at=now) == 1


def _rows() -> models.QuerySet[PersonRow]:
    return PersonRow.objects.prefetch_related("memberships")


def _find(**wanted: object) -> Person | None:
    row = _rows().filter(**wanted).first()
    return None if row is None else _from_row(row)


def _from_row(row: PersonRow) -> Person:
    return Person(
        id=row.id,
        name=row.name,
        email=row.email,
        roles=frozenset(Role(role) for role in row.roles),
        organisation_ids=frozenset(item.organisation_id for item in row.memberships.all()),
        language=row.language,
    )
