"""Secrets of a project: set from standard input, told by name, never printed."""

import getpass
import sys

import typer

from allmende.cli.acting import acting_deed, acting_person
from allmende.cli.output import AsJson, show
from allmende.domain.basics.sentences import Sentence
from allmende.services import project_secrets
from allmende.wiring.sealing import seal

app = typer.Typer(help="What jobs of a project need and nobody else may read.")

COLUMNS = ("name", "set_by", "set_at")


@app.command("set")
def set_secret(project_id: str, name: str, json: AsJson = False) -> None:
    """Set a secret of a project; its value comes from standard input, one line end less."""
    value = getpass.getpass("> ") if sys.stdin.isatty() else sys.stdin.read()
    set_now = project_secrets.set_secret(
        acting_deed(), project_id, name, value=value.removesuffix("\n"), seal=seal()
    )
    show(set_now, json=json, columns=COLUMNS)


@app.command("list")
def list_secrets(project_id: str, json: AsJson = False) -> None:
    """List the names of a project's secrets, and who set each when."""
    found = project_secrets.list_secrets(acting_person(), project_id)
    show(found, json=json, columns=COLUMNS, empty=Sentence("No secret yet."))


@app.command("remove")
def remove_secret(project_id: str, name: str, json: AsJson = False) -> None:
    """Forget a secret; jobs that name it are refused from then on."""
    project_secrets.remove_secret(acting_deed(), project_id, name)
    show({"removed": name}, json=json)
