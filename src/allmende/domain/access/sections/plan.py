"""When what is done, with whom, and what becomes of it."""

from dataclasses import dataclass

from allmende.domain.access import questions as ask
from allmende.domain.access.modes import FormKind
from allmende.domain.basics.sentences import Sentence

MONTHS_MOST = 120


@dataclass(frozen=True, kw_only=True)
class Milestone:
    """A piece of work: from which month of the project to which."""

    name: str = ask.line("Piece of work")
    result: str = ask.line("What is there at its end")
    first_month: int | None = ask.whole("From month", least=1, most=MONTHS_MOST)
    last_month: int | None = ask.whole("To month", least=1, most=MONTHS_MOST)


@dataclass(frozen=True, kw_only=True)
class PlanAnswers:
    """The plan."""

    milestones: tuple[Milestone, ...] = ask.rows(
        Milestone,
        "Work and milestones",
        hint="Month 1 is the first month of the project. They are drawn as bars.",
        need="Give one piece of work at least.",
        forms=ask.FULL,
    )
    impact: str = ask.text(
        "What changes if it succeeds?",
        hint="For science, for the market, for people. Say by what one will see it.",
        need="Say what changes if it succeeds.",
        forms=ask.FULL,
    )
    dissemination: str = ask.text(
        "How do others learn of the results?",
        hint="Papers, weights, data, talks; or why they stay yours.",
        need="Say how others learn of the results, or why they do not.",
        forms=ask.FULL,
    )
    eu_grant: str = ask.line(
        "Number of the EU grant",
        hint="If the work belongs to a European project, such as 101092582.",
        length=40,
        forms=ask.FULL,
    )
    collaboration: str = ask.text(
        "Who else takes part or pays?",
        hint="Partners and other funding.",
        length=2_000,
        forms=ask.FULL,
    )
    support: str = ask.text(
        "What help would you like from the experts of the factory?",
        hint="Porting, scaling, data, evaluation. Empty: none.",
        length=2_000,
        forms=ask.FULL,
    )
    shares_with_support: bool | None = ask.yes_no(
        "May the support team read your application?", forms=ask.FULL
    )


def review_plan(
    answers: PlanAnswers, form: FormKind, *, is_eu_project: bool, duration_months: int | None
) -> dict[str, Sentence]:
    """Return what does not fit together."""
    found: dict[str, Sentence] = {}
    if form is FormKind.SHORT:
        return found
    rows = enumerate(answers.milestones, start=1)
    wrong = [why for number, row in rows if (why := _review_row(row, number, duration_months))]
    if wrong:
        found["milestones"] = wrong[0]
    if is_eu_project and not answers.eu_grant:
        found["eu_grant"] = Sentence("Give the number of the grant of your European project.")
    if answers.support and answers.shares_with_support is None:
        found["shares_with_support"] = Sentence("Say whether the support team may read it.")
    return found


def _review_row(row: Milestone, number: int, duration_months: int | None) -> Sentence | None:
    facts = {"row": number, "months": duration_months}
    if not row.name or row.first_month is None or row.last_month is None:
        return Sentence("Row {row}: say what it is, and from which month to which.", facts)
    if row.last_month < row.first_month:
        return Sentence("Row {row} ends before it begins.", facts)
    if duration_months is not None and row.last_month > duration_months:
        return Sentence("Row {row} ends after the project, which has {months} months.", facts)
    return None
