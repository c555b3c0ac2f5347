"""What bars a reviewer from an application."""

from dataclasses import replace

import pytest

from allmende.domain.access import applications
from allmende.domain.access.mergers import Merger
from allmende.domain.access.reviewers import (
    CONFLICT_WORDS,
    Background,
    ConflictKind,
    ReviewerProfile,
    check_profile,
    find_conflict,
    with_mergers,
)
from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import InvalidInput
from tests.domain.access.building import (
    NOON,
    SMALL,
    draft,
    form,
    frozen,
    graph,
    holds,
    organisation,
    owner,
)

APPLICANT = Person(id="p-1", name="Ada Beispiel", email="ada@x.example")
OWNED = graph([SMALL, owner("fund", "venture_capital")], [holds("fund", "x", 12)])


def background(*, organisations=(), name="Prof. Xenia", email="xenia@y.example", **facts):
    profile = ReviewerProfile(
        person_id="p-2",
        keywords=("images",),
        updated_at=NOON,
        **{key: facts.pop(key) for key in ("affiliation", "worked_with") if key in facts},
    )
    person = Person(id="p-2", name=name, email=email, organisation_ids=frozenset(organisations))
    return Background(person=person, profile=profile, **facts)


def application(*, ownership=OWNED, **answers):
    handed_in = applications.submit(
        draft(), frozen=replace(frozen(), organisation=organisation(ownership=ownership)), now=NOON
    )
    return replace(handed_in, form=form(**answers))


@pytest.mark.parametrize(
    ("known", "kind"),
    [
        (background(), None),
        (background(affiliation="Universität Y", worked_with=("Somebody Else",)), None),
        (background(organisations=["x"]), ConflictKind.SAME_ORGANISATION),
        (background(affiliation="HERZSCHLAG  GmbH"), ConflictKind.SAME_ORGANISATION),
        (
            background(organisation_names=frozenset({"Herzschlag GmbH"})),
            ConflictKind.SAME_ORGANISATION,
        ),
        (background(affiliation="Fund"), ConflictKind.LINKED_ORGANISATION),
        (background(organisations=["fund"]), ConflictKind.LINKED_ORGANISATION),
        (background(linked_ids=frozenset({"x"})), ConflictKind.LINKED_ORGANISATION),
        (background(worked_with=("ada  BEISPIEL",)), ConflictKind.SHARED_WORK),
        (background(worked_with=("ada@herzschlag.example",)), ConflictKind.SHARED_WORK),
        (background(email="ada@x.example"), ConflictKind.SHARED_WORK),
        (background(colleague_ids=frozenset({"p-1"})), ConflictKind.SHARED_WORK),
        (background(applied_for=frozenset({"x"})), ConflictKind.SHARED_WORK),
    ],
)
def test_what_is_close_to_the_applicant_is_a_conflict(known, kind):
    assert find_conflict(known, application(), applicant=APPLICANT) is kind


@pytest.mark.parametrize("line", ["prof. xenia", "Rival; XENIA@y.example", "Rival\nProf.  Xenia"])
def test_whom_the_applicant_names_is_excluded(line):
    asked = application(excluded_reviewers=line)
    kind = find_conflict(background(), asked, applicant=APPLICANT)
    assert kind is ConflictKind.EXCLUDED_BY_APPLICANT


def test_an_applicant_without_a_graph_has_no_linked_firms():
    known = background(affiliation="Fund", email="")
    asked = application(ownership=None, excluded_reviewers=";")
    assert find_conflict(known, asked, applicant=APPLICANT) is None


def merged(of, into):
    return Merger(
        organisation_id=of,
        into_id=into,
        on=NOON.date(),
        reason="HRB 4711",
        recorded_at=NOON,
        recorded_by="p-olga",
    )


HEIR = organisation(id="heir", name="Heir AG")
GONE = organisation(id="gone", name="Gone GmbH")
MERGERS = {"x": merged("x", "heir"), "gone": merged("gone", "heir")}


@pytest.mark.parametrize(
    ("known", "kind"),
    [
        (background(organisations=["heir"]), ConflictKind.SAME_ORGANISATION),
        (background(affiliation="heir  ag"), ConflictKind.SAME_ORGANISATION),
        (background(affiliation="Gone GmbH"), ConflictKind.SAME_ORGANISATION),
        (background(organisation_names=frozenset({"Heir AG"})), ConflictKind.SAME_ORGANISATION),
        (background(linked_ids=frozenset({"gone"})), ConflictKind.LINKED_ORGANISATION),
        (background(applied_for=frozenset({"heir"})), ConflictKind.SHARED_WORK),
        (background(organisations=["other"], affiliation="Other"), None),
    ],
)
def test_a_tie_to_one_of_what_merged_is_a_tie_to_the_others(known, kind):
    assert find_conflict(known, application(ownership=None), applicant=APPLICANT) is None
    wider = with_mergers(known, [organisation(), HEIR, GONE], MERGERS)
    assert find_conflict(wider, application(ownership=None), applicant=APPLICANT) is kind


def test_every_conflict_has_its_words():
    assert set(CONFLICT_WORDS) == set(ConflictKind)


@pytest.mark.parametrize(
    "wrong",
    [
        {"load_limit": 0},
        {"load_limit": 51},
        {"keywords": ()},
        {"keywords": ("x" * 201,)},
        {"worked_with": ("x",) * 101},
    ],
)
def test_a_profile_that_no_proposal_could_use_is_refused(wrong):
    fine = ReviewerProfile(person_id="p", keywords=("x",), updated_at=NOON)
    check_profile(fine)
    with pytest.raises(InvalidInput):
        check_profile(replace(fine, **wrong))
