"""Refusals and failures as problem documents."""

import errno

import pytest
from django.test import Client

from allmende.domain.basics.people import Role
from allmende.services import audit, people
from tests.web.api.conftest import a_token, register

pytestmark = pytest.mark.django_db


def test_a_refusal_says_why_in_the_readers_language_and_for_programs(call):
    answer = call("GET", "/sites/atlantis")
    assert answer.status_code == 404
    assert answer.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is no site atlantis. Check the spelling, or list what there is.",
        "code": "NotFound",
        "facts": {"kind": "site", "id": "atlantis"},
    }


def test_a_request_that_does_not_fit_names_each_place(call):
    ada = a_token(register("ada", Role.ADMINISTRATOR))
    answer = call("POST", "/people/p-1/roles", token=ada, body={"role": "king"})
    assert answer.status_code == 422
    assert list(answer.json()["facts"]) == ["body.body.role"]
    assert call("GET", "/people?limit=0", token=ada).status_code == 422


def test_a_body_that_is_no_json_is_refused(client):
    ada = a_token(register("ada", Role.ADMINISTRATOR))
    answer = client.generic(
        "POST",
        "/api/v1/people/p-1/roles",
        "{",
        content_type="application/json",
        headers={"Authorization": f"Bearer {ada}"},
    )
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")


def test_a_key_given_twice_is_refused(client):
    ada = a_token(register("ada", Role.ADMINISTRATOR))
    answer = client.generic(
        "POST",
        "/api/v1/people/p-1/roles",
        '{"role": "operator", "role": "applicant"}',
        content_type="application/json",
        headers={"Authorization": f"Bearer {ada}"},
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "KeyIsGivenTwice")
    assert answer.json()["facts"] == {"key": "role"}


def test_a_body_that_is_too_large_is_refused_with_the_limit(call):
    ada = a_token(register("ada", Role.ADMINISTRATOR))
    answer = call("POST", "/people/p-1/roles", token=ada, body={"role": "x" * 2_700_000})
    assert (answer.status_code, answer.json()["code"]) == (413, "RequestIsTooLarge")
    assert "2621440 bytes" in answer.json()["detail"]


def test_a_full_disk_is_no_mystery(call, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(people, "list_people", full)
    ada = a_token(register("ada", Role.ADMINISTRATOR))
    answer = call("GET", "/people", token=ada)
    assert (answer.status_code, answer.json()["code"]) == (507, "DiskIsFull")


def test_a_mistake_of_ours_is_a_500_that_tells_nothing_secret(call, monkeypatch, caplog):
    def broken(*_: object, **__: object) -> None:
        raise ValueError("the secret is 42")

    monkeypatch.setattr(audit, "get_head", broken)
    answer = call("GET", "/audit/head")
    assert answer.status_code == 500
    assert answer["Content-Type"] == "application/problem+json"
    assert "42" not in answer.content.decode()
    assert "the secret is 42" in caplog.text


def test_lists_are_paged_by_key(call):
    ada = a_token(register("ada", Role.ADMINISTRATOR))
    for name in ("bo", "cy"):
        register(name, Role.APPLICANT)
    seen, after = [], ""
    while after is not None:
        page = call("GET", f"/people?limit=2&after={after}", token=ada).json()
        seen += [person["name"] for person in page["items"]]
        after = page["next"]
    assert sorted(seen) == ["ada", "bo", "cy"]


def test_an_address_where_nothing_is_gets_a_problem_and_not_a_page():
    client = Client(enforce_csrf_checks=True)
    for method in (client.get, client.post):
        answer = method("/api/v1/nothing/here")
        assert answer.status_code == 404
        assert answer["Content-Type"] == "application/problem+json"
        assert "The page at /api/v1/ lists what it has." in answer.json()["detail"]
