"""Every operation of the API, for every role and for a foreign tenant."""

import json
import re
from typing import Any

import pytest
from django.test import Client

from allmende.domain.basics.people import PUBLIC
from allmende.domain.trust.permissions import PUBLIC_PERMISSIONS, Permission, can_do
from allmende.domain.trust.tokens import Scope
from allmende.web.api import api
from tests.web.api.conftest import a_token
from tests.web.world import ANSWERS, CALL_ID, JOB_FILE, World, build_world

pytestmark = pytest.mark.django_db

# A body that fits, for each operation that takes one. A new operation has to be named here.
BODIES: dict[str, Any] = {
    "PUT /reviewers/me": {"keywords": ["images"]},
    "PUT /reviews/{application_id}": {"opinions": []},
    "POST /reviews/{application_id}/answer": {"accepts": True},
    "POST /reviews/{application_id}/submit": {
        "opinions": [{"criterion_id": "impact", "score": 4, "text": "Sound."}]
    },
    "POST /rounds/{call_id}/close": {"cut_off_at": "2026-12-11T09:00:00Z"},
    "POST /rounds/{call_id}/conflicts": {"cut_off_at": "2026-12-11T09:00:00Z"},
    "POST /applications/{application_id}/reviewers": {"reviewer_id": "{person_id}"},
    "PATCH /me": {"language": "de"},
    "PUT /models/{model_id}/terms": {"visibility": "project", "licence": "CC-BY-4.0"},
    "POST /people/{person_id}/roles": {"role": "applicant"},
    "POST /tokens": {"name": "t", "scopes": ["read"], "days": 1},
    "POST /organisations": {"name": "New", "kind": "university", "country": "DE"},
    "PUT /organisations/{organisation_id}/figures": {
        "firms": [{"id": "{organisation_id}", "name": "Uni A"}]
    },
    "POST /mergers": {
        "organisation_id": "{organisation_id}",
        "into_id": "{organisation_id}",
        "on": "2026-07-01",
        "reason": "The register.",
    },
    "POST /organisations/{organisation_id}/members": {"person_id": "{person_id}"},
    "POST /eligibility": {"kind": "university"},
    "POST /eligibility/size": {"ownership": {"firms": [{"id": "you", "name": "You"}]}},
    "POST /eligibility/{organisation_id}": {"purpose": "research"},
    "POST /calls": {
        "id": "spring",
        "names": {"en": "Spring", "de": "Frühling"},
        "descriptions": {"en": "Time in spring.", "de": "Zeit im Frühling."},
        "mode_id": "playground",
        "partition_id": "werkbank",
        "size_max_seconds": 3600,
        "opens_at": "2100-03-01T10:00",
        "terms_version": "spring",
        "terms_text": "Be fair.",
    },
    "POST /modes/{mode_id}/versions": {
        "names": {"en": "Playground", "de": "Playground"},
        "audience": {"en": "Everybody", "de": "Alle"},
        "routes": ["industrial_innovation"],
        "unit": "gpu_seconds",
        "durations_months": [1],
        "calendar": "always_open",
        "decision_working_days": 2,
        "selection": "first_come",
        "valid_from": "2100-01-01",
        "source": "The board.",
    },
    "POST /applications": {"call_id": CALL_ID, "organisation_id": "{organisation_id}"},
    "PATCH /applications/{application_id}": ANSWERS,
    "POST /applications/{application_id}/copy": {"call_id": CALL_ID},
    "POST /applications/{application_id}/size": {
        "parameters": 10**6,
        "tokens": 10**9,
        "peak_teraflops": 1,
    },
    "POST /applications/{application_id}/documents": {},  # a file, which this is not
    "POST /applications/{application_id}/eligibility": {"is_eligible": True, "why": "It is."},
    "POST /applications/{application_id}/assessment": {"is_feasible": True},
    "POST /applications/{application_id}/award": {},
    "POST /applications/{application_id}/refuse": {"why": "No."},
    "POST /applications/{application_id}/rebuttal": {"text": "The data is there."},
    "POST /applications/{application_id}/appeals": {"reason": "The figures were wrong."},
    "POST /appeals/{appeal_id}/answer": {"is_upheld": False, "answer": "It stands."},
    "POST /projects/{project_id}/changes": {"months": 1, "reason": "It takes longer."},
    "POST /changes/{change_id}/approve": {"months": 1},
    "POST /changes/{change_id}/decline": {"answer": "No time left."},
    "POST /aid/{entry_id}/register": {"reference": "DE-1"},
    "POST /projects/{project_id}/members": {"person_id": "{person_id}"},
    "PUT /projects/{project_id}/secrets/{secret}": {"value": "hush"},
    "POST /projects/{project_id}/code": {},  # an archive, which this is not
    "POST /projects/{project_id}/suspend": {"why": "A check."},
    "PUT /projects/{project_id}/report": {"results": "It works."},
    "POST /projects/{project_id}/report/return": {"why": "Name the data."},
    "POST /projects/{project_id}/report/waive": {"why": "The firm is gone."},
    "POST /projects/{project_id}/report/lift-bar": {"why": "Illness."},
    "POST /agents/codes": {"site_id": "werkstatt"},
    "POST /reservations": {
        "partition_id": "werkbank",
        "nodes": 1,
        "project_id": "{project_id}",
        "ends_at": "2100-01-01T00:00Z",
        "reason": "Fans.",
    },
    "POST /incidents": {
        "site_id": "werkstatt",
        "impact": "degraded",
        "began_at": "2026-01-01T00:00Z",
        "words": "One node is out.",
    },
    "POST /incidents/{incident_id}/entries": {
        "site_id": "werkstatt",
        "impact": "degraded",
        "began_at": "2026-01-01T00:00Z",
        "ended_at": "2026-01-01T01:00Z",
        "words": "It is back.",
    },
    "POST /clusters/{site_id}/apply": {},
    "PUT /clusters/{site_id}/accounts/{person_id}": {"user_name": "mina"},
    "POST /clusters/{site_id}/reconciliations": {"span": "2026-01"},
    "POST /nodes/{partition_id}/{node}/drain": {"reason": "Fans."},
    "POST /jobs": JOB_FILE,
    "POST /jobs/check": JOB_FILE,
    "POST /jobs/forecast": JOB_FILE,
    "POST /jobs/where": JOB_FILE,
}
OTHER_IDS = {
    "mode_id": "playground",
    "site_id": "werkstatt",
    "partition_id": "werkbank",
    "node": "werkbank-06",
    "incident_id": "in-none",
    "sweep_id": "s-none",
    "promise_id": "no-such-promise",
    "token_id": "t-none",
    "step_id": "step-none",
    "entry_id": "aid-none",
    "appeal_id": "apl-none",
    "change_id": "chg-none",
    "message_id": "msg-none",
    "role": "reviewer",
    "reservation_id": "rv-none",
    "name": "model.safetensors",
    "secret": "guess",
    "sha256": "0" * 64,
    "document_id": "doc-none",
    "agent_id": "ag-none",
    "year": "2026",
    "number": "1",
    "usage_number": "1",
}
QUERIES = {
    "GET /sizes": "?parameters=1000000&tokens=1000000000&peak_teraflops=1",
    "GET /plan-training": "?params=7B&tokens=1T&gpu=h100",
    "GET /rounds/{call_id}": "?cut_off_at=2026-12-11T09:00:00Z",
    "GET /rounds/{call_id}/assignments": "?cut_off_at=2026-12-11T09:00:00Z",
    "GET /figures": "?span=2026-Q3",
    "GET /programme/figures": "?span=2026",
    "GET /programme/figures/applications": "?span=2026&stage=awarded",
    "GET /programme/figures/projects": "?span=2026",
    "POST /jobs": "?project_id={project_id}",
    "POST /applications/{application_id}/documents": "?name=plan.pdf",
    "GET /ledger/statement": "?account=capacity:werkbank:union",
}
TENANT_IDS = {
    "organisation_id", "application_id", "award_id", "project_id", "job_id", "model_id"
}  # fmt: skip


def operations() -> list[tuple[str, str, Permission]]:
    """Return method, path and permission of every operation, reading ones first."""
    schema = api.get_openapi_schema()
    found = [
        (method.upper(), path.removeprefix("/api/v1"), Permission(operation["x-permission"]))
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]
    return sorted(found, key=lambda row: (row[0] != "GET", row))


def send(world: World, method: str, path: str, *, token: str) -> Any:
    ids = {**OTHER_IDS, **world.ids}
    name = f"{method} {path}"
    address = re.sub(r"{(\w+)}", lambda hit: ids[hit[1]], path + QUERIES.get(name, ""))
    body = json.dumps(BODIES.get(name, {}))
    body = re.sub(r"{(\w+_id)}", lambda hit: ids[hit[1]], body)
    headers = {"Idempotency-Key": "k1"} | ({"Authorization": f"Bearer {token}"} if token else {})
    text = "" if method == "GET" else body
    answer = Client().generic(
        method, f"/api/v1{address}", text, content_type="application/json", headers=headers
    )
    if answer.streaming:
        answer.close()  # type: ignore[no-untyped-call]
    return answer


@pytest.fixture
def world() -> World:
    return build_world()


def tokens_of(world: World) -> dict[str, str]:
    return {name: a_token(person, Scope.MANAGE) for name, person in world.people.items()}


def test_every_operation_with_a_body_is_tried_with_one_that_fits():
    schema = api.get_openapi_schema()
    with_body = {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
        if "requestBody" in operation
    }
    assert with_body == set(BODIES)


@pytest.mark.slow
def test_every_operation_lets_pass_exactly_the_roles_of_its_permission(world):
    secrets = {"public": "", **tokens_of(world)}
    wrong = []
    for method, path, permission in operations():
        for name, secret in secrets.items():
            person = world.people.get(name, PUBLIC)
            answer = send(world, method, path, token=secret)
            code = answer.json().get("code") if "problem" in answer["Content-Type"] else ""
            if permission is Permission.MANAGE_TOKENS:
                expected = name == "public"
                fine = code == ("SignInFirst" if expected else "SignInNeeded")
            elif can_do(person, permission):
                fine = code not in {"SignInFirst", "NotPermitted"} and answer.status_code < 500
            elif name == "public" and permission not in PUBLIC_PERMISSIONS:
                fine = code == "SignInFirst"
            else:
                fine = (answer.status_code, code) == (403, "NotPermitted")
            if not fine:
                wrong.append((method, path, name, answer.status_code, code))
    assert wrong == []


def test_what_belongs_to_others_does_not_exist_for_a_foreign_tenant(world):
    secret = a_token(world.people["foreign"], Scope.MANAGE)
    wrong = []
    for method, path, permission in operations():
        names = set(re.findall(r"{(\w+)}", path + QUERIES.get(f"{method} {path}", "")))
        names |= set(re.findall(r"{(\w+)}", json.dumps(BODIES.get(f"{method} {path}", {}))))
        if names & TENANT_IDS:
            answer = send(world, method, path, token=secret)
            expected = 404 if can_do(world.people["foreign"], permission) else 403
            if answer.status_code != expected:
                wrong.append((method, path, answer.status_code, answer.content[:200]))
    assert wrong == []


def test_lists_show_a_foreign_tenant_nothing_of_others(world):
    secret = a_token(world.people["foreign"], Scope.MANAGE)
    shown = {}
    for noun in ("organisations", "applications", "projects", "jobs", "models"):
        text = send(world, "GET", f"/{noun}", token=secret).content.decode()
        shown[noun] = [value for value in world.ids.values() if value in text and value != CALL_ID]
    assert shown == {noun: [] for noun in shown}


def test_the_owner_reads_everything_of_their_own(world):
    secret = a_token(world.people["applicant"], Scope.READ)
    wrong = [
        (path, answer.status_code)
        for method, path, permission in operations()
        if method == "GET"
        and "/{name}" not in path
        and "promise_id" not in path
        and "document_id" not in path
        and "sha256" not in path  # see test_code.py
        and "reservation_id" not in path
        and "sweep_id" not in path  # see test_jobs.py
        and "incident_id" not in path
        and "usage_number" not in path  # see test_usage.py
        and "/certificate" not in path  # see test_models.py
        and can_do(world.people["applicant"], permission)
        and permission is not Permission.MANAGE_TOKENS
        and (answer := send(world, method, path, token=secret)).status_code != 200
    ]
    assert wrong == []
