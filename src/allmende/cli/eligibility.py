"""May we apply, and where? Answered from a few options, nothing is kept."""

from typing import Annotated

import typer

from allmende import wiring
from allmende.cli.output import AsJson, say, show
from allmende.domain.access.application_forms import read_hours
from allmende.domain.access.modes import Experience
from allmende.domain.access.organisations import OrganisationKind
from allmende.domain.access.ownership import Firm, OwnershipGraph, YearFigures
from allmende.domain.access.sme import classify_size, repeat_last_year
from allmende.domain.access.verdicts import Answers, EligibilityResult, ProjectPurpose
from allmende.domain.access.working_days import day_of
from allmende.domain.basics.sentences import Sentence
from allmende.services import eligibility
from allmende.wiring.access_rules import load_access_rules

app = typer.Typer()

CENTS = 100


@app.command("check")
def check_eligibility(
    kind: Annotated[OrganisationKind, typer.Option(help="What you are.")],
    country: Annotated[str, typer.Option(help="Where you are established: DE, FR, …")],
    purpose: Annotated[ProjectPurpose, typer.Option(help="What the time is for.")],
    staff: Annotated[float | None, typer.Option(help="Annual work units, in two years.")] = None,
    turnover: Annotated[float | None, typer.Option(help="EUR a year.")] = None,
    balance_sheet: Annotated[float | None, typer.Option(help="EUR.")] = None,
    gpu_hours: Annotated[str, typer.Option(help="How much time you need.")] = "",
    experience: Annotated[Experience, typer.Option(help="With supercomputers.")] = Experience.NEW,
    start_up: Annotated[bool, typer.Option(help="You call yourselves a start-up.")] = False,
    civilian: Annotated[bool, typer.Option(help="The project serves civilian purposes.")] = True,
    prohibited: Annotated[bool, typer.Option(help="Art. 5 of the AI Act forbids it.")] = False,
    json: AsJson = False,
) -> None:
    """Say whether you may use the machines, by which route, at what price, and why."""
    rules, on = load_access_rules(), day_of(wiring.now())
    size = None
    if kind is OrganisationKind.ENTERPRISE:
        figures = YearFigures(
            year=on.year - 1,
            headcount_hundredths=_whole(staff),
            turnover_cents=_whole(turnover),
            balance_sheet_cents=_whole(balance_sheet),
        )
        firm = repeat_last_year(Firm(id="you", name="You", years=(figures,)))
        size = classify_size(OwnershipGraph(firms=(firm,)), "you", book=rules.book, on=on)
    answers = Answers(
        kind=kind,
        country=country.upper(),
        is_start_up=start_up,
        size=size,
        purpose=purpose,
        is_civilian=civilian,
        is_prohibited_practice=prohibited,
        requested_seconds=read_hours(gpu_hours, field="gpu_hours"),
        experience=experience,
    )
    result = eligibility.check_eligibility(answers, rules=rules, on=on)
    if json:
        show(result, json=True)
    else:
        _say_result(result)


def _say_result(result: EligibilityResult) -> None:
    facts = {"modes": ", ".join(result.mode_ids) or "-", "verdict": result.verdict.value}
    say(Sentence("Verdict: {verdict}. Access modes: {modes}.", facts))
    show(result.reasons, columns=("verdict", "sentence", "article"))
    if result.alternative is not None:
        say(result.alternative)
    for sentence in result.have_ready:
        say(Sentence("Have ready: {what}", {"what": sentence}))


def _whole(number: float | None) -> int | None:
    """Return hundredths: cents of euros, hundredths of work units."""
    return None if number is None else round(number * CENTS)
