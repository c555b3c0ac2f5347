"""Decisions worked out once more from what they rested on, so that nobody has to be believed.

The verdict follows from the frozen answers and the rules of its day, the deadline from the frozen
call, an award from the assessment, the reviews and what the rules said on its day.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from allmende.domain.access.applications import Application, ApplicationState, answers_of
from allmende.domain.access.awards import Award, check_award
from allmende.domain.access.calls import AccessRules
from allmende.domain.access.eligibility import answers_for, decide_for_call
from allmende.domain.access.expert_reviews import Review
from allmende.domain.access.gates import check_gates
from allmende.domain.access.modes import Modes
from allmende.domain.access.organisations import Organisation
from allmende.domain.access.rechecks import check_recheck
from allmende.domain.access.reviews import TechnicalAssessment
from allmende.domain.access.verdicts import EligibilityResult, Verdict
from allmende.domain.access.working_days import due_after
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.rules import RuleBook
from allmende.domain.basics.sentences import Sentence


@dataclass(frozen=True, kw_only=True)
class Grounds:
    """What the decisions on one application rested on."""

    application: Application
    rules: RuleBook  # in force when it was handed in
    award_rules: RuleBook | None = None  # in force when it was awarded
    assessment: TechnicalAssessment | None = None
    reviews: Sequence[Review] = ()
    award: Award | None = None
    was_reopened: bool = False  # an appeal was upheld: the clock began anew


def recompute(grounds: Grounds) -> list[Sentence]:
    """Return everything that does not follow from the grounds; nothing: all of it does."""
    return [*_find_in_submission(grounds), *_find_in_award(grounds)]


def _find_in_submission(grounds: Grounds) -> Iterator[Sentence]:
    application, frozen = grounds.application, grounds.application.submitted
    verdict = _decide(grounds, frozen.organisation, frozen.eligibility, grounds.rules)
    if _essence(verdict) != _essence(frozen.eligibility):
        facts = {"kept": frozen.eligibility.verdict.value, "found": verdict.verdict.value}
        yield Sentence("The rules of that day say {found}, on other grounds than {kept}.", facts)
    is_refused = application.state is ApplicationState.INELIGIBLE
    if verdict.verdict is Verdict.ELIGIBLE and is_refused:
        yield Sentence("It ended as not eligible, and the rules say that it is.")
    is_excused = grounds.was_reopened or application.state is ApplicationState.WITHDRAWN
    if verdict.verdict is Verdict.INELIGIBLE and not is_refused and not is_excused:
        yield Sentence("It went on, and the rules say that it is not eligible.")
    submitted_at = application.submitted_at or application.started_at
    if application.cut_off_at != frozen.call.next_cut_off(submitted_at):
        yield Sentence("It stands in the round of another cut-off than the next one.")
    due_at = due_after(
        application.cut_off_at or submitted_at,
        working_days=frozen.call.decision_working_days,
        land=frozen.call.land,
    )
    if application.due_at != due_at and not grounds.was_reopened:
        yield Sentence("Its decision was due at another instant: {due_at}.", {"due_at": due_at})


def _find_in_award(grounds: Grounds) -> Iterator[Sentence]:
    application, award = grounds.application, grounds.award
    if award is None:
        if application.state is ApplicationState.AWARDED:
            yield Sentence("It is awarded, and there is no award.")
        return
    if application.state is not ApplicationState.AWARDED:
        yield Sentence("There is an award, and it is not awarded.")
    if grounds.assessment is None:
        yield Sentence("It was awarded without a technical assessment.")
        return
    try:
        check_award(application, assessment=grounds.assessment, seconds=award.seconds)
        check_gates(application, grounds.reviews)
        if award.recheck is not None and grounds.award_rules is not None:
            known = award.recheck.organisation
            again = _decide(grounds, known, award.recheck.eligibility, grounds.award_rules)
            check_recheck(application, replace(award.recheck, eligibility=again))
    except Refusal as refusal:
        yield Sentence("The award would be refused: {why}", {"why": refusal.sentence})


def _decide(
    grounds: Grounds, organisation: Organisation, kept: EligibilityResult, book: RuleBook
) -> EligibilityResult:
    """Ask the rules once more, on the day on which they were asked."""
    frozen = grounds.application.submitted
    call = replace(frozen.call, mode=frozen.mode)
    rules = AccessRules(book=book, modes=Modes((frozen.mode,)))
    answers = answers_of(grounds.application, call)
    known = answers_for(organisation, answers, book=book, on=kept.decided_on)
    return decide_for_call(known, call, rules=rules, on=kept.decided_on)


def _essence(result: EligibilityResult) -> object:
    """Return what a verdict says and why, without its wording, which may change."""
    reasons = [(each.rule, each.verdict, dict(each.numbers)) for each in result.reasons]
    return (result.verdict, result.route, result.price, result.group_id, reasons)
