"""Sessions: start one, open it, take what was saved; all else is done as with any job."""

from pathlib import Path
from typing import Annotated

import typer

from allmende import wiring
from allmende.cli.acting import acting_deed, acting_person
from allmende.cli.output import AsJson, new_file, say, show
from allmende.domain.basics.sentences import Sentence
from allmende.domain.training.sessions import USUAL_SESSION
from allmende.services import session_files, session_passes, submissions
from allmende.services.job_files import read_job_file
from allmende.wiring.sessions import session_address
from allmende.wiring.tokens import new_ticket

app = typer.Typer()


@app.command("start")
def start_session(
    project: Annotated[str, typer.Option(help="The project that pays for it.")],
    duration: Annotated[
        str,
        typer.Option(help="It ends then at the latest, such as 2h; an hour or less if left out."),
    ] = "",
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
    deed, workshop = acting_deed(), wiring.workshop()
    job_file = {
        "name": name,
        "blueprint": USUAL_SESSION,
        "params": {"idle_minutes": idle_minutes},
        "max_duration": duration or None,
        "data_class": data_class,
        "preemptible": False,
    }
    started = submissions.submit_job(
        deed,
        read_job_file(job_file, project_id=project, workshop=workshop),
        project_id=project,
        client_key=key or deed.new_id("key"),
        workshop=workshop,
    )
    show(started, json=json, columns=("id", "name", "state", "held_seconds", "wait"))


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
