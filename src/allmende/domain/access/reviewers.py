"""A reviewer is an expert from outside the office; a conflict of interest bars them from a file."""

import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from allmende.domain.access.applications import Application
from allmende.domain.access.mergers import Merger, find_family
from allmende.domain.access.organisations import Organisation
from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import InvalidInput, Refusal
from allmende.domain.basics.sentences import Sentence

LOAD_MAX = 50
ENTRIES_MAX = 100
ENTRY_LENGTH_MAX = 200


class ConflictOfInterest(Refusal):
    """This file is closed to you: {conflict} Say so to the programme office if that is wrong."""

    status = 403


class FileIsClosed(Refusal):
    """This file is closed to you. The programme office can tell you more."""

    status = 403


class ReviewerIsBarred(Refusal):
    """{name} cannot review application {application}: {conflict} Choose somebody else."""


class ConflictKind(StrEnum):
    """Why somebody may not review an application."""

    SAME_ORGANISATION = "same_organisation"
    LINKED_ORGANISATION = "linked_organisation"
    SHARED_WORK = "shared_work"
    EXCLUDED_BY_APPLICANT = "excluded_by_applicant"
    DECLARED = "declared"
    FOUND_BY_OFFICE = "found_by_office"


CONFLICT_WORDS: Mapping[ConflictKind, Sentence] = MappingProxyType(
    {
        ConflictKind.SAME_ORGANISATION: Sentence("the reviewer belongs to the applicant."),
        ConflictKind.LINKED_ORGANISATION: Sentence(
            "the reviewer belongs to an organisation that holds a part of the applicant, or of"
            " which the applicant holds one."
        ),
        ConflictKind.SHARED_WORK: Sentence(
            "the reviewer works, or worked in the last three years, with the applicant."
        ),
        ConflictKind.EXCLUDED_BY_APPLICANT: Sentence("the applicant named the reviewer as biased."),
        ConflictKind.DECLARED: Sentence("the reviewer declared a conflict of interest."),
        ConflictKind.FOUND_BY_OFFICE: Sentence("the office found a conflict of interest."),
    }
)


@dataclass(frozen=True, kw_only=True)
class ReviewerProfile:
    """What a reviewer says about themselves."""

    person_id: str
    keywords: tuple[str, ...] = ()
    affiliation: str = ""  # where they work, whether or not it is registered here
    worked_with: tuple[str, ...] = ()  # names or e-mail addresses, of the last three years
    load_limit: int = 3  # the most reviews that they write at a time
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class Background:
    """All that is known of a reviewer when conflicts are looked for."""

    person: Person
    profile: ReviewerProfile
    organisation_names: frozenset[str] = field(default_factory=frozenset)  # of their memberships
    linked_ids: frozenset[str] = field(default_factory=frozenset)  # firms in the graphs of those
    applied_for: frozenset[str] = field(default_factory=frozenset)  # organisations, three years
    colleague_ids: frozenset[str] = field(default_factory=frozenset)  # members of their projects


def check_profile(profile: ReviewerProfile) -> None:
    """Refuse a profile that no proposal could use."""
    if not 1 <= profile.load_limit <= LOAD_MAX:
        raise InvalidInput(
            field="load_limit",
            problem=Sentence("Give a number from 1 to {most}.", {"most": LOAD_MAX}),
        )
    if not profile.keywords:
        raise InvalidInput(field="keywords", problem=Sentence("Name one field at least."))
    for name, entries in (("keywords", profile.keywords), ("worked_with", profile.worked_with)):
        if len(entries) > ENTRIES_MAX or any(len(each) > ENTRY_LENGTH_MAX for each in entries):
            raise InvalidInput(
                field=name,
                problem=Sentence(
                    "Write at most {entries} entries of {length} characters.",
                    {"entries": ENTRIES_MAX, "length": ENTRY_LENGTH_MAX},
                ),
            )


def with_mergers(
    background: Background, merged: Collection[Organisation], mergers: Mapping[str, Merger]
) -> Background:
    """Return the background in which what merged is one: a tie to the one is a tie to the other.

    `merged` are the organisations of which the mergers tell.
    """
    names = {background.profile.affiliation, *background.organisation_names}
    named = {_plain(name) for name in names}
    own = {
        each.id
        for each in merged
        if each.id in background.person.organisation_ids or _plain(each.name) in named
    }
    families = [find_family(each, mergers) for each in own]
    kin: frozenset[str] = frozenset().union(*families)
    return replace(
        background,
        organisation_names=background.organisation_names
        | {each.name for each in merged if each.id in kin},
        linked_ids=kin.union(*(find_family(each, mergers) for each in background.linked_ids)),
        applied_for=background.applied_for.union(
            *(find_family(each, mergers) for each in background.applied_for)
        ),
    )


def find_conflict(
    background: Background, application: Application, *, applicant: Person
) -> ConflictKind | None:
    """Return what bars a reviewer from an application, or None; declared ones stand elsewhere."""
    firm = application.submitted.organisation
    person, form = background.person, application.form
    own_names = {background.profile.affiliation, *background.organisation_names}
    named = {_plain(name) for name in own_names if name.strip()}
    if firm.id in person.organisation_ids or _plain(firm.name) in named:
        return ConflictKind.SAME_ORGANISATION
    others = firm.ownership.firms if firm.ownership else ()
    is_linked = firm.id in background.linked_ids or any(
        other.id in person.organisation_ids or _plain(other.name) in named for other in others
    )
    if is_linked:
        return ConflictKind.LINKED_ORGANISATION
    team = {applicant.name, applicant.email, form.principal_investigator}
    team = {_plain(each) for each in team | {form.principal_investigator_email} if each.strip()}
    itself = {_plain(person.name), _plain(person.email)}
    knows = {_plain(each) for each in background.profile.worked_with}
    if team & (knows | itself) or applicant.id in background.colleague_ids | {person.id}:
        return ConflictKind.SHARED_WORK
    if firm.id in background.applied_for:
        return ConflictKind.SHARED_WORK
    excluded = form.excluded_reviewers.replace(";", "\n").splitlines()
    if {_plain(line) for line in excluded} & itself - {""}:
        return ConflictKind.EXCLUDED_BY_APPLICANT
    return None


def _plain(name: str) -> str:
    """Return a name as it is compared: one space between words, case and composition aside."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
