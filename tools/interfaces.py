"""Renders the reference of the commands and of the API from the code itself."""

from typing import Any

from allmende import wiring
from allmende.cli.commands import COMMANDS, load
from allmende.cli.exits import CODE_WORDS


def render_commands() -> str:
    """Return the page of every command."""
    parts = [
        "# Commands",
        "",
        "`make docs` writes this page from the commands themselves; a test fails when it is stale.",
        "",
        "Every command that prints takes `--json` and then prints one JSON document. Before the "
        "noun stand `--as PERSON` (who acts; else `$ALLMENDE_PERSON`, else the console, which "
        "sees everything and gives roles, and decides nothing) and `--language de|en` (else "
        "`$ALLMENDE_LANGUAGE`, else `$LANG`), which help speaks, too. "
        "`allmende --install-completion` teaches your shell.",
        "",
        "## Exit codes",
        "",
        "| code | meaning |",
        "|---|---|",
        *(f"| {code.value} | {text} |" for code, text in CODE_WORDS.items()),
        "",
        "With `--json` a refusal is written to the error stream as "
        '`{"error": {"code": …, "sentence": …, "facts": …}}`.',
    ]
    for name, command in COMMANDS.items():
        loaded = load(name)
        parts += ["", f"## allmende {name}", "", command.help]
        verbs = getattr(loaded, "commands", None)
        for verb, each in (verbs or {"": loaded}).items():
            parts += ["", *_describe(f"allmende {name} {verb}".strip(), each)]
    return "\n".join(parts) + "\n"


def _describe(name: str, command: Any) -> list[str]:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
    usage = " ".join([name, *(p.name.upper() for p in arguments)])
    help_text = " ".join((command.help or "").split())
    lines = [f"### `{usage}`", "", help_text]
    rows = [(p.name.upper(), p.help) for p in arguments if p.help]
    rows += [(" / ".join([*p.opts, *p.secondary_opts]), p.help) for p in options]
    if rows:
        lines += [""] + [f"- `{label}`{': ' + text if text else ''}" for label, text in rows]
    return lines


def render_api() -> str:
    """Return the page of every operation of the API."""
    wiring.start()
    # The API can only be imported once Django knows its tables.
    from allmende.web.api import api  # noqa: PLC0415
    from allmende.web.api.reference import list_operations  # noqa: PLC0415

    parts = [
        "# API",
        "",
        "`make docs` writes this page from the API itself; a test fails when it is stale. The "
        "machine-readable description is at `/api/v1/openapi.json`; how to begin stands in "
        "[use the API](../howto/use-the-api.md).",
    ]
    for noun, operations in list_operations(api):
        parts += [
            "",
            f"## {noun}",
            "",
            "| call | what it does | permission | scope of a token |",
            "|---|---|---|---|",
        ]
        for each in operations:
            scope = "–" if each.is_public else (each.scope or "sign in")
            call = f"`{each.method} {each.path}`"
            parts.append(f"| {call} | {each.sentence} | `{each.permission}` | {scope} |")
    return "\n".join(parts) + "\n"
