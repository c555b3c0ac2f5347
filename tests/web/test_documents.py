"""Documents in the portal and the API: counted coming in, and nothing but files going out."""

import io
import json
from pathlib import Path

import pytest
from django.conf import settings as project_settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from allmende.domain.basics.people import Role
from allmende.domain.trust.tokens import Scope
from allmende.services import applications, documents
from allmende.storage import people as people_store
from allmende.storage.documents import DocumentRow
from allmende.wiring import deed_of
from allmende.wiring.access_rules import load_access_rules
from allmende.wiring.documents import shelf
from tests import pdfs
from tests.web.api.conftest import a_token
from tests.web.world import ANSWERS, build_world

pytestmark = pytest.mark.django_db
PDF = pdfs.a_pdf(pages=2)


@pytest.fixture
def world():
    return build_world()


@pytest.fixture
def mina_at(world):
    return sign_in(world, "applicant")


@pytest.fixture
def address(world):
    return f"/applications/{world.ids['application_id']}/documents"


@pytest.fixture
def small(settings):
    """Make 100 kB the limit, and return it."""
    settings.DOCUMENT_BYTES_MAX = 100_000
    shelf.cache_clear()
    yield settings.DOCUMENT_BYTES_MAX
    settings.DOCUMENT_BYTES_MAX = project_settings.DOCUMENT_BYTES_MAX
    shelf.cache_clear()


def sign_in(world, name):
    client = Client()
    client.force_login(people_store.PersonRow.objects.get(id=world.people[name].id).login)
    return client


def upload(mina_at, address, content=PDF, *, name="proposal.pdf", kind="proposal", **rest):
    file = SimpleUploadedFile(name, content, content_type="application/pdf")
    return mina_at.post(address, {"kind": kind, "file": file}, **rest)


def body_of(answer) -> bytes:
    content = b"".join(answer)
    answer.close()
    return content


def files_on_disk() -> list[Path]:
    return [path for path in shelf().folder.rglob("*") if path.is_file()]


def test_a_file_goes_in_and_comes_out_as_something_to_save(mina_at, address):
    assert upload(mina_at, address).status_code == 302
    (row,) = DocumentRow.objects.all()
    page = mina_at.get(address).content.decode()
    assert "proposal.pdf" in page
    assert "2 pages" in page
    answer = mina_at.get(f"{address}/{row.id}")
    assert body_of(answer) == PDF
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == 'attachment; filename="proposal.pdf"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"<html><script>alert(1)</script></html>", "This is no PDF"),
        (b"", "This is no PDF"),
        (pdfs.with_password(), "encrypted"),
        (pdfs.with_script(), "scripts, programs to start"),
    ],
)
def test_what_is_no_harmless_pdf_is_refused_in_a_sentence(mina_at, address, content, sentence):
    answer = upload(mina_at, address, content)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert DocumentRow.objects.count() == 0


def test_a_form_without_a_file_or_with_another_kind_is_shown_again(mina_at, address):
    assert mina_at.post(address, {"kind": "proposal"}).status_code == 422
    assert upload(mina_at, address, kind="poem").status_code == 422


def test_a_name_shows_as_text_and_never_as_code(mina_at, address):
    upload(mina_at, address, name='"><img src=x onerror=alert(1)>.pdf')
    page = mina_at.get(address).content.decode()
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page
    (row,) = DocumentRow.objects.all()
    answer = mina_at.get(f"{address}/{row.id}")
    answer.close()
    told = answer["Content-Disposition"]
    assert told.startswith("attachment; filename=")
    assert "\n" not in told


def test_a_document_is_removed_and_its_neighbours_offered(mina_at, address):
    upload(mina_at, address)
    (row,) = DocumentRow.objects.all()
    assert mina_at.get(f"{address}/{row.id}/remove").status_code == 405
    assert mina_at.post(f"{address}/{row.id}/remove").status_code == 302
    assert DocumentRow.objects.count() == 0


def test_a_little_too_large_gets_the_sentence_in_the_form(mina_at, address, small):
    answer = upload(mina_at, address, PDF + b" " * small)
    assert answer.status_code == 422
    assert "The file has more than 0 MB." in answer.content.decode()


def test_much_too_large_is_refused_before_it_is_written_anywhere(
    mina_at, address, small, settings, tmp_path
):
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path)
    before = files_on_disk()
    for content in (b"0" * (small + (1 << 20) + 100_000),):
        answer = upload(mina_at, address, content)
        assert answer.status_code == 413
        assert "Make its pictures smaller" in answer.content.decode()
    assert list(tmp_path.iterdir()) == []
    assert files_on_disk() == before


def test_a_form_that_lies_about_its_size_is_counted_while_it_comes(small, settings, tmp_path):
    from django.http import HttpRequest
    from django.http.multipartparser import MultiPartParser

    from allmende.web.uploads import CountingHandler, UploadIsTooBig

    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path)
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n'
    body = io.BytesIO(head + b"0" * (4 << 20))
    request = HttpRequest()
    meta = {"CONTENT_TYPE": "multipart/form-data; boundary=x", "CONTENT_LENGTH": 1000}
    with pytest.raises(UploadIsTooBig):
        MultiPartParser(meta, body, [CountingHandler(request)]).parse()
    assert body.tell() < 2 << 20
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def call(world):
    def call_api(method, path, *, who="applicant", body=b"", kind="application/pdf"):
        token = a_token(world.people[who], Scope.MANAGE)
        return Client().generic(
            method,
            f"/api/v1{path}",
            body,
            content_type=kind,
            headers={"Authorization": f"Bearer {token}"},
        )

    return call_api


def test_a_program_sends_lists_takes_and_removes(call, address):
    sent = call("POST", f"{address}?name=plan.pdf&kind=time_plan", body=PDF)
    assert sent.status_code == 201, sent.content
    again = call("POST", f"{address}?name=other.pdf", body=PDF)
    assert again.json() == sent.json()
    document = sent.json()
    assert (document["pages"], document["kind"]) == (2, "time_plan")
    assert call("GET", address).json() == [document]
    taken = call("GET", f"{address}/{document['id']}")
    assert body_of(taken) == PDF
    assert taken["Content-Disposition"] == 'attachment; filename="plan.pdf"'
    assert call("DELETE", f"{address}/{document['id']}").status_code == 204
    assert call("GET", address).json() == []
    assert call("GET", f"{address}/{document['id']}").status_code == 404


def test_a_program_hears_why_its_file_is_not_taken(call, address, small):
    wrong = call("POST", f"{address}?name=a.pdf", body=b"no")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "FileIsNoPdf")
    large = call("POST", f"{address}?name=a.pdf", body=b"0" * (small + 1))
    assert (large.status_code, large.json()["code"]) == (413, "DocumentIsTooLarge")
    form = b'--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n' + PDF
    other = call("POST", f"{address}?name=a.pdf", body=form, kind="multipart/form-data; boundary=x")
    assert other.status_code == 422
    assert call("POST", f"{address}?name=", body=PDF).status_code == 422
    foreign = call("POST", f"{address}?name=a.pdf", body=PDF, who="foreign")
    assert foreign.status_code == 404


def test_a_file_of_an_earlier_application_is_used_again(world, mina_at, call, address):
    upload(mina_at, address)
    mina = world.people["applicant"]
    applications.edit_application(deed_of(mina), world.ids["application_id"], changes=ANSWERS)
    other = applications.start_application(
        deed_of(mina),
        call_id=world.ids["call_id"],
        organisation_id=world.ids["organisation_id"],
    )
    there = f"/applications/{other.id}/documents"
    (offered,) = call("GET", f"{there}/reusable").json()
    assert "Use it here, too" in mina_at.get(there).content.decode()
    assert mina_at.post(f"{there}/{offered['id']}/reuse").status_code == 302
    (used,) = documents.list_documents(mina, other.id)
    assert used.sha256 == offered["sha256"]
    assert call("POST", f"{there}/{offered['id']}/reuse").json()["id"] == used.id


def test_what_was_submitted_shows_its_documents_to_both_sides(world, mina_at, address):
    upload(mina_at, address)
    (row,) = DocumentRow.objects.all()
    mina, application_id = world.people["applicant"], world.ids["application_id"]
    applications.edit_application(deed_of(mina), application_id, changes=ANSWERS)
    check = mina_at.get(f"/applications/{application_id}/check").content.decode()
    assert f"{address}/{row.id}" in check
    applications.submit_application(deed_of(mina), application_id, rules=load_access_rules())
    assert mina_at.get(address).status_code == 302
    for who, page in (("applicant", "applications"), ("programme_officer", "programme")):
        shown = sign_in(world, who).get(f"/{page}/{application_id}").content.decode()
        assert f'href="{address}/{row.id}"' in shown
        assert row.sha256[:12] in shown
    assert mina_at.post(address, {"kind": "other"}).status_code in (302, 409)
    refused = mina_at.post(f"{address}/{row.id}/remove")
    assert refused.status_code == 409
    told = json.dumps(refused.content.decode())
    assert "cannot be changed any more" in told
    assert sign_in(world, Role.REVIEWER.value).get(f"{address}/{row.id}").status_code == 403
