"""Names and numbers of documents."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.access.documents import (
    DOCUMENTS_MAX,
    NAME_MAX_LENGTH,
    UNSEEN,
    TooManyDocuments,
    check_room,
    clean_name,
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


def test_an_application_takes_so_many_documents_and_no_more():
    check_room(["one"] * (DOCUMENTS_MAX - 1))
    with pytest.raises(TooManyDocuments, match=str(DOCUMENTS_MAX)):
        check_room(["one"] * DOCUMENTS_MAX)
