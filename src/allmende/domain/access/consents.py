"""What an applicant declares, kept with the very words, their version and their hash."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from allmende.domain.access.application_forms import ApplicationForm, Section, list_questions
from allmende.domain.access.calls import Call
from allmende.domain.access.modes import FormKind
from allmende.domain.access.questions import Kind
from allmende.domain.access.snapshots import hash_content
from allmende.domain.access.working_days import day_of
from allmende.domain.basics.rules import RuleBook
from allmende.domain.basics.sentences import Sentence

LANGUAGES = ("en", "de")
PUBLICATION = "publish_names"
TERMS = "accepts_terms"


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """A text that people tick, in each language; for the terms, with the terms themselves."""

    name: str  # of the question
    version: str
    texts: Mapping[str, str]
    document: str = ""

    @property
    def content_hash(self) -> str:
        """Return the hash of everything that is declared."""
        parts = {"version": self.version, "texts": self.texts, "document": self.document}
        return hash_content(parts)


@dataclass(frozen=True, kw_only=True)
class Consent:
    """An answer to one text; no is an answer too."""

    name: str = PUBLICATION
    is_given: bool
    version: str
    text: Sentence  # in English
    texts: Mapping[str, str] = field(default_factory=dict)
    content_hash: str = ""  # empty: from before it was kept
    answered_by: str
    answered_at: datetime


def read_declarations(call: Call, asked: FormKind, *, book: RuleBook) -> tuple[Declaration, ...]:
    """Return what a form of the call has people declare, in the words of the day it opened."""
    on = day_of(call.opens_at)
    names = [
        question.name
        for question in list_questions(Section.DECLARATIONS, asked)
        if question.kind is Kind.TICK
    ]
    return tuple(_read(name, call, book=book, on=on) for name in names)


def _read(name: str, call: Call, *, book: RuleBook, on: date) -> Declaration:
    rows = {each: book.get(f"declaration.{name}", on=on, language=each) for each in LANGUAGES}
    version = max(row.valid_from for row in rows.values()).isoformat()
    is_terms = name == TERMS
    return Declaration(
        name=name,
        version=f"{call.terms_version}, {version}" if is_terms else version,
        texts={language: str(row.value) for language, row in rows.items()},
        document=call.terms_text if is_terms else "",
    )


def answer_declarations(
    form: ApplicationForm, declarations: tuple[Declaration, ...], *, by: str, now: datetime
) -> tuple[Consent, ...]:
    """Return every answer with the words that it answers."""
    return tuple(
        Consent(
            name=each.name,
            is_given=getattr(form, each.name),
            version=each.version,
            text=Sentence(each.texts["en"]),
            texts=each.texts,
            content_hash=each.content_hash,
            answered_by=by,
            answered_at=now,
        )
        for each in declarations
    )


def find_publication(consents: tuple[Consent, ...]) -> Consent | None:
    """Return the answer on publication; None where nobody was asked."""
    return next((each for each in consents if each.name == PUBLICATION), None)


def tell_publication(consent: Consent) -> Sentence:
    """Return what the award letter says about it."""
    facts = {"text": consent.text, "version": consent.version}
    if consent.is_given:
        return Sentence("You agreed: “{text}” (version {version} of the text).", facts)
    return Sentence("You did not agree: “{text}” (version {version} of the text).", facts)
