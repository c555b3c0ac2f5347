"""What an applicant agrees to beside the terms, kept with the very words and their version."""

from dataclasses import dataclass
from datetime import datetime

from allmende.domain.basics.sentences import Sentence

# A new text is a new version: what was agreed to before stays with its own words.
PUBLICATION_VERSION = "2026-1"
PUBLICATION_TEXT = Sentence("Our name and the title may be published")


@dataclass(frozen=True, kw_only=True)
class Consent:
    """An answer to one text; no is an answer too."""

    is_given: bool
    version: str
    text: Sentence
    answered_by: str
    answered_at: datetime


def answer_publication(*, is_given: bool, by: str, now: datetime) -> Consent:
    """Return the answer to the text on publication that is in force."""
    return Consent(
        is_given=is_given,
        version=PUBLICATION_VERSION,
        text=PUBLICATION_TEXT,
        answered_by=by,
        answered_at=now,
    )


def tell_publication(consent: Consent) -> Sentence:
    """Return what the award letter says about it."""
    facts = {"text": consent.text, "version": consent.version}
    if consent.is_given:
        return Sentence("You agreed: “{text}” (version {version} of the text).", facts)
    return Sentence("You did not agree: “{text}” (version {version} of the text).", facts)
