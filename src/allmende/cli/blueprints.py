"""Blueprints: what can be trained here, and the environments they run in."""

from typing import Annotated

import typer

from allmende.cli.output import AsJson, say, show
from allmende.domain.basics.sentences import Sentence
from allmende.domain.training.blueprints import find_blueprint
from allmende.wiring import environments
from allmende.wiring.blueprints import load_blueprints
from allmende.wiring.languages import get_language

app = typer.Typer(help="What can be trained here.")


@app.command("list")
def list_blueprints(json: AsJson = False) -> None:
    """List the blueprints and whether their environment is built."""
    rows = [
        {
            "id": blueprint.reference,
            "name": getattr(blueprint.name, get_language()),
            "is_ready": environments.is_environment_built(blueprint.id),
        }
        for blueprint in load_blueprints().values()
    ]
    show(rows, json=json)


@app.command()
def prepare(
    blueprint: Annotated[str, typer.Argument(help="Its id, such as medicine.")] = "",
    all_of_them: Annotated[bool, typer.Option("--all", help="Prepare every blueprint.")] = False,
    json: AsJson = False,
) -> None:
    """Build the environment of a blueprint, once; pinned packages, each with its hash."""
    known = load_blueprints()
    wanted = list(known) if all_of_them else [find_blueprint(known, blueprint).id]
    for name in wanted:
        if not environments.is_environment_built(name) and not json:
            say(Sentence("Building the environment of {blueprint} (once) …", {"blueprint": name}))
        environments.environment_python(name)
    if json:
        show({"prepared": wanted}, json=True)
