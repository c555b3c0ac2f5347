"""A PDF is judged by what is in it, by a process that cannot take ours along."""

import subprocess
import sys
import zlib

import pytest

from allmende.domain.access.documents import FileIsNoPdf, PdfIsActive, PdfIsEncrypted
from allmende.wiring import documents, home, letters
from allmende.wiring.documents import count_pages
from tests import pdfs

GOOD = pdfs.a_pdf(pages=3)


@pytest.fixture
def judged(tmp_path):
    def judge(content: bytes) -> int:
        path = tmp_path / "file"
        path.write_bytes(content)
        return count_pages(path)

    return judge


def test_a_plain_pdf_is_taken_with_its_number_of_pages(judged):
    assert judged(GOOD) == 3


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html><script>alert(1)</script></html>",
        b"MZ" + GOOD,
        GOOD[: len(GOOD) // 2],
        GOOD[: len(GOOD) // 2] + b"\n%%EOF\n",
        GOOD + b"<script>alert(1)</script>",
        b"%PDF-1.7\n%%EOF",
        pdfs.without_pages(),
    ],
    ids=["empty", "html", "program", "half", "half with an end", "more", "hollow", "no pages"],
)
def test_what_is_no_whole_pdf_is_refused(judged, content):
    with pytest.raises(FileIsNoPdf):
        judged(content)


@pytest.mark.parametrize("make", [pdfs.with_password, pdfs.open_but_encrypted])
def test_an_encrypted_pdf_is_refused(judged, make):
    with pytest.raises(PdfIsEncrypted):
        judged(make())


@pytest.mark.parametrize(
    "make", [pdfs.with_script, pdfs.with_hidden_script, pdfs.with_launch, pdfs.with_file]
)
def test_a_pdf_that_does_more_than_show_pages_is_refused(judged, make):
    with pytest.raises(PdfIsActive):
        judged(make())


def test_a_file_that_would_fill_the_memory_ends_only_its_judge(judged):
    # A stream of objects of a few kilobytes that says it is some gigabytes when unpacked.
    bomb = zlib.compress(b"0" * 400_000_000, 9)
    with pytest.raises(FileIsNoPdf):
        judged(pdfs.with_packed_objects(bomb))


def test_a_judge_that_takes_too_long_is_stopped(judged, monkeypatch):
    monkeypatch.setattr(documents, "SECONDS_MAX", 0.001)
    with pytest.raises(FileIsNoPdf):
        judged(GOOD)


def test_the_letters_of_this_house_would_be_taken(judged):
    sheet = letters.Sheet(title="Award", language="de")
    sheet.add_tagged("P", "Zeit für alle")
    assert judged(bytes(sheet.output())) == 1


@pytest.mark.parametrize("given_size", ["0", "-3", "many", "2.5", "100000"])
def test_a_limit_that_is_none_is_refused_in_a_sentence(given_size, monkeypatch):
    monkeypatch.setenv("ALLMENDE_DOCUMENT_MEGABYTES", given_size)
    with pytest.raises(SystemExit, match="write a whole number from 1 to"):
        home.document_megabytes()


def test_the_limit_comes_from_the_environment():
    program = "from allmende.wiring import settings; print(settings.DOCUMENT_BYTES_MAX)"
    told = subprocess.run(
        [sys.executable, "-c", program],
        env={
            "ALLMENDE_DOCUMENT_MEGABYTES": "3",
            "PYTHONPATH": ":".join(sys.path),
            "ALLMENDE_HOME": str(home.home()),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "3000000\n"
