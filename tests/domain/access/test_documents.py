"""Names and numbers of documents."""

import unicodedata
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.access.documents import (
    DOCUMENTS_MAX,
    NAME_MAX_LENGTH,
    UNSEEN,
    Document,
    DocumentKind,
    TooManyDocuments,
    check_room,
    clean_name,
    find_same,
)

PLAN = Document(
    id="doc-1",
    kind=DocumentKind.TIME_PLAN,
    name="plan.pdf",
    sha256="ab" * 32,
    size_bytes=9,
    pages=1,
    added_by="p-1",
    added_at=datetime(2026, 11, 23, 12, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("Antrag für Köln.pdf", "Antrag für Köln.pdf"),
        ("../../etc/passwd", "passwd.pdf"),
        ("C:\\Users\\mina\\plan.PDF", "plan.pdf"),
        ("invoice\u202efdp.exe", "invoicefdp.exe.pdf"),  # shown as "invoiceexe.pdf" with the mark
        ("a\x00b\x1b[31m.pdf", "ab[31m.pdf"),
        ("two\nlines\there.pdf", "two lines here.pdf"),
        ("...", "document.pdf"),
        ("", "document.pdf"),
        (".pdf", "document.pdf"),
        ("plan.html", "plan.html.pdf"),
        ("🚀 plan.pdf", "🚀 plan.pdf"),
    ],
)
def test_a_name_is_one_that_can_be_shown_and_saved(given_name, name):
    assert clean_name(given_name) == name


@given(st.text(max_size=400))
def test_whatever_a_file_is_called_its_name_is_short_seen_and_no_path(text):
    name = clean_name(text)
    assert 4 < len(name) <= NAME_MAX_LENGTH
    assert name.endswith(".pdf")
    assert "/" not in name
    assert "\\" not in name
    assert not name.startswith((".", " "))
    assert not {unicodedata.category(each) for each in name} & UNSEEN
    assert clean_name(name) == name


def test_a_document_is_known_by_its_content_whatever_it_is_called():
    known = [replace(PLAN, sha256="cd" * 32), PLAN]
    assert find_same(known, replace(PLAN, id="doc-2", name="other.pdf").sha256) is PLAN
    assert find_same(known, "ef" * 32) is None


def test_an_application_takes_so_many_documents_and_no_more():
    check_room(["one"] * (DOCUMENTS_MAX - 1))
    with pytest.raises(TooManyDocuments, match=str(DOCUMENTS_MAX)):
        check_room(["one"] * DOCUMENTS_MAX)
