"""Submit, follow and stop jobs."""

from pathlib import Path
from typing import Annotated, Any

import typer

from allmende import wiring
from allmende.cli.acting import acting_deed, acting_person
from allmende.cli.code import bring_code, find_code
from allmende.cli.exits import ExitCode
from allmende.cli.job_checks import say_choice, show_check
from allmende.cli.job_watching import watch_job
from allmende.cli.output import AsJson, say, show
from allmende.cli.sessions import open_shell
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.jobs import Job
from allmende.domain.training.job_file_schema import job_file_schema
from allmende.services import (
    brokering,
    forecasts,
    job_checks,
    jobs,
    previews,
    runs,
    submissions,
    sweeps,
)
from allmende.services.job_files import read_job_file
from allmende.wiring.code_folders import CodeFolder
from allmende.wiring.job_texts import open_job_file

app = typer.Typer()

COLUMNS = ("id", "name", "state", "project_id", "submitted_at", "attempts", "wait", "end")
LIST_COLUMNS = (*COLUMNS[:3], "progress", *COLUMNS[3:])
MORE_COLUMNS = (
    "started_at", "ended_at", "data_class", "sweep_id", "sweep_index", "max_parallel", "after",
    "after_ok", "chosen_start_at", "latest_start_at", "retry_at",
)  # fmt: skip
ATTEMPT_COLUMNS = (
    "number", "nodes", "started_at", "ended_at", "reason", "used_seconds", "refunded_seconds",
    "energy_joules", "energy_method", "sentence",
)  # fmt: skip
VERDICT_COLUMNS = (
    "partition_id", "fits", "starts_at", "start_note", "green_percent", "bytes_to_move", "sentence",
)  # fmt: skip
Key = Annotated[
    str, typer.Option("--key", help="Your own key: the same key submits the same job once.")
]


app.command("watch")(watch_job)
app.command("shell", hidden=True)(open_shell)  # where some look for it; it is told of at `session`


@app.command("submit")
def submit_job(
    file: Annotated[Path, typer.Argument(help="The job file, YAML or JSON.")],
    project: Annotated[str, typer.Option(help="The project that pays for it.")],
    key: Key = "",
    after: Annotated[
        list[str] | None, typer.Option(help="Start once this job has ended; its id or your key.")
    ] = None,
    after_ok: Annotated[
        list[str] | None, typer.Option(help="Start only if this job has completed.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Submit a job file; a sweep or an array becomes several jobs."""
    deed, workshop = acting_deed(), wiring.workshop()
    value = _wait_also(open_job_file(file), after=after or [], after_ok=after_ok or [])
    spec = read_job_file(value, project_id=project, workshop=workshop)
    submitted = submissions.submit_job(
        deed,
        bring_code(deed, spec, file.parent, project_id=project),
        project_id=project,
        client_key=key or deed.new_id("key"),
        workshop=workshop,
    )
    show(submitted, json=json, columns=("id", "name", "state", "held_seconds", "wait"))
    if not json:
        _say_next(submitted)


@app.command("check")
def check_job(
    file: Annotated[Path, typer.Argument(help="The job file, YAML or JSON.")],
    project: Annotated[str, typer.Option(help="The project that would pay for it.")],
    json: AsJson = False,
) -> None:
    """Say what submitting a job file would take and mean, or every mistake in it."""
    workshop = wiring.workshop()
    value = open_job_file(file)
    code = find_code(value, file.parent)
    found = job_checks.check_job(
        acting_person(),
        value,
        project_id=project,
        now=wiring.now(),
        workshop=workshop,
        brings_code=True,
        hash_files=code.hash_for_setup if isinstance(code, CodeFolder) else None,
    )
    if isinstance(code, Refusal):
        found, code = found.with_mistake("workdir", code), None
    show_check(found, text=file.read_text(), workshop=workshop, code=code, json=json)
    if found.problems:
        raise typer.Exit(ExitCode.REFUSED)


@app.command("schema")
def print_schema(json: AsJson = True) -> None:
    """Print the JSON schema of the job file, for editors."""
    show(job_file_schema(), json=json)


@app.command("when")
def forecast_submission(
    file: Annotated[Path, typer.Argument(help="The job file, YAML or JSON.")],
    project: Annotated[str, typer.Option(help="The project that would pay for it.")],
    json: AsJson = False,
) -> None:
    """Say when a job file would start, without submitting it, and what would start sooner."""
    workshop = wiring.workshop()
    options = previews.forecast_submission(
        acting_person(),
        read_job_file(open_job_file(file), project_id=project, workshop=workshop),
        project_id=project,
        now=wiring.now(),
        workshop=workshop,
    )
    if json:
        show(options, json=True)
        return
    say(forecasts.say_forecast(options[0].forecast))
    for option in options[1:]:
        say(previews.say_option(option))


@app.command("where")
def choose_partition(
    file: Annotated[Path, typer.Argument(help="The job file, YAML or JSON.")],
    project: Annotated[str, typer.Option(help="The project that would pay for it.")],
    json: AsJson = False,
) -> None:
    """Say where a job file would run, without submitting it, and why not elsewhere."""
    workshop = wiring.workshop()
    choice = previews.choose_partition(
        acting_person(),
        read_job_file(open_job_file(file), project_id=project, workshop=workshop),
        project_id=project,
        now=wiring.now(),
        workshop=workshop,
    )
    verdicts = choice.verdicts if choice else ()
    show(
        verdicts,
        json=json,
        columns=VERDICT_COLUMNS,
        empty=Sentence("The project has time on one partition only: there is nothing to choose."),
    )


@app.command("list")
def list_jobs(
    project: Annotated[str, typer.Option(help="Of this project only.")] = "",
    sweep: Annotated[str, typer.Option(help="Of this sweep or array only.")] = "",
    after: Annotated[str, typer.Option(help="Begin after this job.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    json: AsJson = False,
) -> None:
    """List jobs, the newest first."""
    found = jobs.list_jobs(
        acting_person(), project_id=project, sweep_id=sweep, after=after, limit=limit
    )
    rows = runs.beside_progress(found, backend_of=lambda place: wiring.workshop().backend_of(place))
    empty = Sentence("No job yet. Begin with: allmende job submit")
    show([_line(row, json=json) for row in rows], json=json, columns=LIST_COLUMNS, empty=empty)


@app.command("show")
def show_job(job_id: str, json: AsJson = False) -> None:
    """Show a job and its attempts."""
    view = jobs.get_job(acting_person(), job_id)
    if json:
        show(view, json=True)
    else:
        show(view.job, columns=(*COLUMNS, *MORE_COLUMNS))
        show(view.attempts, columns=ATTEMPT_COLUMNS, empty=Sentence("It has not been started yet."))


@app.command("why")
def explain_job(job_id: str, json: AsJson = False) -> None:
    """Say why a job waits, or why it ended."""
    job = jobs.get_job(acting_person(), job_id).job
    sentence = job.wait or job.end or Sentence("It is running.")
    forecast = forecasts.forecast_job(
        acting_person(), job_id, now=wiring.now(), workshop=wiring.workshop()
    )
    choices = brokering.list_choices(acting_person(), job_id)
    if json:
        facts = {"state": job.state, "sentence": sentence, "forecast": forecast}
        show({**facts, "choices": choices}, json=True)
        return
    say(sentence)
    if forecast is not None:
        say(forecasts.say_forecast(forecast))
    if choices:
        say_choice(choices[-1].choice)


@app.command("events")
def list_job_events(job_id: str, json: AsJson = False) -> None:
    """List what happened to a job."""
    show(jobs.list_job_events(acting_person(), job_id), json=json, columns=("at", "sentence"))


@app.command("log")
def print_job_log(
    job_id: str,
    attempt: Annotated[int, typer.Option(min=0, help="Of this attempt; 0: the newest.")] = 0,
    json: AsJson = False,
) -> None:
    """Print what a job wrote so far."""
    backend_of = wiring.workshop().backend_of
    reader, text, offset = acting_person(), "", 0
    while True:
        part = runs.read_job_log(
            reader, job_id, attempt=attempt, offset=offset, backend_of=backend_of
        )
        offset = part.next_offset
        if json:
            text += part.text
        else:
            typer.echo(part.text, nl=False)
        if part.is_whole:
            break
    if json:
        show({"log": text, "next_offset": offset}, json=True)


@app.command("cancel")
def cancel_job(job_id: str, json: AsJson = False) -> None:
    """Cancel a job at once."""
    show(jobs.cancel_job(acting_deed(), job_id), json=json, columns=COLUMNS)


@app.command("cancel-sweep")
def cancel_sweep(sweep_id: str, json: AsJson = False) -> None:
    """Cancel all jobs of a sweep or an array at once."""
    show(sweeps.cancel_sweep(acting_deed(), sweep_id), json=json, columns=COLUMNS)


@app.command("compare")
def compare_jobs(sweep_id: str, json: AsJson = False) -> None:
    """Show the jobs of a sweep or an array side by side: what each tries, and what came of it."""
    rows = sweeps.compare_jobs(acting_person(), sweep_id, backend_of=wiring.workshop().backend_of)
    if json:
        show(rows, json=True)
        return
    table = [
        {
            "job": row.job.id,
            "number": row.job.sweep_index,
            # Its own mark, for code often reports a metric by the name of a parameter.
            **{f"{name}=": value for name, value in row.values.items()},
            "state": row.job.state,
            "step": row.progress.step,
            **{name: f"{value:.4g}" for name, value in row.progress.metrics.items()},
        }
        for row in rows
    ]
    show(table, columns=tuple(dict.fromkeys(name for line in table for name in line)))


@app.command("stop")
def stop_job(job_id: str, json: AsJson = False) -> None:
    """Stop a job after it has saved a checkpoint."""
    show(jobs.stop_job(acting_deed(), job_id), json=json, columns=COLUMNS)


@app.command("again")
def run_job_again(job_id: str, key: Key = "", json: AsJson = False) -> None:
    """Submit the same job file once more."""
    deed = acting_deed()
    again = submissions.run_job_again(
        deed, job_id, client_key=key or deed.new_id("key"), workshop=wiring.workshop()
    )
    show(again, json=json, columns=COLUMNS)


def _say_next(submitted: list[Job]) -> None:
    first = submitted[0]
    if first.sweep_id:
        say(Sentence("See them together: allmende job compare {sweep}", {"sweep": first.sweep_id}))
    else:
        say(Sentence("Follow it: allmende job watch {job}", {"job": first.id}))


def _line(row: runs.JobRow, *, json: bool) -> dict[str, Any]:
    """Return a job as a list tells it: to people, how far it is in percent."""
    step, total = row.progress.step, row.progress.total
    words = f"{row.progress.percent} %" if total else ""
    return vars(row.job) | {"progress": {"step": step, "total": total} if json else words}


def _wait_also(value: Any, **names: list[str]) -> Any:
    """Add to what the job file itself says about the jobs to wait for."""
    if not isinstance(value, dict):
        return value  # the parser says what a job file is
    for key, more in names.items():
        said = value.get(key) or []
        if more and isinstance(said, list):
            value = {**value, key: [*said, *more]}
    return value
