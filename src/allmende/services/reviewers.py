"""Reviewers: what they say about themselves, and what bars them from an application."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from allmende.domain.access.applications import Application
from allmende.domain.access.reviewers import (
    Background,
    ConflictKind,
    ReviewerProfile,
    check_profile,
    find_conflict,
    with_mergers,
)
from allmende.domain.basics.people import Person, Role
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import audit
from allmende.services.deeds import Deed, one_transaction
from allmende.storage import applications as application_store
from allmende.storage import expert_reviews as store
from allmende.storage import mergers as merger_store
from allmende.storage import organisations as organisation_store
from allmende.storage import people as people_store
from allmende.storage import projects as project_store

RECENT = timedelta(days=3 * 365)


@dataclass(frozen=True, kw_only=True)
class ReviewerView:
    """A reviewer, what they say about themselves, and how many reviews they owe."""

    person: Person
    profile: ReviewerProfile
    open_reviews: int

    @property
    def free_load(self) -> int:
        """Return how many more reviews they take."""
        return max(self.profile.load_limit - self.open_reviews, 0)


@one_transaction
def save_profile(
    deed: Deed,
    *,
    keywords: Collection[str],
    affiliation: str = "",
    worked_with: Collection[str] = (),
    load_limit: int = 3,
) -> ReviewerProfile:
    """Write one's own profile as a reviewer."""
    check_permission(deed.actor, Permission.WRITE_REVIEW)
    profile = ReviewerProfile(
        person_id=deed.actor.id,
        keywords=_entries(keywords),
        affiliation=affiliation.strip(),
        worked_with=_entries(worked_with),
        load_limit=load_limit,
        updated_at=deed.now,
    )
    check_profile(profile)
    store.save_profile(profile)
    audit.record(deed, action="reviewer.profile_saved", subject=deed.actor.id)
    return profile


def get_own_profile(reader: Person, *, now: datetime) -> ReviewerProfile:
    """Return one's own profile, empty where nothing was said yet."""
    check_permission(reader, Permission.SEE_REVIEW)
    return store.list_profiles([reader.id]).get(reader.id) or _nothing_said(reader.id, now)


def list_reviewers(reader: Person, *, now: datetime) -> list[ReviewerView]:
    """Return everybody who reviews, to the office."""
    check_permission(reader, Permission.MANAGE_REVIEWS)
    people = people_store.list_by_role(Role.REVIEWER)
    profiles = store.list_profiles([person.id for person in people])
    owed = store.count_open_reviews()
    return [
        ReviewerView(
            person=person,
            profile=profiles.get(person.id) or _nothing_said(person.id, now),
            open_reviews=owed.get(person.id, 0),
        )
        for person in people
    ]


def find_conflicts(
    applications: Collection[Application], reviewer_ids: Collection[str], *, now: datetime
) -> dict[tuple[str, str], ConflictKind]:
    """Return what bars which reviewer from which application, in a fixed number of queries."""
    backgrounds = _load_backgrounds(reviewer_ids, now=now)
    applicants = people_store.list_by_ids(each.applicant_id for each in applications)
    found = {
        (application.id, reviewer_id): find_conflict(
            background, application, applicant=applicants[application.applicant_id]
        )
        for application in applications
        for reviewer_id, background in backgrounds.items()
    }
    return {pair: conflict for pair, conflict in found.items() if conflict is not None}


def _load_backgrounds(reviewer_ids: Collection[str], *, now: datetime) -> Mapping[str, Background]:
    people = people_store.list_by_ids(reviewer_ids)
    profiles = store.list_profiles(reviewer_ids)
    own_ids: frozenset[str] = frozenset().union(
        *(each.organisation_ids for each in people.values())
    )
    organisations = organisation_store.list_organisations(ids=own_ids, limit=len(own_ids))
    known = {each.id: each for each in organisations}
    applied = application_store.list_organisations_of(reviewer_ids, since=now - RECENT)
    colleagues = project_store.list_colleagues(reviewer_ids)
    mergers = merger_store.list_mergers()
    merged_ids = frozenset(mergers) | {each.into_id for each in mergers.values()}
    merged = organisation_store.list_organisations(ids=merged_ids, limit=len(merged_ids))
    backgrounds = {}
    for person_id, person in people.items():
        own = [known[each] for each in person.organisation_ids if each in known]
        graphs = [each.ownership for each in own if each.ownership]
        background = Background(
            person=person,
            profile=profiles.get(person_id) or _nothing_said(person_id, now),
            organisation_names=frozenset(each.name for each in own),
            linked_ids=frozenset(firm.id for graph in graphs for firm in graph.firms),
            applied_for=frozenset(firm for applicant, firm in applied if applicant == person_id),
            colleague_ids=frozenset(colleagues[person_id]),
        )
        backgrounds[person_id] = with_mergers(background, merged, mergers)
    return backgrounds


def _entries(written: Collection[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(" ".join(each.split()) for each in written if each.strip()))


def _nothing_said(person_id: str, now: datetime) -> ReviewerProfile:
    return ReviewerProfile(person_id=person_id, updated_at=now)
