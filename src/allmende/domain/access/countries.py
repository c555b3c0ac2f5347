"""Table T1: from which countries an organisation may use a machine; the list is the machine's."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date

from allmende.domain.access.tables import COUNTRY_TABLE, Outcome, find_row
from allmende.domain.access.verdicts import Verdict
from allmende.domain.basics.rules import RuleBook
from allmende.domain.basics.sentences import Sentence

GROUPS = (
    "member_state",
    "admitted_by_board",
    "associated",
    "partly_associated",
    "associated_before_2021",
)


def name_machine(*, is_bought_after_2020: bool) -> str:
    """Return how the tables call the age of a machine."""
    return "after_2020" if is_bought_after_2020 else "before_2021"


def decide_country(country: str, *, machine: str, book: RuleBook, on: date) -> Outcome:
    """Return what the table says of an organisation's country; "" is a country not said."""
    facts = {"country": _group_of(country, book=book, on=on), "machine": machine}
    outcome = find_row(COUNTRY_TABLE, facts).outcome
    return replace(outcome, sentence=replace(outcome.sentence, facts={"country": country or "?"}))


def name_machines(*, is_bought_after_2020: bool | None) -> tuple[str, ...]:
    """Return the ages that a machine may have: both where it is not known which."""
    known = (True, False) if is_bought_after_2020 is None else (is_bought_after_2020,)
    return tuple(name_machine(is_bought_after_2020=each) for each in known)


def decide_on_machines(
    country: str, *, machines: tuple[str, ...], book: RuleBook, on: date
) -> Outcome:
    """Return what the table says for every one of the machines; unresolved where they differ."""
    outcomes = [decide_country(country, machine=each, book=book, on=on) for each in machines]
    if len({outcome.verdict for outcome in outcomes}) == 1:
        return outcomes[0]
    depends = Sentence("Whether {country} is enough depends on the machine.", {"country": country})
    return replace(outcomes[-1], verdict=Verdict.UNRESOLVED, sentence=depends)


def list_barred(
    countries: Iterable[str], *, machine: str, book: RuleBook, on: date
) -> Mapping[str, Sentence]:
    """Return the countries that may not use the machine, each with the reason."""
    decided = {each: decide_country(each, machine=machine, book=book, on=on) for each in countries}
    return {
        country: outcome.sentence
        for country, outcome in decided.items()
        if outcome.verdict is Verdict.INELIGIBLE
    }


def _group_of(country: str, *, book: RuleBook, on: date) -> str:
    if not country:
        return "unknown"
    for group in GROUPS:
        if country in str(book.get(f"country.{group}", on=on).value).split():
            return group
    return "other"
