"""May this organisation use that machine for this, by which route, and at what price?

Decision tables T1 to T8. A table is data: its rows are read from the top, the first that fits
decides, and every answer, an unknown one too, fits a row. Nothing passes in silence.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date

from allmende.domain.access.aid import is_aid, read_ceiling, read_price, write_euros
from allmende.domain.access.calls import AccessRules, Call
from allmende.domain.access.modes import AccessMode, Experience, Price, Route
from allmende.domain.access.organisations import Organisation, OrganisationKind
from allmende.domain.access.sme import SizeResult, classify_size
from allmende.domain.access.tables import (
    COUNTRY_TABLE,
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
from allmende.domain.basics.rules import RuleBook
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import SECONDS_PER_HOUR, hours_from_seconds

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

EXPERIENCE_ORDER = tuple(Experience)

ROUTE_NAMES = {
    Route.INDUSTRIAL_INNOVATION: Sentence("innovation of SMEs and start-ups"),
    Route.AI_FOR_SCIENCE: Sentence("science and European projects"),
    Route.COMMERCIAL: Sentence("commercial use"),
}

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
    """Apply every table to the answers, and propose access modes."""
    return _Decision(answers, rules, on).result()


def decide_for_call(
    answers: Answers, call: Call, *, rules: AccessRules, on: date
) -> EligibilityResult:
    """Apply every table to the answers under a call, whose size and share are its own."""
    mode = replace(rules.mode_of(call), access_share=call.access_share)
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
        self.reasons: list[Reason] = []
        self.have_ready: list[Sentence] = []
        self.alternative: Sentence | None = None

    def result(self) -> EligibilityResult:
        route = self.decide_route()
        self.decide_countries()
        self.decide_purpose_of_ai()
        self.decide_contract()
        modes = self.propose_modes(route) if self.mode is None else self.check_mode(route)
        self.note_publication(route)
        self.note_state_aid(modes, route)
        self.note_training()
        verdicts = {reason.verdict for reason in self.reasons}
        verdict = next(each for each in STRICTEST_FIRST if each in verdicts)
        is_open = verdict is not Verdict.INELIGIBLE
        return EligibilityResult(
            verdict=verdict,
            route=route.route if is_open else None,
            price=self.price_of(route) if is_open and route.route else None,
            group_id=route.group_id if is_open else "",
            mode_ids=tuple(mode.id for mode in modes) if is_open else (),
            reasons=tuple(self.reasons),
            alternative=self.alternative,
            have_ready=tuple(self.have_ready) if is_open else (),
            size=self.answers.size,
            decided_on=self.on,
        )

    def add(
        self,
        rule: str,
        verdict: Verdict,
        sentence: Sentence,
        *,
        numbers: Mapping[str, str] | None = None,
        **facts: str,
    ) -> None:
        """Note a reason with its dated rule row, whose source is "article; where to read it"."""
        row = self.book.get(rule, on=self.on, **facts)
        article, _, source = row.source.partition("; ")
        self.reasons.append(
            Reason(
                rule=rule,
                verdict=verdict,
                sentence=sentence,
                article=article,
                source=source or article,
                numbers=numbers or {},
            )
        )

    def offer(self, alternative: Sentence | None) -> None:
        self.alternative = self.alternative or alternative

    # T1: where organisation and team are established; the list depends on the machine.

    def decide_countries(self) -> None:
        own = self.answers.country
        self.decide_country(own or "")
        for country in self.answers.team_countries:
            if country != own:
                self.decide_country(country)

    def decide_country(self, country: str) -> None:
        machine = "after_2020" if self.answers.machine_bought_after_2020 else "before_2021"
        facts = {"country": self.group_of(country), "machine": machine}
        outcome = find_row(COUNTRY_TABLE, facts).outcome
        sentence = replace(outcome.sentence, facts={"country": country or "?"})
        self.add(outcome.rule, outcome.verdict, sentence, machine=machine)
        if outcome.verdict is not Verdict.ELIGIBLE:
            self.offer(outcome.alternative)

    def group_of(self, country: str) -> str:
        if not country:
            return "unknown"
        for group in ("member_state", "associated", "partly_associated", "associated_before_2021"):
            if country in str(self.book.get(f"country.{group}", on=self.on).value).split():
                return group
        return "other"

    # T6: what the artificial intelligence is for.

    def decide_purpose_of_ai(self) -> None:
        prohibited, civilian = self.answers.is_prohibited_practice, self.answers.is_civilian
        if prohibited is None:
            self.add(
                "ai.trustworthy",
                Verdict.UNRESOLVED,
                Sentence("Say whether the system does anything that Art. 5 of the AI Act forbids."),
            )
        elif prohibited:
            self.add(
                "ai.trustworthy",
                Verdict.INELIGIBLE,
                Sentence("A practice that Art. 5 of the AI Act forbids gets no compute time."),
            )
        if self.book.get("access.civilian_only", on=self.on).value is not True:
            return
        if civilian is None:
            missing = Sentence("Say whether the project serves civilian purposes.")
            self.add("access.civilian_only", Verdict.UNRESOLVED, missing)
        elif not civilian:
            refusal = Sentence("This factory gives its time to civilian projects only.")
            self.add("access.civilian_only", Verdict.INELIGIBLE, refusal)

    # T7: the principal investigator must still be there afterwards.

    def decide_contract(self) -> None:
        needed = int(self.book.number("person.contract_months_after_end", on=self.on))
        months = self.answers.contract_months_after_end
        facts = {"needed": needed, "months": months}
        if months is None:
            self.have_ready.append(
                Sentence(
                    "The principal investigator's contract, which runs for {needed} months after "
                    "the end.",
                    facts,
                )
            )
        elif months < needed:
            self.add(
                "person.contract_months_after_end",
                Verdict.INELIGIBLE,
                Sentence(
                    "The principal investigator's contract runs {months} months after the end; it "
                    "takes {needed}.",
                    facts,
                ),
                numbers={"needed": str(needed), "months": str(months)},
            )
            self.offer(Sentence("Name a principal investigator whose contract runs longer."))

    # T2 and T8: route and price.

    def decide_route(self) -> Outcome:
        row: Row = find_row(ROUTE_TABLE, {"who": self.who(), "purpose": self.purpose()})
        outcome = row.outcome
        size = self.answers.size
        if outcome.group_id == "size":
            is_sme = size is not None and size.is_sme is True
            outcome = replace(outcome, group_id="sme" if is_sme else "industry")
        self.add(outcome.rule, outcome.verdict, outcome.sentence)
        if size is not None and self.who() not in ("science", "public"):
            self.note_size(size)
        if outcome.verdict is not Verdict.ELIGIBLE or outcome.route is Route.COMMERCIAL:
            self.offer(outcome.alternative)
        return outcome

    def note_size(self, size: SizeResult) -> None:
        numbers = _size_numbers(size)
        for sentence in (size.reason, *size.steps, *size.missing):
            self.add("size.class", Verdict.ADVISORY, sentence, numbers=numbers)
            self.reasons[-1] = replace(self.reasons[-1], article=size.article)

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

    # T3: modes by size and experience.

    def propose_modes(self, outcome: Outcome) -> list[AccessMode]:
        if outcome.route is None:
            return []
        offered = [m for m in self.rules.modes.in_force(self.on) if outcome.route in m.routes]
        seconds, unit = self.answers.requested_seconds, self.answers.unit
        if seconds is None:
            return [mode for mode in offered if self.is_experienced_for(mode)] or offered
        comparable = [mode for mode in offered if mode.unit is unit]
        fitting = [mode for mode in comparable if mode.has_room_for(seconds)]
        if not comparable or fitting:
            return [m for m in fitting if self.is_experienced_for(m)] or fitting or offered
        self.refuse_size(seconds, comparable)
        return []

    def check_mode(self, outcome: Outcome) -> list[AccessMode]:
        assert self.mode is not None, "asked under a call"
        if outcome.route is None or outcome.route in self.mode.routes:
            return [self.mode]
        self.add(
            "access.call_route",
            Verdict.INELIGIBLE,
            Sentence(
                "This call is for {wanted}; your way in is {own}.",
                {
                    "wanted": ROUTE_NAMES[min(self.mode.routes)],
                    "own": ROUTE_NAMES[outcome.route],
                },
            ),
        )
        self.offer(Sentence("Choose a call that fits: the eligibility check names its mode."))
        return []

    def is_experienced_for(self, mode: AccessMode) -> bool:
        experience = self.answers.experience or Experience.NEW
        order = EXPERIENCE_ORDER.index
        return order(mode.experience) <= order(experience)

    def refuse_size(self, seconds: int, modes: Iterable[AccessMode]) -> None:
        hours = {
            "asked": f"{hours_from_seconds(seconds).normalize():f}",
            "unit": self.answers.unit.hours_name,
            "sizes": "; ".join(_describe_size(mode) for mode in modes),
        }
        sentence = Sentence("No access mode gives {asked} {unit}. There is: {sizes}.", hours)
        self.add("access.size", Verdict.INELIGIBLE, sentence, numbers=hours)
        self.offer(Sentence("Ask for a size that one of the modes gives."))

    # T4 and T5, and what T6 asks for besides.

    def note_publication(self, outcome: Outcome) -> None:
        if outcome.route in (None, Route.COMMERCIAL):
            return
        if self.who() == "sme" and outcome.route is Route.INDUSTRIAL_INNOVATION:
            sentence = Sentence("As an SME you need not publish your results.")
        else:
            sentence = Sentence("The results are published openly.")
        self.add("access.open_science", Verdict.ADVISORY, sentence)

    def note_state_aid(self, modes: list[AccessMode], outcome: Outcome) -> None:
        kind, purpose = self.answers.kind, self.answers.purpose
        may_be_aid = any(
            is_aid(kind=kind, purpose=purpose, access_share=mode.access_share, price=mode.price)
            for mode in modes
        )
        if not may_be_aid or outcome.verdict is not Verdict.ELIGIBLE:
            return
        ceiling, _ = read_ceiling(self.book, on=self.on)
        received, unit = self.answers.aid_received_cents, self.answers.unit
        price = read_price(self.book, on=self.on, partition_id=self.partition_id, unit=unit)
        self.have_ready.append(
            Sentence("A declaration of all de minimis aid of the last three years.")
        )
        if received is None or self.answers.requested_seconds is None:
            return
        worth = price.worth_cents(self.answers.requested_seconds)
        amounts = {"worth": worth, "received": received, "ceiling": ceiling}
        numbers = {name: write_euros(cents) for name, cents in amounts.items()}
        fits = worth + received <= ceiling
        sentence = (
            Sentence("{worth} EUR with {received} EUR received stay within {ceiling} EUR.", numbers)
            if fits
            else Sentence(
                "{worth} EUR with {received} EUR received go beyond {ceiling} EUR: none of it "
                "could be given.",
                numbers,
            )
        )
        verdict = Verdict.ADVISORY if fits else Verdict.INELIGIBLE
        self.add("aid.de_minimis_ceiling", verdict, sentence, numbers=numbers)

    def note_training(self) -> None:
        threshold = int(self.book.number("ai.systemic_risk_flop", on=self.on))
        if self.answers.training_flop is not None and self.answers.training_flop >= threshold:
            self.add(
                "ai.systemic_risk_flop",
                Verdict.ADVISORY,
                Sentence("A model of this size carries systemic risk: notify it in two weeks."),
                numbers={"flop": str(self.answers.training_flop), "threshold": str(threshold)},
            )
        if self.answers.has_personal_data:
            self.have_ready.append(
                Sentence("A data processing agreement and an impact assessment (GDPR Art. 28, 35).")
            )


def _describe_size(mode: AccessMode) -> str:
    low = mode.size_min_seconds // SECONDS_PER_HOUR
    if mode.size_max_seconds is None:
        return f"{mode.names['en']} above {low}"
    return f"{mode.names['en']} {low} to {mode.size_max_seconds // SECONDS_PER_HOUR}"


def _size_numbers(size: SizeResult) -> dict[str, str]:
    figures = size.figures
    return {
        "size_class": size.size_class.value,
        "headcount_hundredths": str(figures.headcount_hundredths),
        "turnover_cents": str(figures.turnover_cents),
        "balance_sheet_cents": str(figures.balance_sheet_cents),
    }
