"""The agent of a site: beside its machine, calling the centre."""

import sys
from typing import Annotated

import typer

from allmende.agent import loop
from allmende.cli.output import AsJson, say, show
from allmende.domain.basics.sentences import Sentence

app = typer.Typer(invoke_without_command=True)

SiteOption = Annotated[str, typer.Option("--site", help="The site that the agent speaks for.")]


@app.callback(invoke_without_command=True)
def run_agent(context: typer.Context, site: SiteOption = "") -> None:
    """Run the agent of a site until Ctrl-C. It calls the centre; nobody has to reach it."""
    if context.invoked_subcommand is None:
        loop.run(site)


@app.command("enrol")
def enrol_agent(
    code: Annotated[
        str, typer.Argument(help="What `allmende agents enrol` printed; - reads it from the input.")
    ],
    site: SiteOption,
    centre: Annotated[str, typer.Option(help="Address of the centre: https://ai.example.org")],
    json: AsJson = False,
) -> None:
    """Make a key for this machine, and let the centre know it, with an operator's code."""
    text = sys.stdin.readline() if code == "-" else code
    fingerprint = loop.enrol(site_id=site, centre=centre, code=text)
    if json:
        show({"site": site, "fingerprint": fingerprint}, json=True)
        return
    say(Sentence("The agent of {site} is enrolled. Its key has the fingerprint", {"site": site}))
    say(fingerprint)
    say(Sentence("Start it with: allmende agent --site {site}", {"site": site}))


@app.command("rotate")
def rotate_key(site: SiteOption, json: AsJson = False) -> None:
    """Make a new key. The agent hands it over with its next call, and forgets the old one."""
    fingerprint = loop.rotate(site)
    if json:
        show({"site": site, "fingerprint": fingerprint}, json=True)
        return
    say(Sentence("With the next call the key has the fingerprint"))
    say(fingerprint)
