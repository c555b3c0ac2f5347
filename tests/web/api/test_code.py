"""Code of jobs by the API: sent once, named by its hash."""

import io
import tarfile
from hashlib import sha256

import pytest
from django.test import Client

from allmende.domain.trust.tokens import Scope
from tests.web.api.conftest import a_token
from tests.web.world import JOB_FILE, build_world

pytestmark = pytest.mark.django_db


def a_tar(name: str = "train.py") -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(name))
    return whole.getvalue()


@pytest.fixture
def world():
    return build_world()


@pytest.fixture
def send(world):
    def send_tar(content: bytes, *, who: str = "applicant"):
        secret = a_token(world.people[who], Scope.MANAGE)
        path = f"/api/v1/projects/{world.ids['project_id']}/code"
        headers = {"Authorization": f"Bearer {secret}"}
        return Client().post(path, content, content_type="application/x-tar", headers=headers)

    return send_tar


def test_a_folder_is_sent_asked_for_and_named_by_a_job(send, call, world):
    content, project_id = a_tar(), world.ids["project_id"]
    token = a_token(world.people["applicant"], Scope.MANAGE)
    there = f"/projects/{project_id}/code/{sha256(content).hexdigest()}"
    assert call("GET", there, token=token).status_code == 404
    sent = [send(content), send(content)]
    assert [answer.status_code for answer in sent] == [201, 201]
    assert sent[0].json() == sent[1].json() == call("GET", there, token=token).json()
    workdir = sent[0].json()["workdir"]
    answer = call(
        "POST", f"/jobs?project_id={project_id}", token=token,
        body={**JOB_FILE, "workdir": workdir}, **{"Idempotency-Key": "k"},
    )  # fmt: skip
    assert answer.status_code == 201
    assert (
        call("GET", f"/jobs/{answer.json()[0]['id']}", token=token).json()["spec"]["workdir"]
        == workdir
    )


def test_what_would_do_harm_and_what_is_of_others_is_refused(send, call, world):
    refused = send(a_tar("../../etc/cron.d/x"))
    assert (refused.status_code, refused.json()["code"]) == (422, "UnfitName")
    assert send(b"no tar").json()["code"] == "NoCodeArchive"
    assert send(a_tar(), who="foreign").status_code == 404
    assert send(a_tar()).status_code == 201
    token = a_token(world.people["foreign"], Scope.MANAGE)
    there = f"/projects/{world.ids['project_id']}/code/{sha256(a_tar()).hexdigest()}"
    assert call("GET", there, token=token).status_code == 404
