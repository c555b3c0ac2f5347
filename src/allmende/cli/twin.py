"""The twin: replay a workload under a policy, and compare policies."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from allmende.cli.output import AsJson, say, show
from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.basics.sentences import Sentence
from allmende.services import comparisons, twin, workloads
from allmende.twin.preemptions import Preemption
from allmende.wiring import languages

# Seconds of a preemption; what is left out is as in `Preemption`.
Target = Annotated[
    int | None, typer.Option(help="Who is owed waits so long before others are stopped. [600]")
]
Grace = Annotated[int | None, typer.Option(help="Seconds from being asked to the end. [60]")]
Every = Annotated[int | None, typer.Option(help="Seconds between two checkpoints. [3600]")]
Spared = Annotated[
    int | None, typer.Option(help="Jobs with a limit up to this are never stopped. [0]")
]

app = typer.Typer(help="Recorded workloads in virtual time: what would have been, under a policy.")


@app.command()
def prepare() -> None:
    """Compile the kernel for this machine, once, so that nobody waits for it later."""
    twin.prepare()


@app.command()
def replay(
    trace: Annotated[
        Path, typer.Argument(help="SWF (.swf, .swf.gz), CSV, or a folder of exported evidence.")
    ],
    nodes: Annotated[
        int | None, typer.Option(help="Nodes of the machine; else what the trace says.")
    ] = None,
    procs_per_node: Annotated[
        int, typer.Option(help="Processors of a node; an SWF processor is a node otherwise.")
    ] = 1,
    policy: Annotated[str, typer.Option(help="fcfs, easy, conservative or allmende.")] = "easy",
    shares: Annotated[
        Path | None, typer.Option(help="TOML file with groups and their guarantees.")
    ] = None,
    columns: Annotated[
        str, typer.Option(help="For CSV: submit=COLUMN,run=COLUMN,nodes=COLUMN …")
    ] = "",
    schedule: Annotated[
        Path | None,
        typer.Option(help="Write job, submit, start, end, nodes, group as CSV."),
    ] = None,
    power: Annotated[
        Path | None, typer.Option(help="TOML file with the watts of a node: estimate the energy.")
    ] = None,
    preemption: Annotated[
        bool, typer.Option("--preemption", help="Stop jobs for groups that are owed nodes.")
    ] = False,
    response_target: Target = None,
    grace: Grace = None,
    checkpoint_every: Every = None,
    spared_limit: Spared = None,
    json: AsJson = False,
) -> None:
    """Replay a trace, and say how long its jobs waited and what every group got."""
    if schedule is not None:
        twin.check_writable(schedule)
    question = twin.Question(
        trace=trace,
        policy=policy,
        nodes=nodes,
        processors_per_node=procs_per_node,
        shares=shares,
        columns=columns,
        power=twin.read_power(power),
        preemption=_preemption(
            preemption,
            response_target_seconds=response_target,
            grace_seconds=grace,
            checkpoint_every_seconds=checkpoint_every,
            spared_limit_seconds=spared_limit,
        ),
    )
    console = Console(stderr=True, quiet=json or not sys.stderr.isatty())
    with Progress(console=console, transient=True) as shown:
        task = shown.add_task("", total=None)
        answered = twin.answer(
            question, progress=lambda done, total: shown.update(task, completed=done, total=total)
        )
    if schedule is not None:
        twin.write_schedule(answered, schedule)
    if json:
        show(answered.to_json(), json=True)
    else:
        _print(answered)


def _preemption(is_on: bool, **seconds: int | None) -> Preemption | None:
    given = {name: value for name, value in seconds.items() if value is not None}
    if given and not is_on:
        problem = Sentence("these numbers only count with it; give --preemption too")
        raise InvalidInput(field="--preemption", problem=problem)
    return Preemption(**given) if is_on else None


@app.command()
def compare(
    scenarios: Annotated[list[Path], typer.Argument(help="TOML files; the first is compared to.")],
    trace: Annotated[Path | None, typer.Option(help="Play this trace in all of them.")] = None,
    nodes: Annotated[int | None, typer.Option(help="Nodes of the machine, in all.")] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write an HTML page with tables and charts.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Play the same workload under several policies, and say what each costs and gains."""
    console = Console(stderr=True, quiet=json or not sys.stderr.isatty())
    if report is not None:
        twin.check_writable(report)
    with console.status("") as status:
        comparison = comparisons.compare(
            scenarios, trace=trace, nodes=nodes, tell=lambda name: status.update(escape(name))
        )
    if report is not None:
        comparisons.write_report(comparison, report, translate=languages.translate)
    document = comparison.to_json()
    if json:
        show(document, json=True)
        return
    show([_row_of(each) for each in document["scenarios"]])
    for each in document["scenarios"]:
        say("")
        say(each["name"])
        _print_groups(each["groups"])
    for each in comparison.answers:
        if each.saving:
            say("")
            say(each.question.name)
            for sentence in each.saving.sentences:
                say(sentence)
    if report is not None:
        say(Sentence("The report is {path}.", {"path": str(report)}))


def _row_of(scenario: dict[str, Any]) -> dict[str, object]:
    names = ("name", "policy", "jobs", "utilisation", "wait_seconds_mean", "wait_seconds_p90")
    return {name: _short(scenario[name]) for name in (*names, "bounded_slowdown_mean")}


@app.command()
def generate(
    trace: Annotated[
        Path, typer.Argument(help="SWF (.swf, .swf.gz), CSV, or a folder of exported evidence.")
    ],
    out: Annotated[Path, typer.Option(help="File to write: .swf or .swf.gz.")],
    nodes: Annotated[
        int | None, typer.Option(help="Nodes of the machine to generate for; else the recorded.")
    ] = None,
    demand: Annotated[
        float, typer.Option(help="Times the recorded load, by more or fewer arrivals.")
    ] = 1.0,
    days: Annotated[
        float | None, typer.Option(help="Days to generate; else as long as the trace.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(help="Jobs to generate, instead of a number of days.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Equal seeds make equal jobs.")] = 0,
    trace_nodes: Annotated[
        int | None, typer.Option(help="Nodes of the recorded machine; else what the trace says.")
    ] = None,
    procs_per_node: Annotated[
        int, typer.Option(help="Processors of a node; an SWF processor is a node otherwise.")
    ] = 1,
    columns: Annotated[
        str, typer.Option(help="For CSV: submit=COLUMN,run=COLUMN,nodes=COLUMN …")
    ] = "",
    json: AsJson = False,
) -> None:
    """Write a workload like a recorded one: longer, for another machine, with another demand."""
    recorded = twin.Question(
        trace=trace, nodes=trace_nodes, processors_per_node=procs_per_node, columns=columns
    )
    order = workloads.Order(
        trace=recorded, out=out, nodes=nodes, demand=demand, days=days, jobs=jobs, seed=seed
    )
    made = workloads.generate_workload(order).to_json()
    if json:
        show(made, json=True)
        return
    show({name: _short(value) for name, value in made["generated"].items()})
    _print_findings(made["findings"])


def _print(answered: twin.Answer) -> None:
    document = answered.to_json()
    groups, findings = document.pop("groups"), document.pop("findings")
    show({name: _short(value) for name, value in document.items()})
    say("")
    _print_groups(groups)
    _print_findings(findings)


def _print_findings(findings: list[dict[str, Any]]) -> None:
    for row in findings:
        facts = {"count": row["count"], "lines": ", ".join(map(str, row["lines"]))}
        say(Sentence("{count} × (first: {lines})", facts))
        say(row["sentence"])


def _print_groups(groups: dict[str, Any]) -> None:
    show(
        [
            {"group": name, **{key: _short(value) for key, value in row.items()}}
            for name, row in groups.items()
        ],
        columns=(
            "group",
            "jobs",
            "guarantee",
            "share",
            "wait_seconds_mean",
            "preemptions",
            "worst_lag_node_seconds",
            "lag_bound_node_seconds",
        ),
    )


def _short(value: object) -> object:
    return float(f"{value:.4g}") if isinstance(value, float) else value
