"""People of every role with tokens, and a client that speaks for them."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from allmende.domain.basics.people import Person, Role
from allmende.domain.trust.tokens import Scope
from allmende.services import people, tokens
from allmende.services.people import NewPerson
from allmende.storage import people as people_store
from allmende.wiring import deed_of
from allmende.wiring.tokens import new_token

ROOT = Person(id="p-root", name="Root", roles=frozenset({Role.ADMINISTRATOR}))
PASSWORD = "correct horse battery staple"


def register(
    name: str, *roles: Role, organisation: str = "", password: str | None = None
) -> Person:
    new = NewPerson(name=name, email=f"{name}@example.org", password=password)
    person = people.register_person(deed_of(ROOT), new=new, roles=frozenset(roles))
    if organisation:
        people_store.add_member(person.id, organisation)
    return people.get_person(person.id)


def a_token(person: Person, *scopes: Scope) -> str:
    secret, deed = new_token(), deed_of(person)
    tokens.create_token(
        deed,
        secret=secret,
        name="test",
        scopes=frozenset(scopes or (Scope.MANAGE,)),
        expires_at=deed.now + timedelta(days=1),
    )
    return secret


@pytest.fixture
def call() -> Callable[..., Any]:
    """Return a function that calls the API as the owner of a token, or as nobody."""

    def call_api(method: str, path: str, *, token: str = "", body: object = None, **headers: str):
        if token:
            headers["Authorization"] = f"Bearer {token}"
        text = "" if body is None else json.dumps(body)
        return Client().generic(
            method, f"/api/v1{path}", text, content_type="application/json", headers=headers
        )

    return call_api
