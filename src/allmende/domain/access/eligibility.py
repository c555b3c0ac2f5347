"""May this organisation use that machine for this, by which route, and at what price?

Decision tables T1 to T8. A table is data: its rows are read from the top, the first that fits
decides, and every answer, an unknown one too, fits a row. Nothing passes in silence.
"""

from dataclasses import replace
from datetime import date

from allmende.domain.access.aid_advice import weigh_state_aid
from allmende.domain.access.calls import AccessRules, Call
from allmende.domain.access.countries import decide_on_machines, name_machines
from allmende.domain.access.mode_proposals import check_mode, propose_modes
from allmende.domain.access.modes import AccessMode, Price, Route
from allmende.domain.access.organisations import Organisation, OrganisationKind
from allmende.domain.access.reasons import Reasons
from allmende.domain.access.sme import SizeResult, classify_size
from allmende.domain.access.tables import (
    ROUTE_TABLE,
    Outcome,
    Row,
    find_row,
)
from allmende.domain.access.verdicts import (
    Answers,
    EligibilityResult,
    ProjectPurpose,
    Reason,
    Verdict,
)
from allmende.domain.basics.compute_marks import MODIFIER, list_marks
from allmende.domain.basics.rules import RuleBook
from allmende.domain.basics.sentences import Sentence

__all__ = [
    "Answers",
    "EligibilityResult",
    "ProjectPurpose",
    "Reason",
    "Verdict",
    "answers_for",
    "decide_eligibility",
    "decide_for_call",
]

# The verdict of the whole is the strictest of its reasons.
STRICTEST_FIRST = (Verdict.INELIGIBLE, Verdict.UNRESOLVED, Verdict.ELIGIBLE)


def answers_for(
    organisation: Organisation, answers: Answers, *, book: RuleBook, on: date
) -> Answers:
    """Return the answers with everything that is known about a registered organisation."""
    size = answers.size
    if organisation.is_enterprise and organisation.ownership is not None:
        size = classify_size(organisation.ownership, organisation.id, book=book, on=on)
    return replace(
        answers,
        kind=organisation.kind,
        country=organisation.country,
        is_start_up=organisation.is_start_up,
        size=size,
    )


def decide_eligibility(answers: Answers, *, rules: AccessRules, on: date) -> EligibilityResult:
    """Apply every table to the answers, and propose access modes.

    Where no size is asked for yet, eligible means that there is a size for which they are.
    """
    return _Decision(answers, rules, on).result()


def decide_for_call(
    answers: Answers, call: Call, *, rules: AccessRules, on: date
) -> EligibilityResult:
    """Apply every table to the answers under a call, whose size and share are its own."""
    mode = replace(rules.get_mode_of(call), access_share=call.access_share)
    under_call = replace(answers, machine_bought_after_2020=call.bought_after_2020)
    decision = _Decision(under_call, rules, on, mode)
    decision.partition_id = call.partition_id
    return decision.result()


class _Decision:
    """One pass through the tables, collecting reasons."""

    def __init__(
        self, answers: Answers, rules: AccessRules, on: date, mode: AccessMode | None = None
    ) -> None:
        self.mode = mode  # None: the modes are proposed
        self.partition_id = ""  # and no machine is known yet
        self.answers, self.rules, self.book, self.on = answers, rules, rules.book, on
        self.reasons = Reasons(rules.book, on)

    def result(self) -> EligibilityResult:
        route = self.decide_route()
        self.decide_countries()
        self.decide_purpose_of_ai()
        self.decide_contract()
        modes = self.find_modes(route)
        self.note_publication(route)
        if route.verdict is Verdict.ELIGIBLE:
            modes = weigh_state_aid(
                self.reasons, self.answers, modes, partition_id=self.partition_id
            )
        self.note_training()
        verdicts = {reason.verdict for reason in self.reasons.found}
        verdict = next(each for each in STRICTEST_FIRST if each in verdicts)
        is_open = verdict is not Verdict.INELIGIBLE
        return EligibilityResult(
            verdict=verdict,
            route=route.route if is_open else None,
            price=self.price_of(route) if is_open and route.route else None,
            group_id=route.group_id if is_open else "",
            mode_ids=tuple(mode.id for mode in modes) if is_open else (),
            reasons=tuple(self.reasons.found),
            alternative=self.reasons.alternative,
            have_ready=tuple(self.reasons.have_ready) if is_open else (),
            size=self.answers.size,
            decided_on=self.on,
        )

    # T1: where organisation and team are established; the list depends on the machine.

    def decide_countries(self) -> None:
        own, team = self.answers.country, self.answers.team_countries
        self.decide_country(own or "")
        if team is None:
            self.reasons.add(
                "country.rule",
                Verdict.UNRESOLVED,
                Sentence("Say from which other countries the team works, if any."),
                machine=name_machines(is_bought_after_2020=self.answers.machine_bought_after_2020)[
                    0
                ],
            )
        for country in dict.fromkeys(team or ()):
            if country != own:
                self.decide_country(country)

    def decide_country(self, country: str) -> None:
        """Apply T1 to one country; where the machine is not known, to both kinds of machines."""
        machines = name_machines(is_bought_after_2020=self.answers.machine_bought_after_2020)
        outcome = decide_on_machines(country, machines=machines, book=self.book, on=self.on)
        self.reasons.add(outcome.rule, outcome.verdict, outcome.sentence, machine=machines[0])
        if outcome.verdict is not Verdict.ELIGIBLE:
            self.reasons.offer(outcome.alternative)

    # T6: what the artificial intelligence is for.

    def decide_purpose_of_ai(self) -> None:
        prohibited, civilian = self.answers.is_prohibited_practice, self.answers.is_civilian
        if prohibited is None:
            self.reasons.add(
                "ai.trustworthy",
                Verdict.UNRESOLVED,
                Sentence("Say whether the system does anything that Art. 5 of the AI Act forbids."),
            )
        elif prohibited:
            self.reasons.add(
                "ai.trustworthy",
                Verdict.INELIGIBLE,
                Sentence("A practice that Art. 5 of the AI Act forbids gets no compute time."),
            )
            self.reasons.offer(Sentence("Leave that practice out, and ask again."))
        if self.book.get("access.civilian_only", on=self.on).value is not True:
            return
        if civilian is None:
            missing = Sentence("Say whether the project serves civilian purposes.")
            self.reasons.add("access.civilian_only", Verdict.UNRESOLVED, missing)
        elif not civilian:
            refusal = Sentence("This factory gives its time to civilian projects only.")
            self.reasons.add("access.civilian_only", Verdict.INELIGIBLE, refusal)
            self.reasons.offer(Sentence("Apply with a part of the work that is civilian."))

    # T7: the principal investigator must still be there afterwards.

    def decide_contract(self) -> None:
        rule = "person.contract_months_after_end"
        needed, months = self.reasons.number(rule), self.answers.contract_months_after_end
        facts = {"needed": needed, "months": months}
        numbers = {"needed": str(needed), "months": str(months)}
        if months is None:
            self.reasons.add(
                rule,
                Verdict.UNRESOLVED,
                Sentence(
                    "Say how many months the principal investigator's contract runs after the end."
                ),
                numbers={"needed": str(needed)},
            )
        elif months < needed:
            self.reasons.add(
                rule,
                Verdict.INELIGIBLE,
                Sentence(
                    "The principal investigator's contract runs {months} months after the end; it "
                    "takes {needed}.",
                    facts,
                ),
                numbers=numbers,
            )
            longer = Sentence("Name a principal investigator whose contract runs longer.")
            self.reasons.offer(longer)
        else:
            self.reasons.have_ready.append(
                Sentence(
                    "The principal investigator's contract, which runs for {needed} months after "
                    "the end.",
                    facts,
                )
            )

    # T2 and T8: route and price.

    def decide_route(self) -> Outcome:
        facts = {
            "who": self.who(),
            "purpose": self.purpose(),
            "scale_up_price": str(self.book.get("route.scale_up", on=self.on).value),
        }
        row: Row = find_row(ROUTE_TABLE, facts)
        outcome = row.outcome
        size = self.answers.size
        if outcome.group_id == "size":
            is_sme = size is not None and size.is_sme is True
            outcome = replace(outcome, group_id="sme" if is_sme else "industry")
        price = {"price": self.price_of(outcome).value} if outcome.route else {}
        self.reasons.add(outcome.rule, outcome.verdict, outcome.sentence, numbers=price)
        if size is not None and self.who() not in ("science", "public"):
            self.note_size(size)
        if outcome.verdict is not Verdict.ELIGIBLE or outcome.route is Route.COMMERCIAL:
            self.reasons.offer(outcome.alternative)
        if outcome.route is Route.COMMERCIAL:
            percent = {"percent": str(self.reasons.number("share.commercial"))}
            cap = Sentence(
                "Paid use gets at most {percent} % of the Union's time on a machine.", percent
            )
            self.reasons.add("share.commercial", Verdict.ADVISORY, cap, numbers=percent)
        self.reasons.have_ready += outcome.have_ready
        return outcome

    def note_size(self, size: SizeResult) -> None:
        numbers = _size_numbers(size)
        for sentence in (size.reason, *size.steps, *size.missing):
            self.reasons.add(
                "size.class", Verdict.ADVISORY, sentence, numbers=numbers, article=size.article
            )

    def who(self) -> str:
        """Return the organisation's line in T2."""
        kind = self.answers.kind
        if kind is None:
            return "unknown"
        if kind is not OrganisationKind.ENTERPRISE:
            return {
                OrganisationKind.UNIVERSITY: "science",
                OrganisationKind.RESEARCH_INSTITUTE: "science",
                OrganisationKind.PUBLIC_BODY: "public",
                OrganisationKind.ASSOCIATION: "association",
                OrganisationKind.NO_LEGAL_PERSON: "no_legal_person",
            }[kind]
        is_sme = self.answers.size.is_sme if self.answers.size else None
        if is_sme is None:
            return "enterprise_of_unknown_size"
        if is_sme:
            return "sme"
        return "scale_up" if self.answers.is_start_up else "not_sme"

    def purpose(self) -> str:
        return self.answers.purpose.value if self.answers.purpose else "unknown"

    def price_of(self, outcome: Outcome) -> Price:
        return Price(str(self.book.get(outcome.rule, on=self.on).value))

    # T3: modes by size and experience; a call has its own.

    def find_modes(self, outcome: Outcome) -> list[AccessMode]:
        if self.mode is not None:
            return check_mode(self.reasons, self.answers, self.mode, outcome.route)
        if outcome.route is None:
            return []
        offered = self.rules.modes.in_force(self.on)
        return propose_modes(self.reasons, self.answers, offered, outcome.route)

    # T4, and what T6 asks for besides.

    def note_publication(self, outcome: Outcome) -> None:
        if outcome.route not in (None, Route.COMMERCIAL):
            if self.who() == "sme" and outcome.route is Route.INDUSTRIAL_INNOVATION:
                sentence = Sentence("As an SME you need not publish your results.")
            else:
                sentence = Sentence("The results are published openly.")
            self.reasons.add("access.open_science", Verdict.ADVISORY, sentence)
        if outcome.route is not None:
            consent = Sentence("Your names are published only if you consent.")
            self.reasons.add("access.names", Verdict.ADVISORY, consent)

    def note_training(self) -> None:
        flop = self.answers.training_flop or 0
        # Whether it trains a model of others further, nobody was asked here.
        for mark in list_marks(flop, self.reasons.book, on=self.reasons.on):
            if mark.is_reached and mark.rule != MODIFIER:
                self.reasons.add(
                    mark.rule,
                    Verdict.ADVISORY,
                    mark.say_passed(flop),
                    numbers={"flop": str(flop), "threshold": str(mark.flop)},
                )
        if self.answers.has_personal_data:
            self.reasons.have_ready.append(
                Sentence("A data processing agreement and an impact assessment (GDPR Art. 28, 35).")
            )


def _size_numbers(size: SizeResult) -> dict[str, str]:
    figures = size.figures
    return {
        "size_class": size.size_class.value,
        "headcount_hundredths": str(figures.headcount_hundredths),
        "turnover_cents": str(figures.turnover_cents),
        "balance_sheet_cents": str(figures.balance_sheet_cents),
    }
