"""Oneself, and for administrators everybody and their roles."""

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field

from allmende.domain.basics.people import Person, Role
from allmende.domain.trust.permissions import Permission, list_permissions
from allmende.services import people
from allmende.web.api.permits import begin_deed, get_actor, takes
from allmende.web.api.shapes import After, Limit, Page, PathId, page_of

router = Router(tags=["people"])


class PersonOut(Schema):
    """A person, with what they are to the factory."""

    id: str
    name: str
    email: str
    roles: list[Role]
    organisation_ids: list[str]
    language: str


class SelfOut(PersonOut):
    """Oneself, with everything one may do."""

    permissions: list[Permission]


class SelfIn(Schema):
    """What one may change about oneself."""

    language: str = Field(max_length=8)


class RoleIn(Schema):
    """A role to give or take."""

    role: Role


@router.get("/me", response=SelfOut, **takes(Permission.SEE_SELF))
def get_self(request: HttpRequest) -> dict[str, Any]:
    """Return who you are here, and what you may do."""
    person = get_actor(request)
    return {**PersonOut.from_orm(person).dict(), "permissions": sorted(list_permissions(person))}


@router.patch("/me", response=PersonOut, **takes(Permission.EDIT_SELF))
def edit_self(request: HttpRequest, body: SelfIn) -> Person:
    """Choose the language of letters and e-mails to you."""
    return people.choose_language(begin_deed(request), body.language)


@router.get("/people", response=Page[PersonOut], **takes(Permission.SEE_PEOPLE))
def list_people(request: HttpRequest, after: After = "", limit: Limit = 50) -> dict[str, Any]:
    """List people."""
    found = people.list_people(get_actor(request), after=after, limit=limit)
    return page_of(found, limit=limit, key=lambda person: person.id)


@router.post("/people/{person_id}/roles", response=PersonOut, **takes(Permission.MANAGE_PEOPLE))
def give_role(request: HttpRequest, person_id: PathId, body: RoleIn) -> Person:
    """Give a person a role; giving it again changes nothing."""
    return people.give_role(begin_deed(request), person_id=person_id, role=body.role)


@router.delete(
    "/people/{person_id}/roles/{role}", response=PersonOut, **takes(Permission.MANAGE_PEOPLE)
)
def take_role(request: HttpRequest, person_id: PathId, role: Role) -> Person:
    """Take a role from a person; the last administrator keeps theirs."""
    return people.take_role(begin_deed(request), person_id=person_id, role=role)
