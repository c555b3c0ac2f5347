"""Models in the portal, the API and the command: history, terms, papers, package, deletion."""

import hashlib
import io
import shutil
import zipfile
from dataclasses import replace
from typing import Any

import pypdf
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from allmende.domain.trust.tokens import Scope
from allmende.storage import people as people_store
from allmende.storage import trained_models as store
from allmende.wiring import home
from tests.web.api.conftest import a_token
from tests.web.world import World, build_world

pytestmark = pytest.mark.django_db
MODEL = "/models/m-1"
SHARED = {"visibility": "public", "licence": "EUPL-1.2", "keep_until": ""}


@pytest.fixture
def world() -> World:
    return build_world()


def browser_of(world: World, name: str) -> Client:
    browser = Client()
    if name != "nobody":
        person = world.people[name]
        browser.force_login(people_store.PersonRow.objects.get(id=person.id).login)
    return browser


def call(world: World, name: str, path: str) -> Any:
    token = a_token(world.people[name], Scope.READ)
    headers = {"Authorization": f"Bearer {token}"}
    return Client().get(f"/api/v1{MODEL}{path}", headers=headers)


def test_the_page_shows_the_history_the_sums_and_the_summary(world: World):
    page = browser_of(world, "applicant").get(MODEL).content.decode()
    assert page.count('class="lineage') == 2
    for text in ("Public summary of the training content", "5 × 10⁶ FLOP", "not measured"):
        assert text in page
    assert "Your terms" in page
    assert "Your terms" not in browser_of(world, "auditor").get(MODEL).content.decode()


def test_the_owner_opens_a_model_to_everybody_and_others_cannot(world: World):
    owner, nobody = browser_of(world, "applicant"), browser_of(world, "nobody")
    assert nobody.get(MODEL).status_code == 404
    assert browser_of(world, "foreign").post(MODEL, SHARED).status_code == 404
    browser_of(world, "auditor").post(MODEL, SHARED)
    assert nobody.get(MODEL).status_code == 404
    refused = owner.post(MODEL, {**SHARED, "licence": ""})
    assert (refused.status_code, "Name a licence" in refused.content.decode()) == (422, True)
    assert owner.post(MODEL, SHARED).status_code == 302
    assert "EUPL-1.2" in nobody.get(MODEL).content.decode()
    assert "EUPL-1.2" in nobody.get("/models").content.decode()
    assert Client().get(f"/api/v1{MODEL}").status_code == 200


def test_only_a_page_that_names_the_model_deletes_its_files(world: World):
    owner = browser_of(world, "applicant")
    assert owner.post(f"{MODEL}/delete", {"name": "hullo"}).status_code == 422
    assert owner.get(f"{MODEL}/certificate").status_code == 404
    assert owner.post(f"{MODEL}/delete", {"name": "hello"}).status_code == 302
    assert "The files were deleted" in owner.get(MODEL).content.decode()
    certificate = owner.get(f"{MODEL}/certificate").json()
    assert certificate == call(world, "applicant", "/certificate").json()
    assert (certificate["model"], certificate["reason"]) == ("m-1", "owner")


def test_a_file_in_a_folder_is_handed_out_by_portal_and_api(world: World):
    name, content = "parts/of two.bin", b"weights"
    path = home.home() / "work" / store.get_model("m-1").job_id / "home/out" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    file = [name, len(content), hashlib.sha256(content).hexdigest()]
    store.TrainedModelRow.objects.filter(id="m-1").update(files=[file])
    try:
        for answer in (
            browser_of(world, "applicant").get(f"{MODEL}/files/{name}"),
            call(world, "applicant", f"/files/{name}"),
        ):
            assert answer.getvalue() == content
    finally:
        shutil.rmtree(path.parents[2])


def test_a_package_holds_papers_and_their_checksums(world: World):
    answer = browser_of(world, "applicant").get(f"{MODEL}/package")
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    answer.close()
    sums = archive.read("m-1-v1/SHA256SUMS").decode().splitlines()
    named = dict(reversed(line.split("  ")) for line in sums)
    assert sorted(named) == [
        "README.md",
        "bill-of-materials.cdx.json",
        "public-summary.json",
        "training-record.json",
    ]
    for name, digest in named.items():
        assert hashlib.sha256(archive.read(f"m-1-v1/{name}")).hexdigest() == digest
    assert browser_of(world, "auditor").get(f"{MODEL}/package").status_code == 404


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_record_is_a_document_in_the_language_of_the_reader(world: World, language: str):
    owner, spoken = browser_of(world, "applicant"), {"Accept-Language": language}
    page = owner.get(f"{MODEL}/record.pdf", headers=spoken)
    assert page.content.startswith(b"%PDF")
    answer = call(world, "applicant", f"/record.pdf?language={language}")
    assert answer.content == page.content


def test_the_document_tells_what_the_card_tells(world: World):
    text = document_text(world, "de")
    for words in (
        "Wofür es gedacht ist",
        "Wie es trainiert wurde",
        "AUROC · 0,900 (0,800 bis 0,950)",
    ):
        assert words in text
    assert "load_file" not in text
    assert "in_other_languages" not in text


def test_the_document_tells_what_a_private_training_spent(world: World):
    record = dict(store.get_model("m-1").record) | {"privacy": {"epsilon": 2.5, "delta": 1e-05}}
    store.TrainedModelRow.objects.update(record=record)
    assert "epsilon: 2.5" in document_text(world, "en")


def document_text(world: World, language: str) -> str:
    spoken = {"Accept-Language": language}
    content = browser_of(world, "applicant").get(f"{MODEL}/record.pdf", headers=spoken).content
    return "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages)


def test_the_api_tells_lineage_bill_summary_and_versions(world: World):
    nodes = call(world, "applicant", "/lineage").json()["nodes"]
    assert [node["kind"] for node in nodes][-1] == "model"
    assert call(world, "applicant", "/bill-of-materials").json()["specVersion"] == "1.6"
    assert call(world, "applicant", "/summary").json()["general"]["model"] == "hello v1"
    assert [each["version"] for each in call(world, "applicant", "/versions").json()] == [1]


def test_a_record_of_an_older_form_still_has_its_page(world: World):
    store.TrainedModelRow.objects.update(record={}, card="# hello")
    owner = browser_of(world, "applicant")
    assert owner.get(MODEL).status_code == 200
    for name in ("record.pdf", "bill"):
        assert owner.get(f"{MODEL}/{name}").status_code == 404


def test_a_list_of_models_takes_as_many_queries_for_twenty_as_for_one(world: World):
    owner = browser_of(world, "applicant")
    before = count_queries(owner)
    first = store.get_model("m-1")
    for number in range(2, 21):
        store.add_model(replace(first, id=f"m-{number}", job_id=f"j-{number}", version=number))
    assert count_queries(owner) == before
    assert owner.get("/models").content.decode().count("/models/m-") == 20


def count_queries(owner: Client) -> int:
    with CaptureQueriesContext(connection) as seen:
        owner.get("/models")
    return len(seen)


def test_a_deletion_that_is_not_confirmed_yet_is_said_and_hands_out_nothing(world: World):
    model = store.get_model("m-1")
    store.save_model(replace(model, deletion_asked_at=model.created_at))
    owner = browser_of(world, "applicant")
    page = owner.get(MODEL).content.decode()
    assert "is not confirmed yet" in page
    assert "Download everything" not in page
    assert owner.get(f"{MODEL}/certificate").status_code == 409
