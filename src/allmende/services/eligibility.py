"""May we apply? Answered for everybody, before any form."""

from datetime import date

from allmende.domain.access.calls import AccessRules
from allmende.domain.access.eligibility import answers_for, decide_eligibility
from allmende.domain.access.firms import OwnershipGraph, check_graph
from allmende.domain.access.sme import SizeResult, classify_size
from allmende.domain.access.verdicts import Answers, EligibilityResult
from allmende.domain.basics.people import Person
from allmende.services import organisations


def check_eligibility(answers: Answers, *, rules: AccessRules, on: date) -> EligibilityResult:
    """Return the verdict on these answers by the rules of a day; nothing is kept."""
    return decide_eligibility(answers, rules=rules, on=on)


def find_size(
    graph: OwnershipGraph, firm_id: str = "", *, rules: AccessRules, on: date
) -> SizeResult:
    """Return the size class of a firm, the first one unless it is named, with its proof."""
    check_graph(graph, on=on)
    return classify_size(graph, firm_id or graph.firms[0].id, book=rules.book, on=on)


def check_organisation(
    reader: Person, organisation_id: str, *, answers: Answers, rules: AccessRules, on: date
) -> EligibilityResult:
    """Return the verdict for a registered organisation, whose figures and owners are known."""
    organisation = organisations.get_organisation(reader, organisation_id)
    known = answers_for(organisation, answers, book=rules.book, on=on)
    return decide_eligibility(known, rules=rules, on=on)
