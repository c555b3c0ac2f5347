"""The letter as PDF: what the page says, in the reader's language, and readable without eyes."""

import io
from dataclasses import replace

import pypdf
import pytest

from allmende.domain.access.awards import Award, AwardDecision, grant
from allmende.domain.access.consents import (
    answer_declarations,
    find_publication,
    read_declarations,
)
from allmende.domain.access.modes import FormKind
from allmende.domain.access.reports import Report
from allmende.domain.basics.sentences import Sentence
from allmende.wiring import languages
from allmende.wiring.letters import render_letter, render_report
from tests.domain.access.building import HOUR, NOON, PLAYGROUND, RULES, draft, form, frozen
from tests.domain.access.test_projects import PROJECT
from tests.domain.access.test_reports import FACTS


@pytest.fixture
def award() -> Award:
    declarations = read_declarations(PLAYGROUND, FormKind.SHORT, book=RULES.book)
    consents = answer_declarations(form(publish_names=True), declarations, by="p-1", now=NOON)
    consent = find_publication(consents)
    application = replace(draft(), frozen=replace(frozen(), publication=consent))
    decision = AwardDecision(
        award_id="award-1", project_id="prj-1", seconds=4 * HOUR, granted_at=NOON, granted_by="p-2"
    )
    return grant(application, decision)


def read(award, language="en", authority="The factory"):
    content = render_letter(award, authority=authority, language=language)
    return pypdf.PdfReader(io.BytesIO(content))


def text_of(reader):
    return " ".join(" ".join(page.extract_text() for page in reader.pages).split())


@pytest.mark.parametrize("language", ["en", "de"])
def test_it_says_what_the_page_says(award, language):
    text = text_of(read(award, language))
    languages.speak(language)
    try:
        for paragraph in award.letter:
            assert languages.translate(paragraph) in text
    finally:
        languages.speak("en")


def test_it_has_a_title_a_language_and_says_that_it_is_accessible(award):
    reader = read(award, "de_DE.UTF-8")
    root = reader.trailer["/Root"]
    assert (root["/Lang"], root["/MarkInfo"]["/Marked"]) == ("de", True)
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert reader.metadata.title == "Bewilligung von Rechenzeit award-1"
    metadata = root["/Metadata"].get_data().decode()
    assert "<pdfuaid:part>1</pdfuaid:part>" in metadata
    assert "Bewilligung von Rechenzeit award-1" in metadata


def test_every_piece_of_text_stands_under_a_tag(award):
    long = Sentence("{words}", {"words": "Compute time for everybody. " * 600})
    reader = read(replace(award, letter=(*award.letter, long)))
    assert len(reader.pages) > 2
    (document,) = reader.trailer["/Root"]["/StructTreeRoot"]["/K"]
    tags = [kid.get_object() for kid in document.get_object()["/K"]]
    assert [each["/S"] for each in tags].count("/H1") == 1
    assert {each["/S"] for each in tags} == {"/H1", "/P"}
    for number, page in enumerate(reader.pages):
        operators = page.get_contents().get_data().decode("latin-1").split()
        depth, numbers = 0, []
        for place, word in enumerate(operators):
            depth += (word == "BDC") - (word == "EMC")
            if word == "BDC":
                numbers.append(int(operators[place - 1].removesuffix(">>")))
            assert depth in (0, 1)
            assert depth == 1 or word not in ("Tj", "TJ"), "text outside of every tag"
        own = page.indirect_reference
        mine = [each["/K"][0] for each in tags if each.raw_get("/Pg") == own]
        assert numbers == mine == list(range(len(numbers)))
        assert page["/StructParents"] == number


def test_its_font_is_embedded_and_writes_the_names_of_europe(award):
    authority = "Łódź, Αθήνα, София – „Fabrik“"
    reader = read(award, authority=authority)
    assert authority in text_of(reader)
    for font in reader.pages[0]["/Resources"]["/Font"].values():
        (inner,) = font.get_object()["/DescendantFonts"]
        assert "/FontFile2" in inner.get_object()["/FontDescriptor"].get_object()


def test_the_same_award_is_the_same_letter(award):
    first, second = (render_letter(award, authority="The factory", language="en") for _ in range(2))
    assert first == second


@pytest.mark.parametrize("language", ["en", "de"])
def test_a_report_says_what_was_written_and_what_is_known(language):
    report = Report(project_id="prj-1", results="It works.\nEven at night.", handed_in_at=NOON)
    for each in (report, replace(report, handed_in_at=None)):
        content = render_report(each, PROJECT, FACTS, authority="The factory", language=language)
        text = text_of(pypdf.PdfReader(io.BytesIO(content)))
        for said in (PROJECT.name, "It works.", "Even at night.", "m-1", FACTS.organisation):
            assert said in text
        is_draft = "not handed in" in text or "nicht eingereicht" in text
        assert is_draft is (each.handed_in_at is None)
