"""Eligibility once more, at the award: by the rules and the figures of that day."""

from dataclasses import dataclass

from allmende.domain.access.applications import Application
from allmende.domain.access.organisations import Organisation
from allmende.domain.access.verdicts import EligibilityResult, Verdict
from allmende.domain.basics.refusals import Refusal

# The award itself is weighed against this ceiling, with all that was granted before.
WEIGHED_BY_THE_AWARD = "aid.de_minimis_ceiling"


class NoLongerEligible(Refusal):
    """Application {application} is not eligible any more: {why} Refuse it, or ask the applicant."""


class EligibilityIsOpenAgain(Refusal):
    """Since application {application} was handed in, something became open that decides: {why} Ask
    the applicant to complete it, or refuse the application."""


@dataclass(frozen=True, kw_only=True)
class Recheck:
    """The evidence: what was known of the organisation, the verdict, and the rules of that day."""

    organisation: Organisation
    eligibility: EligibilityResult
    rules_hash: str


def check_recheck(application: Application, recheck: Recheck) -> None:
    """Refuse what is ineligible by now, and what is open by now and was not at submission.

    What was open at submission, the programme office has settled in writing.
    """
    result = recheck.eligibility
    if result.verdict is Verdict.INELIGIBLE:
        raise NoLongerEligible(application=application.id, why=result.first_reason.sentence)
    if result.verdict is Verdict.UNRESOLVED:
        settled = _list_open(application.submitted.eligibility) | {WEIGHED_BY_THE_AWARD}
        for reason in result.reasons:
            if reason.verdict is Verdict.UNRESOLVED and reason.rule not in settled:
                raise EligibilityIsOpenAgain(application=application.id, why=reason.sentence)


def _list_open(result: EligibilityResult) -> set[str]:
    return {reason.rule for reason in result.reasons if reason.verdict is Verdict.UNRESOLVED}
