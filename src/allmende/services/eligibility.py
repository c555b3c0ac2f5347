"""May we apply? Answered for everybody, before any form."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from allmende.domain.access.aid import ReferencePrice, read_price
from allmende.domain.access.calls import AccessRules
from allmende.domain.access.eligibility import answers_for, decide_eligibility
from allmende.domain.access.firms import OwnershipGraph, check_graph
from allmende.domain.access.modes import AccessMode, Price
from allmende.domain.access.sme import SizeResult, classify_size
from allmende.domain.access.verdicts import Answers, EligibilityResult
from allmende.domain.access.working_days import BERLIN, due_after
from allmende.domain.basics.people import Person
from allmende.services import calls, organisations
from allmende.services.calls import CallView


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A mode that fits, the call under which one can apply for it today, and what follows."""

    mode: AccessMode
    view: CallView | None  # None: no call of the mode is open
    decided_by: date | None  # who applies today has the decision by the end of this day


def check_eligibility(answers: Answers, *, rules: AccessRules, on: date) -> EligibilityResult:
    """Return the verdict on these answers by the rules of a day; nothing is kept."""
    return decide_eligibility(answers, rules=rules, on=on)


def list_offers(
    reader: Person, result: EligibilityResult, *, rules: AccessRules, now: datetime
) -> list[Offer]:
    """Return the modes of a result, each with its open call and the day of the decision."""
    views = {view.call.mode_id: view for view in calls.list_open_calls(reader, now=now)}
    found = []
    for mode_id in result.mode_ids:
        view = views.get(mode_id)
        decided_by = None
        if view is not None:
            late_at = due_after(
                view.next_cut_off or now,
                working_days=view.call.decision_working_days,
                land=view.call.land,
            )
            decided_by = (late_at.astimezone(BERLIN) - timedelta(seconds=1)).date()
        mode = rules.get_mode(mode_id, on=result.decided_on)
        found.append(Offer(mode=mode, view=view, decided_by=decided_by))
    return found


def find_worth(
    answers: Answers, result: EligibilityResult, *, rules: AccessRules
) -> tuple[int, ReferencePrice] | None:
    """Return the cents that free time is worth, and the dated price behind it; None if unknown."""
    if result.price is not Price.FREE or answers.requested_seconds is None:
        return None
    price = read_price(rules.book, on=result.decided_on, partition_id="", unit=answers.unit)
    return price.worth_cents(answers.requested_seconds), price


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
