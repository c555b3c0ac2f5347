"""The agents that call in from sites, for operators."""

from dataclasses import fields
from typing import Any

import typer

from allmende.cli.acting import acting_deed, acting_person
from allmende.cli.output import AsJson, say, show
from allmende.domain.basics.sentences import Sentence
from allmende.domain.trust.agents import Agent, write_code
from allmende.services import agents
from allmende.wiring.agents import centre_public_key, new_secret
from allmende.wiring.factory import load_factory

app = typer.Typer()

COLUMNS = ("id", "site_id", "fingerprint", "software", "last_contact_at", "spool_depth", "trouble",
           "revoked_at")  # fmt: skip


@app.command("list")
def list_agents(json: AsJson = False) -> None:
    """List the agents, the newest first, also those that were revoked."""
    found = [_facts(agent) for agent in agents.list_agents(acting_person(), limit=1000)]
    empty = Sentence("No agent yet. Let one in with: allmende agents enrol SITE")
    show(found, json=json, columns=COLUMNS, empty=empty)


@app.command("enrol")
def make_code(site: str, json: AsJson = False) -> None:
    """Make a code with which an agent of a site is enrolled, once and within the hour."""
    code = agents.make_code(acting_deed(), site, secret=new_secret(), factory=load_factory())
    text = write_code(code, centre_key=centre_public_key())
    if json:
        show({"site": site, "code": text, "expires_at": code.expires_at}, json=True)
        return
    say(Sentence("Use this once, before {instant}, on the machine of the agent:",
                 {"instant": code.expires_at}))  # fmt: skip
    say(text)


@app.command("revoke")
def revoke_agent(agent_id: str, json: AsJson = False) -> None:
    """Let an agent in no more, from now on; revoking again changes nothing."""
    show(_facts(agents.revoke_agent(acting_deed(), agent_id)), json=json, columns=COLUMNS)


def _facts(agent: Agent) -> dict[str, Any]:
    hidden = {"public_key", "sealing_key", "counter", "received"}
    known = {each.name: getattr(agent, each.name) for each in fields(agent)}
    shown = {name: value for name, value in known.items() if name not in hidden}
    told = {"fingerprint": agent.fingerprint, "takes_secrets": agent.takes_secrets}
    return shown | told
