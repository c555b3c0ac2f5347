"""What the project is about."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from allmende.domain.access import questions as ask
from allmende.domain.access.modes import FormKind
from allmende.domain.access.sections.panels import PANEL_NAMES, ErcPanel
from allmende.domain.access.verdicts import ProjectPurpose
from allmende.domain.basics.sentences import Sentence

SUMMARY_MIN_LENGTH = 40
HUNDRED_PERCENT = 100
PURPOSE_WORDS: Mapping[ProjectPurpose, str] = {
    ProjectPurpose.PRIVATE_INNOVATION: "A product, a service or a process of our own",
    ProjectPurpose.RESEARCH: "Research whose results are published",
    ProjectPurpose.EU_PROJECT: (
        "A project under Horizon Europe or Digital Europe, or with a Seal of Excellence"
    ),
    ProjectPurpose.COMMISSIONED: "Work that a company ordered and will own",
}


class ApplicationType(StrEnum):
    """From which world an application comes."""

    SCIENTIFIC = "scientific"
    INDUSTRIAL = "industrial"
    PUBLIC_SECTOR = "public_sector"


TYPE_WORDS: Mapping[ApplicationType, str] = {
    ApplicationType.SCIENTIFIC: "Science",
    ApplicationType.INDUSTRIAL: "Industry",
    ApplicationType.PUBLIC_SECTOR: "Public administration",
}


@dataclass(frozen=True, kw_only=True)
class ResearchField:
    """A field of research and its part of the project."""

    panel: ErcPanel | None = ask.choice(
        ErcPanel, PANEL_NAMES, "Panel of the European Research Council"
    )
    share_percent: int | None = ask.whole("Share in per cent", least=1, most=HUNDRED_PERCENT)


@dataclass(frozen=True, kw_only=True)
class ProjectAnswers:
    """The project."""

    title: str = ask.line("Title of the project", need="Give the project a title.")
    purpose: ProjectPurpose | None = ask.choice(
        ProjectPurpose,
        PURPOSE_WORDS,
        "What do you need the compute time for?",
        need="Say what the compute time is for.",
    )
    summary: str = ask.text(
        "In a few sentences: what will you train, and what for?",
        hint="At least 40 characters. Two or three sentences are enough.",
        length=10_000,
    )
    problem: str = ask.text(
        "Which scientific or technical problem do you solve?",
        hint="The goals, what others have reached, and where you stand. Reviewers judge by this.",
        need="Describe the problem, its goals and where you stand.",
        length=8_000,
        forms=ask.FULL,
    )
    keywords: str = ask.line(
        "Keywords",
        hint="A few words that name the field, parted by commas. They help to find reviewers.",
        need="Give a few keywords.",
        forms=ask.FULL,
    )
    application_type: ApplicationType | None = ask.choice(
        ApplicationType,
        TYPE_WORDS,
        "What kind of application is it?",
        need="Say what kind of application it is.",
        forms=ask.FULL,
    )
    research_fields: tuple[ResearchField, ...] = ask.rows(
        ResearchField,
        "Fields of research",
        hint="With their share of the project; the shares are at most 100 together.",
        need="Name one field of research at least.",
        forms=ask.FULL,
    )
    sector: str = ask.line(
        "Economic sector (NACE code)",
        hint="As in the commercial register, such as 62.10. Only for companies.",
        length=10,
        forms=ask.FULL,
    )
    is_civilian: bool | None = ask.yes_no(
        "Does the project serve civilian purposes only?",
        need="Say whether the project serves civilian purposes.",
    )
    is_confidential: bool = ask.tick(
        "Keep the description confidential",
        hint="Then only the number and the size of the award are published.",
        default=True,
    )
    confidential_parts: str = ask.text(
        "Which parts are confidential?",
        hint="Office and reviewers see them marked at the head of the application.",
        length=1_000,
        forms=ask.FULL,
    )
    blueprint_id: str = ask.line("Blueprint", forms=ask.NONE)


def review_project(answers: ProjectAnswers, form: FormKind) -> dict[str, Sentence]:
    """Return what the answers contradict or lack beyond the needs of single questions."""
    found: dict[str, Sentence] = {}
    if len(answers.summary.strip()) < SUMMARY_MIN_LENGTH:
        found["summary"] = Sentence(
            "Describe the project in at least {length} characters.", {"length": SUMMARY_MIN_LENGTH}
        )
    if form is FormKind.SHORT:
        return found
    rows = answers.research_fields
    if any(row.panel is None or row.share_percent is None for row in rows):
        found["research_fields"] = Sentence("Give each field of research its panel and its share.")
    total = sum(row.share_percent or 0 for row in rows)
    if total > HUNDRED_PERCENT:
        found["research_fields"] = Sentence(
            "The shares add up to {total} per cent. Lower them to 100 together.", {"total": total}
        )
    if answers.sector and not _is_nace(answers.sector):
        found["sector"] = Sentence("A NACE code looks like 62, 62.1 or 62.10.")
    return found


def _is_nace(code: str) -> bool:
    division, dot, rest = code.partition(".")
    digits = [division, rest] if dot else [division]
    is_number = all(each.isascii() and each.isdigit() for each in digits)
    return is_number and len(division) == 2 and len(rest) <= 2
