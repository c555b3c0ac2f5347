"""May we apply, and where? And how big are we? Answered from a few options, nothing is kept."""

from pathlib import Path
from typing import Annotated

import typer

from allmende import wiring
from allmende.cli.output import AsJson, say, show
from allmende.domain.access.answers import read_hours
from allmende.domain.access.firms import Firm, OwnershipGraph, YearFigures
from allmende.domain.access.modes import Experience
from allmende.domain.access.organisations import OrganisationKind
from allmende.domain.access.sizes import SizeResult
from allmende.domain.access.sme import repeat_last_year
from allmende.domain.access.verdicts import Answers, EligibilityResult, ProjectPurpose
from allmende.domain.access.working_days import day_of
from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.basics.sentences import Sentence
from allmende.services import eligibility
from allmende.wiring.access_rules import load_access_rules
from allmende.wiring.ownership_files import read_ownership_file

app = typer.Typer()

CENTS = 100
OwnershipFile = Annotated[
    Path | None,
    typer.Option("--ownership", help="Firms and holdings as JSON or TOML.", exists=True),
]


@app.command("check")
def check_eligibility(
    kind: Annotated[OrganisationKind, typer.Option(help="What you are.")],
    country: Annotated[str, typer.Option(help="Where you are established: DE, FR, …")],
    purpose: Annotated[ProjectPurpose, typer.Option(help="What the time is for.")],
    staff: Annotated[float | None, typer.Option(help="Annual work units, in two years.")] = None,
    turnover: Annotated[float | None, typer.Option(help="EUR a year.")] = None,
    balance_sheet: Annotated[float | None, typer.Option(help="EUR.")] = None,
    ownership: OwnershipFile = None,
    gpu_hours: Annotated[str, typer.Option(help="How much time you need.")] = "",
    experience: Annotated[Experience | None, typer.Option(help="With supercomputers.")] = None,
    start_up: Annotated[bool, typer.Option(help="You call yourselves a start-up.")] = False,
    civilian: Annotated[
        bool | None, typer.Option(help="The project serves civilian purposes.")
    ] = None,
    prohibited: Annotated[
        bool | None, typer.Option(help="Art. 5 of the AI Act forbids it.")
    ] = None,
    contract_months: Annotated[
        int | None, typer.Option(help="Of the principal investigator, after the end.", min=0)
    ] = None,
    team: Annotated[
        list[str] | None, typer.Option(help="A country of the team; yours if there is no other.")
    ] = None,
    aid_received: Annotated[
        float | None, typer.Option(help="De minimis aid of three years, EUR.", min=0, max=1e12)
    ] = None,
    json: AsJson = False,
) -> None:
    """Say whether you may use the machines, by which route, at what price, and why.

    What you leave out is unknown, and the answer says where that matters.
    """
    rules, on = load_access_rules(), day_of(wiring.now())
    size = None
    if kind is OrganisationKind.ENTERPRISE:
        graph = _graph_of(ownership, staff, turnover, balance_sheet)
        size = eligibility.find_size(graph, rules=rules, on=on)
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
        contract_months_after_end=contract_months,
        team_countries=None if team is None else tuple(each.upper() for each in team),
        aid_received_cents=_hundredths(aid_received),
    )
    result = eligibility.check_eligibility(answers, rules=rules, on=on)
    if json:
        show(result, json=True)
    else:
        _say_result(result)


@app.command("size")
def find_size(
    file: Annotated[Path, typer.Argument(help="Firms and holdings as JSON or TOML.", exists=True)],
    firm: Annotated[str, typer.Option(help="Whose size; the first firm's if not said.")] = "",
    json: AsJson = False,
) -> None:
    """Compute the size class of a firm from its figures, owners and holdings, step by step."""
    graph = read_ownership_file(file.read_bytes(), name=file.name)
    rules, on = load_access_rules(), day_of(wiring.now())
    result = eligibility.find_size(graph, firm, rules=rules, on=on)
    if json:
        show(result, json=True)
    else:
        _say_size(result)


def _graph_of(
    file: Path | None, staff: float | None, turnover: float | None, balance_sheet: float | None
) -> OwnershipGraph:
    if file is not None:
        return read_ownership_file(file.read_bytes(), name=file.name)
    figures = YearFigures(
        year=wiring.now().year - 1,
        headcount_hundredths=_hundredths(staff),
        turnover_cents=_hundredths(turnover),
        balance_sheet_cents=_hundredths(balance_sheet),
    )
    firm = repeat_last_year(Firm(id="you", name="You", years=(figures,)))
    return OwnershipGraph(firms=(firm,))


def _say_size(result: SizeResult) -> None:
    say(result.reason)
    rows = [
        {
            "firm": each.name,
            "counts": each.relation.value,
            "percent": f"{each.share_basis_points / 100:g}",
            "persons": _decimal(each.figures.headcount_hundredths),
            "turnover": _decimal(each.figures.turnover_cents),
            "balance_sheet": _decimal(each.figures.balance_sheet_cents),
        }
        for each in result.counted
    ]
    show(rows, columns=tuple(rows[0]))
    for sentence in result.steps:
        say(sentence)
    for sentence in result.missing:
        say(Sentence("Missing: {what}", {"what": sentence}))


def _say_result(result: EligibilityResult) -> None:
    facts = {"modes": ", ".join(result.mode_ids) or "-", "verdict": result.verdict.value}
    say(Sentence("Verdict: {verdict}. Access modes: {modes}.", facts))
    show(result.reasons, columns=("verdict", "sentence", "article"))
    if result.alternative is not None:
        say(result.alternative)
    for sentence in result.have_ready:
        say(Sentence("Have ready: {what}", {"what": sentence}))


def _hundredths(number: float | None) -> int | None:
    """Return hundredths: cents of euros, hundredths of work units."""
    if number is not None and not abs(number) < float("inf"):
        raise InvalidInput(field="figures", problem=Sentence("Give a number such as 2.5."))
    return None if number is None else round(number * CENTS)


def _decimal(hundredths: int | None) -> str:
    return "?" if hundredths is None else f"{hundredths / CENTS:.2f}"
