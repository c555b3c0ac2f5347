"""A merger is recorded once, told to the members, and counts wherever the organisation does."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from allmende.domain.access.mergers import OrganisationHasMerged
from allmende.domain.access.message_kinds import MessageKind
from allmende.domain.access.projects import ProjectState
from allmende.domain.access.reviewers import ConflictKind
from allmende.domain.basics.people import Role
from allmende.domain.basics.refusals import NotFound, NotPermitted
from allmende.services import (
    applications,
    audit,
    changes,
    mail,
    mergers,
    projects,
    reviewers,
)
from allmende.storage import organisations as organisation_store
from tests.services.access import (
    CALL_ID,
    HOUR,
    NOON,
    RULES,
    assessed,
    awarded,
    deed,
    drafted,
    founder,
    officer,
    open_playground,
    person,
)

pytestmark = pytest.mark.django_db
DAY = date(2026, 11, 1)


def merge(one, other, *, by=None, on=DAY, why="HRB 4711"):
    return mergers.record_merger(deed(by or officer()), one.id, into_id=other.id, on=on, reason=why)


@pytest.fixture
def firms():
    """Return two founders and their firms, which have names of their own."""
    open_playground()
    ada, one = founder("ada")
    bob, other = founder("bob")
    (itself,) = other.ownership.firms
    graph = replace(other.ownership, firms=(replace(itself, name="Lunge SE"),))
    other = replace(other, name="Lunge SE", ownership=graph)
    organisation_store.save_organisation(other)
    return ada, one, bob, other


def test_a_merger_is_recorded_and_told_once(firms):
    ada, one, bob, other = firms
    olga = officer()
    recorded = merge(one, other, by=olga)
    assert merge(one, other, by=olga) == recorded
    (view,) = mergers.list_mergers(olga)
    assert (view.merger, view.name, view.heir) == (recorded, one.name, other.name)
    assert mergers.list_own_mergers(ada) == [view]
    assert mergers.list_own_mergers(bob) == []
    told = [each.kind for each in mail.list_own_messages(ada)]
    assert told == [MessageKind.ORGANISATION_MERGED]
    assert mail.list_own_messages(bob) == []
    auditor = person("auditor", Role.AUDITOR)
    events = audit.list_events(auditor, subject=one.id, limit=100)
    assert [each.action for each in events].count("organisation.merged") == 1


def test_only_the_office_records_it_and_only_of_organisations_that_exist(firms):
    ada, one, _, other = firms
    with pytest.raises(NotPermitted):
        merge(one, other, by=ada)
    with pytest.raises(NotPermitted):
        mergers.list_mergers(ada)
    with pytest.raises(NotFound):
        mergers.record_merger(deed(officer()), one.id, into_id="org-none", on=DAY, reason="x")


def test_nothing_new_for_what_merged_and_its_projects_go_on(firms):
    ada, one, bob, other = firms
    project = projects.get_project(ada, awarded(ada, one).project_id)
    asked = changes.ask_for_change(
        deed(ada), project.id, rules=RULES, months=1, reason="More data."
    )
    draft = drafted(ada, one)
    merge(one, other)
    with pytest.raises(OrganisationHasMerged, match=f"Apply as {other.name}"):
        applications.start_application(deed(ada), call_id=CALL_ID, organisation_id=one.id)
    with pytest.raises(OrganisationHasMerged):
        applications.submit_application(deed(ada), draft.id, rules=RULES)
    with pytest.raises(OrganisationHasMerged):
        changes.approve_change(deed(officer()), asked.id, rules=RULES)
    changes.withdraw_change(deed(ada), asked.id)
    with pytest.raises(OrganisationHasMerged):
        changes.ask_for_change(
            deed(ada), project.id, rules=RULES, seconds=HOUR, reason="More data."
        )
    after = projects.get_project(ada, project.id)
    assert (after.state, after.period) == (ProjectState.ACTIVE, project.period)
    assert drafted(bob, other).organisation_id == other.id


@pytest.mark.parametrize("of_reviewer", [0, 1])
def test_a_conflict_with_the_one_is_a_conflict_with_the_other(firms, of_reviewer):
    ada, one, bob, other = firms
    own, their, who = ((one, other, bob), (other, one, ada))[of_reviewer]
    application = assessed(who, their)
    rita = person("rita", Role.REVIEWER, organisation_ids=[own.id])
    later = NOON + timedelta(days=1)

    def find():
        return reviewers.find_conflicts([application], [rita.id], now=later)

    assert find() == {}
    merge(one, other)
    assert find() == {(application.id, rita.id): ConflictKind.SAME_ORGANISATION}


def test_who_only_names_where_they_work_has_the_conflict_too(firms):
    _, one, bob, other = firms
    application = assessed(bob, other)
    rita = person("rita", Role.REVIEWER)
    reviewers.save_profile(
        deed(rita), keywords=["images"], affiliation=one.name.upper(), worked_with=[], load_limit=3
    )
    merge(one, other)
    found = reviewers.find_conflicts([application], [rita.id], now=NOON)
    assert found == {(application.id, rita.id): ConflictKind.SAME_ORGANISATION}
