"""Sessions: start one, open it, take what was saved; all else is done as with any job."""

import contextlib
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from allmende import wiring
from allmende.cli.acting import acting_deed, acting_person
from allmende.cli.output import AsJson, new_file, say, show
from allmende.cli.session_shell import ScriptFailed, use_shell, wait_for_ticket
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.jobs import Job
from allmende.domain.training.sessions import USUAL_SESSION, SessionIsOver
from allmende.services import jobs, session_files, session_passes, submissions
from allmende.services.job_files import read_job_file
from allmende.wiring.languages import translate
from allmende.wiring.session_visits import enter
from allmende.wiring.sessions import session_address
from allmende.wiring.tokens import new_ticket

app = typer.Typer()

Duration = Annotated[
    str, typer.Option(help="It ends then at the latest, such as 2h; an hour or less if left out.")
]


class NoSessionNamed(Refusal):
    """Name the session, or the project that pays for a new one, and not both:
    `allmende session shell JOB`, `allmende session shell --project PROJECT`."""

    status = 422


@app.command("start")
def start_session(
    project: Annotated[str, typer.Option(help="The project that pays for it.")],
    duration: Duration = "",
    idle_minutes: Annotated[
        float, typer.Option(help="It ends after so many minutes without a deed.")
    ] = 30,
    name: Annotated[str, typer.Option(help="For you to recognise it by.")] = "session",
    data_class: Annotated[
        str, typer.Option(help="public, internal, personal or health.")
    ] = "internal",
    key: Annotated[str, typer.Option(help="Your own key: the same key starts it once.")] = "",
    json: AsJson = False,
) -> None:
    """Start a session; it is a job like any other, and charged as long as it runs."""
    job_file = {
        "name": name,
        "params": {"idle_minutes": idle_minutes},
        "max_duration": duration or None,
        "data_class": data_class,
    }
    started = _start(job_file, project_id=project, key=key)
    show(started, json=json, columns=("id", "name", "state", "held_seconds", "wait"))


def _start(job_file: dict[str, Any], *, project_id: str, key: str = "") -> list[Job]:
    deed, workshop = acting_deed(), wiring.workshop()
    job_file = {"blueprint": USUAL_SESSION, "preemptible": False, **job_file}
    return submissions.submit_job(
        deed,
        read_job_file(job_file, project_id=project_id, workshop=workshop),
        project_id=project_id,
        client_key=key or deed.new_id("key"),
        workshop=workshop,
    )


@app.command("shell")
def open_shell(
    job_id: Annotated[str, typer.Argument(help="The session; none starts one.")] = "",
    project: Annotated[str, typer.Option(help="Start a session that this project pays.")] = "",
    duration: Duration = "",
    keep: Annotated[bool, typer.Option("--keep", help="Leave it running afterwards.")] = False,
    json: AsJson = False,
) -> None:
    """Open a shell in a session of yours, in this terminal; what a pipe says is run as a script.

    With --json it prints, instead, the address that opens the session: once, within a minute.
    """
    if bool(job_id) == bool(project):
        raise NoSessionNamed
    is_new = bool(project)
    if is_new:
        (job,) = _start({"name": "shell", "max_duration": duration or None}, project_id=project)
        job_id = job.id
    try:
        address = wait_for_ticket(job_id)
        visit = None if json else enter(job_id, address)
    except BaseException:
        if is_new:  # nobody would look for it
            with contextlib.suppress(jobs.JobHasEnded):
                jobs.cancel_job(acting_deed(), job_id)
        raise
    if visit is None:
        show({"job": job_id, "address": address}, json=True)
        return
    may_end = is_new and not keep
    try:
        status = use_shell(visit)
    except SessionIsOver:
        raise
    except BaseException:
        _part(job_id, ends=may_end and not sys.stdin.isatty())  # else somebody may have work there
        raise
    _part(job_id, ends=may_end and _is_to_end())
    if status != "0":
        raise ScriptFailed(status=status or "?")


def _is_to_end() -> bool:
    """Ask whether the session that was started for a shell ends with it, where one can ask."""
    question = translate(Sentence("End the session?"))
    return not sys.stdin.isatty() or typer.confirm(question, default=True, err=True)


def _part(job_id: str, *, ends: bool) -> None:
    """End the session, or say that it goes on: it is charged as long as it runs."""
    if ends:
        with contextlib.suppress(jobs.JobHasEnded):
            jobs.stop_job(acting_deed(), job_id)
        return
    goes_on = Sentence(
        "Session {job} goes on. End it with: allmende job stop {job}", {"job": job_id}
    )
    typer.echo(translate(goes_on), err=True)


@app.command("open")
def open_session(job_id: str, json: AsJson = False) -> None:
    """Print the address that opens a session of yours: once, within a minute."""
    ticket = new_ticket()
    session_passes.make_ticket(acting_deed(), job_id, ticket=ticket, workshop=wiring.workshop())
    address = session_address(job_id, ticket)
    if json:
        show({"address": address}, json=True)
    else:
        typer.echo(address)


@app.command("files")
def list_files(job_id: str, json: AsJson = False) -> None:
    """List what was saved in a session."""
    found = session_files.list_files(acting_person(), job_id, workshop=wiring.workshop())
    rows = [{"name": name, "size_bytes": size} for name, size in found.items()]
    show(rows, json=json, empty=Sentence("Nothing was saved yet."))


@app.command("fetch")
def fetch_file(
    job_id: str,
    name: str,
    to: Annotated[Path, typer.Option(help="The folder to put it into.")] = Path(),
) -> None:
    """Take a file that was saved in a session."""
    reader, workshop, target = acting_person(), wiring.workshop(), to / Path(name).name
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)  # of a download that ended half-way
    with new_file(part) as opened:
        session_files.copy_file(reader, job_id, name, into=opened, workshop=workshop)
    part.replace(target)
    say(Sentence("Written: {file}", {"file": str(target)}))
