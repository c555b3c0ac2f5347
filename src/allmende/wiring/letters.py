"""Award letters and reports as accessible PDF: tagged, titled, the font embedded.

They say what the pages say. The library lays out text and embeds the font; it tags only pictures by
itself, so each paragraph here says what it is (ISO 14289-1, PDF/UA-1).
"""

from collections.abc import Iterator
from html import escape
from itertools import islice
from pathlib import Path

from django.utils import translation
from django.utils.translation import gettext
from fpdf import FPDF
from fpdf.enums import MethodReturnValue
from fpdf.prefs import ViewerPreferences

from allmende.domain.access.awards import Award
from allmende.domain.access.projects import Project
from allmende.domain.access.reports import Report, ReportFacts, ReportKind, tell_facts
from allmende.wiring.languages import choose, translate, write_instant

FONT = Path(__file__).parent / "vendor/dejavu-fonts-ttf-2.37.3/DejaVuSans.ttf"
MARGIN_MILLIMETRES = 25
TEXT_POINTS, SUBHEADING_POINTS, HEADING_POINTS = 11, 14, 18
LINE_HEIGHT = 1.5
MILLIMETRES_PER_POINT = 25.4 / 72
# A paragraph longer than this is parted, so that each part fits on one page.
PART_LINES = 30

METADATA = """\
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/">
<pdfuaid:part>1</pdfuaid:part>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>
<dc:language><rdf:Bag><rdf:li>{language}</rdf:li></rdf:Bag></dc:language>
</rdf:Description></rdf:RDF></x:xmpmeta>"""


def render_letter(award: Award, *, authority: str, language: str) -> bytes:
    """Return the letter of an award as PDF; the same award and language give the same bytes."""
    spoken = choose(language)
    with translation.override(spoken):
        title = gettext("Award of compute time") + " " + award.id
        sheet = Sheet(title=title, language=spoken)
        sheet.set_creation_date(award.granted_at)
        sheet.set_author(authority)
        sheet.add_tagged("P", authority)
        sheet.add_tagged("H1", title, points=HEADING_POINTS)
        sheet.add_tagged("P", write_instant(award.granted_at))
        for paragraph in award.letter:
            sheet.add_tagged("P", translate(paragraph))
    return bytes(sheet.output())


def render_report(
    report: Report, project: Project, facts: ReportFacts, *, authority: str, language: str
) -> bytes:
    """Return a report of a project as PDF, with what the system knows of it."""
    spoken = choose(language)
    with translation.override(spoken):
        is_final = report.kind is ReportKind.FINAL
        title = f"{gettext('Final report') if is_final else gettext('Interim report')} {project.id}"
        sheet = Sheet(title=title, language=spoken)
        sheet.set_creation_date(report.handed_in_at or facts.ends_at)
        sheet.set_author(facts.organisation)
        sheet.add_tagged("P", f"{facts.organisation} – {authority}")
        sheet.add_tagged("H1", title, points=HEADING_POINTS)
        sheet.add_tagged("P", project.name)
        if report.handed_in_at is None:
            sheet.add_tagged("P", gettext("Draft: not handed in."))
        else:
            sheet.add_tagged("P", write_instant(report.handed_in_at))
        for line in tell_facts(facts):
            sheet.add_tagged("P", translate(line))
        for heading, text in (
            (gettext("What came out?"), report.results),
            (gettext("Publications, software, patents"), report.publications),
            (gettext("What should we do better?"), report.feedback),
        ):
            sheet.add_tagged("H2", heading, points=SUBHEADING_POINTS)
            sheet.add_tagged("P", text or "–")
    return bytes(sheet.output())


class Sheet(FPDF):
    """A4 sheets on which every piece of text stands under its tag."""

    def __init__(self, *, title: str, language: str) -> None:
        super().__init__(format="A4", unit="mm")
        self.set_title(title)
        self.set_lang(language)
        self.set_xmp_metadata(METADATA.format(title=escape(title), language=language))
        self.viewer_preferences = ViewerPreferences(display_doc_title=True)
        self.set_margin(MARGIN_MILLIMETRES)
        self.set_auto_page_break(auto=False)
        self.add_font("letter", fname=FONT)
        self.set_font("letter", size=TEXT_POINTS)
        self.add_page()

    def add_tagged(
        self, tag: str, text: str, *, points: int = TEXT_POINTS, is_tight: bool = False
    ) -> None:
        """Write a paragraph or a heading below what is there; a tight one leaves no gap."""
        self.set_font("letter", size=points)
        height = points * LINE_HEIGHT * MILLIMETRES_PER_POINT
        lines = self.multi_cell(
            0, height, text, align="L", dry_run=True, output=MethodReturnValue.LINES
        )
        for part in _part(lines):
            if self.get_y() + len(part) * height > self.h - MARGIN_MILLIMETRES:
                self.add_page()
            number = self.struct_builder.next_mcid_for_page(self.page)
            self._add_marked_content(struct_type=f"/{tag}", mcid=number)
            self._out(f"/{tag} <</MCID {number}>> BDC")
            for line in part:
                self.cell(0, height, line, new_x="LMARGIN", new_y="NEXT")
            self._out("EMC")
        if not is_tight:
            self.ln(height / 2)


def _part(lines: list[str]) -> Iterator[list[str]]:
    rest = iter(lines)
    while part := list(islice(rest, PART_LINES)):
        yield part
