"""Who may call an operation."""

import pytest
from django.test import Client

from allmende.domain.basics.people import Role
from allmende.domain.trust.permissions import PUBLIC_PERMISSIONS, Permission
from allmende.domain.trust.tokens import Scope
from allmende.services import tokens
from allmende.web.api import api
from allmende.web.api.permits import permission_of
from allmende.wiring import deed_of
from tests.web.api.conftest import PASSWORD, a_token, register

pytestmark = pytest.mark.django_db


def operations():
    for prefix, router in api._routers:
        for path, view in router.path_operations.items():
            for operation in view.operations:
                yield f"{prefix}{path}", operation


def test_every_operation_names_its_permission_in_code_and_in_the_reference():
    unnamed = [path for path, op in operations() if permission_of(op.auth_callbacks) is None]
    assert unnamed == []
    schema = api.get_openapi_schema()
    written = {op["x-permission"] for path in schema["paths"].values() for op in path.values()}
    assert written == {str(permission_of(op.auth_callbacks)) for _, op in operations()}


def test_every_operation_says_in_a_sentence_what_it_does():
    schema = api.get_openapi_schema()
    silent = [
        f"{method} {path}"
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
        if not operation.get("description", "").rstrip().endswith(".")
    ]
    assert silent == []


def test_the_reference_page_lists_every_operation(client):
    page = client.get("/api/v1/")
    assert page.status_code == 200
    listed = [each for _, noun in page.context["nouns"] for each in noun]
    assert len(listed) == len(list(operations()))
    assert [each for each in listed if f"{each.method} {each.path}" not in page.text] == []


def test_the_public_gets_401_and_how_to_come_in(call):
    answer = call("GET", "/me")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "SignInFirst"


def test_the_public_sees_what_is_public(call):
    assert call("GET", "/sites").status_code == 200
    assert Permission.SEE_FACTORY in PUBLIC_PERMISSIONS


def test_a_token_speaks_for_its_person(call):
    mina = register("mina", Role.APPLICANT)
    answer = call("GET", "/me", token=a_token(mina, Scope.READ))
    assert answer.status_code == 200
    assert answer.json()["id"] == mina.id
    assert answer.json()["roles"] == ["applicant"]


@pytest.mark.parametrize("value", ["Bearer allmende_guess", "Bearer ", "Basic eDp5", "Bearer"])
def test_a_wrong_token_is_refused_even_where_the_public_may_enter(value):
    answer = Client().get("/api/v1/sites", headers={"Authorization": value})
    assert answer.status_code == 401


def test_a_revoked_token_is_refused_at_once(call):
    mina = register("mina", Role.APPLICANT)
    secret = a_token(mina, Scope.READ)
    (token,) = tokens.list_tokens(mina)
    tokens.revoke_token(deed_of(mina), token_id=token.id)
    answer = call("GET", "/me", token=secret)
    assert (answer.status_code, answer.json()["code"]) == (401, "TokenIsRevoked")


def test_a_token_does_no_more_than_its_scopes(call):
    ada = register("ada", Role.ADMINISTRATOR)
    reading = a_token(ada, Scope.READ)
    assert call("GET", "/people", token=reading).status_code == 200
    answer = call("POST", f"/people/{ada.id}/roles", token=reading, body={"role": "auditor"})
    assert (answer.status_code, answer.json()["code"]) == (403, "TokenLacksScope")


def test_a_token_does_no_more_than_its_person(call):
    mina = register("mina", Role.APPLICANT)
    answer = call("GET", "/people", token=a_token(mina))
    assert (answer.status_code, answer.json()["code"]) == (403, "NotPermitted")


def test_a_token_makes_no_tokens(call):
    mina = register("mina", Role.APPLICANT)
    body = {"name": "more", "scopes": ["read"]}
    answer = call("POST", "/tokens", token=a_token(mina), body=body)
    assert (answer.status_code, answer.json()["code"]) == (403, "SignInNeeded")


def test_a_session_writes_only_with_the_csrf_header():
    mina = register("mina", Role.APPLICANT, password=PASSWORD)
    browser = Client(enforce_csrf_checks=True)
    assert browser.login(username=mina.id, password=PASSWORD)
    assert browser.get("/api/v1/me").json()["id"] == mina.id
    body = {"name": "laptop", "scopes": ["read"], "days": 30}
    send = {"data": body, "content_type": "application/json"}
    stale = browser.post("/api/v1/tokens", **send)
    assert (stale.status_code, stale.json()["code"]) == (403, "FormIsStale")
    browser.cookies["csrftoken"] = "a" * 32
    made = browser.post("/api/v1/tokens", **send, headers={"X-CSRFToken": "a" * 32})
    assert made.status_code == 201
    assert (
        Client()
        .get("/api/v1/me", headers={"Authorization": f"Bearer {made.json()['token']}"})
        .json()["id"]
        == mina.id
    )
    (listed,) = browser.get("/api/v1/tokens").json()
    assert "token" not in listed
    assert "digest" not in listed
    revoked = browser.post(
        f"/api/v1/tokens/{listed['id']}/revoke", headers={"X-CSRFToken": "a" * 32}
    )
    assert revoked.json()["revoked_at"] is not None
