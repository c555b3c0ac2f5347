"""The form of a job file takes the packed folder with the code, once, and says what is wrong."""

from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpRequest
from django.test import Client
from django.urls import resolve

from allmende.domain.training.code_archives import MOST_PACKED_BYTES
from allmende.services import jobs
from allmende.storage import code_archives as store
from allmende.web.uploads import CountingHandler, UploadIsTooBig
from allmende.wiring.code_archives import shelves
from allmende.wiring.code_folders import open_folder
from tests.services.running import Running, a_running_factory
from tests.wiring.test_code_folders import fill
from tests.wiring.test_code_uploads import as_zip

pytestmark = pytest.mark.django_db
TEXT = "name: mine\nrun: cat note\nworkdir: .\nmax_duration: 1m\n"


@pytest.fixture
def factory(tmp_path, db):
    with a_running_factory(tmp_path) as running:
        yield running


@pytest.fixture
def project(factory: Running) -> str:
    return factory.story.projects["founder"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {"note": "hello", "pkg/train.py": "", ".gitignore": "*.pt\n", "model.pt": "large"}
    return fill(tmp_path / "mine", files)


def send(project: str, content: bytes | None, *, who: str = "founder", **fields: str):
    client = Client()
    assert client.login(username=f"{who}@demo.example", password="allmende-demo")
    form: dict[str, object] = {"text": TEXT, "client_key": "form", **fields}
    if content is not None:
        form["folder"] = SimpleUploadedFile("mine.zip", content)
    return client.post(f"/projects/{project}/jobs/new?with=file", form)


def test_it_is_kept_once_and_named_by_the_job(factory, project, folder):
    expected = open_folder(folder).hash()
    checked = send(project, as_zip(folder, below="mine/"), check="1")
    assert checked.status_code == 200, checked.context["form"].errors
    told = {str(topic): str(sentence) for topic, sentence in checked.context["checked"]["told"]}
    assert told["Code"] == f"4 files and folders, kept as sha256:{expected}."
    assert jobs.list_jobs(factory.person("founder"), project_id=project) == []
    named = checked.context["form"]["workdir"].value()
    assert named == f"sha256:{expected}"
    assert "The folder is here already" in checked.content.decode()
    first = send(project, None, workdir=named)
    second = send(project, as_zip(folder), client_key="again")
    assert first.status_code == second.status_code == 302
    found = jobs.list_jobs(factory.person("founder"), project_id=project)
    assert [job.spec["workdir"] for job in found] == [named, named]
    assert [each.sha256 for each in store.list_archives(project)] == [expected]


def test_a_mistake_stands_at_its_field_and_the_folder_need_not_come_again(project, folder):
    wrong = send(project, b"no folder at all")
    assert wrong.status_code == 422
    assert "Pack the folder as .zip" in wrong.context["form"].errors["folder"][0]
    assert store.list_archives(project) == []
    late = send(project, as_zip(folder), text="name: [")
    assert late.status_code == 422
    assert late.context["form"]["workdir"].value().startswith("sha256:")
    without = send(project, None)
    (said,) = without.context["form"].non_field_errors()
    assert "In the portal upload it below the job file" in said


def test_a_stranger_sends_nothing(factory, project, folder):
    assert send(project, as_zip(folder), who="researcher").status_code == 404
    assert store.list_archives(project) == []
    assert list(shelves().of(project).incoming.glob("*")) == []


def test_its_limit_is_its_own():
    request = HttpRequest()
    request.resolver_match = resolve("/projects/p-1/jobs/new")
    handler = CountingHandler(request)
    handler.handle_raw_input(None, None, MOST_PACKED_BYTES, None)
    with pytest.raises(UploadIsTooBig) as caught:
        handler.handle_raw_input(None, None, 2 * MOST_PACKED_BYTES, None)
    assert "has more than 200 MB" in caught.value.refusal.sentence.english()
