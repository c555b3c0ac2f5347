"""Every command of `allmende`: one table, and a group that loads a command when it is called."""

import importlib
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from allmende import wiring
from allmende.cli import helps
from allmende.cli.exits import explain_codes


@dataclass(frozen=True)
class Command:
    """Where a command lives. `attribute` is a Typer app (a noun) or a function (a verb)."""

    module: str
    attribute: str
    help: str
    needs_database: bool = True
    speaks: bool = True  # also German; False: it takes care of that itself


# The person of `--as`, set before a command runs.
acting_as: ContextVar[str] = ContextVar("acting_as", default="")

COMMANDS = {
    "demo": Command(
        "demo", "demo", "Play the whole story, from application to model.", False, False
    ),
    "init": Command(
        "init", "init", "Set up the database and print the administrator's link.", False, False
    ),
    "serve": Command("serve", "serve", "Run the portal, the API, the daemon and the gate.", True),
    "gate": Command("serve", "gate", "Let people in to their sessions.", True),
    "daemon": Command("serve", "daemon", "Run the heartbeat alone.", True),
    "person": Command("people", "app", "People and their roles."),
    "token": Command("tokens", "app", "Tokens for programs."),
    "organisation": Command("organisations", "app", "Organisations and their size."),
    "eligibility": Command("eligibility", "app", "May we apply, and where?"),
    "call": Command("calls", "app", "What is open."),
    "mode": Command("modes", "app", "Access modes and their versions."),
    "rules": Command("rules", "list_rules", "Every number that decides, on any day."),
    "application": Command("applications", "app", "Requests for compute time."),
    "document": Command("documents", "app", "Files of an application."),
    "review": Command("expert_reviews", "app", "Your reviews as an expert."),
    "panel": Command("panels", "app", "Who reviews what, and how it ranks."),
    "award": Command("awards", "app", "Decisions that give time."),
    "appeal": Command("appeals", "app", "A second look at a decision."),
    "mail": Command("mail", "app", "What people are told by e-mail, and what failed."),
    "aid": Command("aid", "app", "State aid that was granted, and its registration."),
    "programme": Command("programme", "app", "Figures for the office, and the data of a year."),
    "project": Command("projects", "app", "The work under an award, and its budget."),
    "report": Command("reports", "app", "What projects say at their end."),
    "change": Command("changes", "app", "More months or hours for a running project."),
    "job": Command("jobs", "app", "Submit, follow and stop jobs."),
    "session": Command("sessions", "app", "JupyterLab and a shell on a node."),
    "secret": Command("project_secrets", "app", "What jobs need and nobody else may read."),
    "model": Command("models", "app", "Trained models, their cards and records."),
    "blueprint": Command("blueprints", "app", "What can be trained here.", needs_database=False),
    "data": Command("data", "app", "What lies at sites for jobs to read."),
    "plan-training": Command(
        "plan_training", "plan_training", "What a training takes, before you ask for it.", False
    ),
    "site": Command("sites", "app", "Where the machines stand."),
    "slurm": Command("slurm", "app", "Slurm clusters: what ran there, and what we say of it."),
    "node": Command("nodes", "app", "What nodes do; draining one, with a preview."),
    "incident": Command("incidents", "app", "What went wrong at a site, for everybody to read."),
    "agents": Command("agents", "app", "The agents that call in from sites."),
    "agent": Command("agent", "app", "The agent of a site, beside its machine.", False, False),
    "reservation": Command("reservations", "app", "Maintenance, power caps, nodes for a project."),
    "ceiling": Command("ceilings", "app", "What kinds of use may have, and what is left of it."),
    "ledger": Command("ledger", "app", "Every hour, booked twice."),
    "promise": Command("promises", "app", "What was promised, and whether it is kept."),
    "twin": Command("twin", "app", "Workloads in virtual time, under any policy.", False),
    "what-if": Command("what_if", "ask_what_if", "What other shares would do to everybody."),
    "audit": Command("audit", "app", "Who did what, when and why."),
    "export-evidence": Command("evidence", "export_evidence", "Write the evidence as plain files."),
    "verify": Command(
        "evidence", "verify", "Recompute exported evidence, without a database.", False, False
    ),
}


class LazyGroup(TyperGroup):
    """A group that knows its commands by name, and imports one only when it is called."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        # Stand-ins that carry the help; `resolve_command` loads the real one.
        self.commands = {
            name: TyperCommand(name, help=command.help) for name, command in COMMANDS.items()
        }

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help in the reader's language."""
        option = next(each for each in self.params if each.name == "_language")
        say = helps.find_words(ctx.params.get(option.name) or option.value_from_envvar(ctx) or "")
        if say is not None:
            helps.translate_help(self, say, ctx)
        self.epilog = explain_codes(say or str)
        super().format_help(ctx, formatter)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command itself, loaded, with the database checked where it needs one."""
        name, stand_in, rest = super().resolve_command(ctx, [_singular(args[0]), *args[1:]])
        if stand_in is None:
            return name, stand_in, rest
        command = COMMANDS[name]
        language = ctx.params.get("_language") or ""
        loaded = load(name)
        if command.needs_database or command.speaks:
            _speak(language)
        asks_for_help = "--help" in rest or (isinstance(loaded, TyperGroup) and not rest)
        if asks_for_help and (say := helps.find_words(language)):
            helps.translate_help(loaded, say, ctx)
        if command.needs_database and not ctx.resilient_parsing and not asks_for_help:
            _check_database()
        return name, loaded, rest


def load(name: str) -> Any:
    """Import a command and return it as Typer runs it."""
    command = COMMANDS[name]
    if command.needs_database:
        wiring.start()  # services can only be imported once Django knows its tables
    part = getattr(importlib.import_module(f"allmende.cli.{command.module}"), command.attribute)
    if isinstance(part, typer.Typer):
        loaded: Any = typer.main.get_group(part)
        loaded.no_args_is_help = True
    else:
        verb = typer.Typer(add_completion=False)
        verb.command()(part)
        loaded = typer.main.get_command(verb)
    loaded.name = name
    loaded.help = loaded.help or command.help
    return loaded


def _singular(name: str) -> str:
    return name if name in COMMANDS else name.removesuffix("s")


def _speak(language: str) -> None:
    from allmende.wiring import languages  # noqa: PLC0415 - keeps `allmende --help` quick

    if languages.choose(language) != "en":  # plain English does without Django
        wiring.start()
    languages.speak(language)


def _check_database() -> None:
    from allmende.wiring import database_version  # noqa: PLC0415 - Django must have started

    database_version.check_database()
