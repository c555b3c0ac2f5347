"""A decision follows from what it rested on, or what does not is named."""

from dataclasses import replace

import pytest

from allmende.domain.access import applications
from allmende.domain.access.applications import ApplicationState
from allmende.domain.access.awards import AwardDecision, grant
from allmende.domain.access.eligibility import answers_for
from allmende.domain.access.rechecks import (
    WEIGHED_BY_THE_AWARD,
    EligibilityIsOpenAgain,
    NoLongerEligible,
    Recheck,
    check_recheck,
)
from allmende.domain.access.recomputations import Grounds, recompute
from allmende.domain.access.verdicts import EligibilityResult, Reason, Verdict
from allmende.domain.basics.sentences import Sentence
from tests.domain.access.building import (
    BOOK,
    HOUR,
    LARGE,
    NOON,
    PLAYGROUND,
    TODAY,
    draft,
    form,
    frozen,
    graph,
    organisation,
)
from tests.domain.access.reviewing import PLAN, assessment, review

WHY = Sentence("Because.")
GROWN = organisation(ownership=graph([LARGE]))
DECISION = AwardDecision(
    award_id="aw-1", project_id="prj-1", seconds=HOUR, granted_at=NOON, granted_by="p-8"
)


def handed_in(firm=organisation(), **mode):
    """Hand in an application as it is done: the verdict follows from the answers of its firm."""
    asked = draft()
    given = answers_for(firm, applications.answers_of(asked, PLAYGROUND), book=BOOK, on=TODAY)
    snapshot = replace(frozen(given=given), organisation=firm)
    snapshot = replace(snapshot, mode=replace(snapshot.mode, **mode))
    return applications.submit(asked, frozen=snapshot, now=NOON)


def awarded(application):
    """Return the grounds of an award on what was assessed, and reviewed where its mode says so."""
    application = applications.award(application, why=WHY, now=NOON)
    kept = application.submitted
    recheck = Recheck(
        organisation=kept.organisation, eligibility=kept.eligibility, rules_hash="r" * 64
    )
    return Grounds(
        application=application,
        rules=BOOK,
        award_rules=BOOK,
        assessment=assessment(),
        award=replace(grant(application, DECISION), recheck=recheck),
    )


RUNS = handed_in()
ENDED = handed_in(GROWN)
AWARDED = awarded(applications.assess(RUNS, is_feasible=True))
WITH_EXPERTS = applications.assess(handed_in(review=PLAN), is_feasible=True)
REVIEWED = awarded(
    applications.close_panel(applications.complete_reviews(WITH_EXPERTS, now=NOON), now=NOON)
)
BOTH = (review(1, 4, 4, 4), review(2, 4, 4, 4))


def grounds(application, **facts):
    return Grounds(application=application, rules=BOOK, **facts)


def tampered(known, **facts):
    return replace(known, application=replace(known.application, **facts))


@pytest.mark.parametrize(
    "known",
    [
        grounds(RUNS),
        grounds(ENDED),
        AWARDED,
        replace(AWARDED, award=replace(AWARDED.award, recheck=None)),
        replace(REVIEWED, reviews=BOTH),
        # Who took it back, or was upheld, went on whatever the rules say; then the clock is new.
        tampered(grounds(ENDED), state=ApplicationState.WITHDRAWN),
        tampered(
            grounds(ENDED, was_reopened=True),
            state=ApplicationState.TECHNICAL_ASSESSMENT,
            due_at=NOON,
        ),
    ],
)
def test_what_was_decided_by_the_rules_follows_from_its_grounds(known):
    assert recompute(known) == []


@pytest.mark.parametrize(
    ("known", "problems"),
    [
        (
            tampered(grounds(RUNS), form=form(is_prohibited_practice=True)),
            ["say ineligible, on other grounds than eligible.", "It went on, and the rules say"],
        ),
        (tampered(grounds(RUNS), state=ApplicationState.INELIGIBLE), ["It ended as not eligible"]),
        (
            tampered(grounds(ENDED), state=ApplicationState.TECHNICAL_ASSESSMENT),
            ["It went on, and the rules say that it is not eligible."],
        ),
        (tampered(grounds(RUNS), cut_off_at=NOON), ["of another cut-off than the next one"]),
        (tampered(grounds(RUNS), due_at=NOON), ["was due at another instant: 2026-11-25"]),
        (replace(AWARDED, award=None), ["It is awarded, and there is no award."]),
        (tampered(AWARDED, state=ApplicationState.REFUSED), ["There is an award, and it is not"]),
        (replace(AWARDED, assessment=None), ["awarded without a technical assessment."]),
        (
            replace(AWARDED, assessment=assessment(is_feasible=False)),
            ["The award would be refused: "],
        ),
        (
            replace(AWARDED, award=replace(AWARDED.award, seconds=5 * HOUR)),
            ["The award would be refused: "],
        ),
        (
            replace(
                AWARDED,
                award=replace(
                    AWARDED.award, recheck=replace(AWARDED.award.recheck, organisation=GROWN)
                ),
            ),
            ["The award would be refused: Application app-1 is not eligible any more"],
        ),
        (replace(REVIEWED, reviews=BOTH[:1]), ["Application app-1 has 1 reviews that count"]),
    ],
)
def test_what_does_not_follow_is_named(known, problems):
    found = [each.english() for each in recompute(known)]
    assert len(found) == len(problems)
    for sentence, words in zip(found, problems, strict=True):
        assert words in sentence


def result_of(verdict, *unresolved):
    """Return a verdict, with the rules that are open."""
    rules = [(rule, Verdict.UNRESOLVED) for rule in unresolved] or [("country", verdict)]
    reasons = tuple(
        Reason(rule=rule, verdict=said, sentence=Sentence(f"Says {rule}."), article="", source="")
        for rule, said in rules
    )
    return EligibilityResult(verdict=verdict, reasons=reasons, decided_on=TODAY)


def recheck(before, now):
    application = replace(RUNS, frozen=replace(RUNS.submitted, eligibility=before))
    check_recheck(
        application, Recheck(organisation=organisation(), eligibility=now, rules_hash="r" * 64)
    )


def test_what_became_ineligible_is_not_awarded():
    before = result_of(Verdict.ELIGIBLE)
    recheck(before, before)
    with pytest.raises(NoLongerEligible, match=r"Says country\."):
        recheck(before, result_of(Verdict.INELIGIBLE))


def test_what_became_open_is_not_awarded_and_what_was_settled_in_writing_is():
    eligible, settled = result_of(Verdict.ELIGIBLE), result_of(Verdict.UNRESOLVED, "size")
    aid = result_of(Verdict.UNRESOLVED, WEIGHED_BY_THE_AWARD)  # by the award itself
    both = result_of(Verdict.UNRESOLVED, "size", "contract")
    recheck(settled, settled)
    recheck(eligible, aid)
    for before, now, open_rule in ((eligible, settled, "size"), (settled, both, "contract")):
        with pytest.raises(EligibilityIsOpenAgain, match=rf"Says {open_rule}\."):
            recheck(before, now)
