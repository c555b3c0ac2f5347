"""Collect every text for people into the German catalogue, and compile it.

Sources: `{% translate %}` and `{% blocktranslate %}` in the templates, gettext calls in the
portal, in every ring the literal templates of `Sentence("…")` and the docstrings of refusals, the
questions of the application form with the words of their choices, and the help of every command.
`python tools/messages.py` updates and compiles; with `--check` it only says what is missing.
"""

import ast
import inspect
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polib
import typer
from django.template.base import Lexer, Token, TokenType
from django.utils.translation import trim_whitespace

from allmende import cli
from allmende.cli.commands import COMMANDS, load
from allmende.cli.helps import list_paragraphs, walk
from allmende.domain.access.aid import PRICE_RULE

PROJECT = Path(__file__).resolve().parents[1]
SOURCE = PROJECT / "src" / "allmende"
CATALOGUE = SOURCE / "locale" / "de" / "LC_MESSAGES" / "django.po"
GETTEXT = {"_", "gettext", "gettext_lazy"}
PLURAL = {"ngettext", "ngettext_lazy"}
TRANSLATE = re.compile(r"""(?:translate|trans)\s+(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')""")
PLACEHOLDER = re.compile(r"\{(\w*)[^{}]*\}|%\((\w+)\)[sd]")
SOURCE_TEXTS = ("source", "price_source", "note")
CITING = (
    *(PROJECT / "config" / f"{name}.toml" for name in ("cut_offs", "modes", "planning")),
    *sorted((PROJECT / "config" / "rules").glob("*.toml")),
)
FACTORY_TEXTS = ("hardware", "note", "planned_for")
HEADER = {
    "Content-Type": "text/plain; charset=utf-8",
    "Content-Transfer-Encoding": "8bit",
    "Language": "de",
    "Plural-Forms": "nplurals=2; plural=(n != 1);",
}


@dataclass(frozen=True, order=True)
class Message:
    """A text to translate; `plural` is empty where there is only one form."""

    text: str
    plural: str = ""


def collect() -> dict[Message, list[str]]:
    """Return every message with the files that it stands in."""
    found: dict[Message, list[str]] = {}
    trees = {path: ast.parse(path.read_text()) for path in sorted(SOURCE.rglob("*.py"))}
    refusals = names_of_refusals(trees.values())
    for path, tree in trees.items():
        for message in messages_of_python(tree, refusals):
            found.setdefault(message, []).append(str(path.relative_to(SOURCE)))
    for path in sorted((SOURCE / "web" / "templates").rglob("*")):
        if path.suffix in (".html", ".txt"):
            for message in messages_of_template(path.read_text()):
                found.setdefault(message, []).append(str(path.relative_to(SOURCE)))
    for text in texts_of_factory():
        found.setdefault(Message(text), []).append("config/factory.toml")
    for path in CITING:
        for text in texts_of_sources(tomllib.loads(path.read_text())):
            found.setdefault(Message(text), []).append(str(path.relative_to(PROJECT)))
    for text in texts_of_commands():
        found.setdefault(Message(text), []).append("cli")
    return found


def texts_of_sources(rows: Any) -> Iterator[str]:
    """Yield what is noted, and who says so; of rules the unit, too, and the article alone."""
    if isinstance(rows, list):
        yield from (text for row in rows for text in texts_of_sources(row))
    elif isinstance(rows, dict):
        for key, value in rows.items():
            if key in SOURCE_TEXTS and isinstance(value, str):
                yield value
                if "rule" in rows:
                    yield rows["unit"]
                    yield value.partition("; ")[0]
                if rows.get("rule") == PRICE_RULE:
                    yield f"{value} ({rows['valid_from']})"
            else:
                yield from texts_of_sources(value)


def texts_of_commands() -> Iterator[str]:
    """Yield the help of the command line, of every command, and of their options."""
    group = typer.main.get_command(cli.app)
    context = group.make_context("allmende", [], resilient_parsing=True)
    for command in (group, *map(load, COMMANDS)):
        for part in walk(command, context):
            yield from list_paragraphs(part)


def texts_of_factory() -> Iterator[str]:
    """Yield what the configuration says in words that are not names."""
    factory = tomllib.loads((PROJECT / "config" / "factory.toml").read_text())
    yield factory["factory"]["operator"]
    for site in factory["sites"]:
        yield site["hosting_entity"]
        yield from site.get("focus", ())
        for partition in site["partitions"]:
            yield from (partition[key] for key in FACTORY_TEXTS if key in partition)
            yield from (group["name"] for group in partition.get("groups", ()))


def messages_of_python(tree: ast.Module, refusals: set[str]) -> Iterator[Message]:
    """Yield the texts of gettext calls, sentences and refusals."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _messages_of_call(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            yield from _messages_of_words(node)
        elif isinstance(node, ast.ClassDef) and node.name in refusals:
            docstring = ast.get_docstring(node, clean=False) or ""
            yield Message(" ".join(inspect.cleandoc(docstring).split()))


def _messages_of_call(node: ast.Call) -> Iterator[Message]:
    name = getattr(node.func, "id", getattr(node.func, "attr", ""))
    if getattr(getattr(node.func, "value", None), "id", "") == "ask":
        yield from _messages_of_question(node)
        return
    texts = [_literal(argument) for argument in node.args]
    if name in GETTEXT and texts and texts[0]:
        yield Message(texts[0])
    elif name in PLURAL and len(texts) > 1 and texts[0] and texts[1]:
        yield Message(texts[0], texts[1])
    elif name == "Sentence" and texts and texts[0]:
        yield Message(texts[0])
    elif name == "find" and len(texts) > 1 and " " in texts[1]:  # a finding: key, template
        yield Message(texts[1])
    for keyword in node.keywords:
        if keyword.arg == "template" and (text := _literal(keyword.value)):
            yield Message(text)


def _messages_of_question(node: ast.Call) -> Iterator[Message]:
    """Yield label, hint and need of `ask.line("…", hint="…")`."""
    texts = [*node.args, *(each.value for each in node.keywords if each.arg in ("hint", "need"))]
    yield from (Message(text) for text in map(_literal, texts) if text)


def _messages_of_words(node: ast.Assign | ast.AnnAssign) -> Iterator[Message]:
    """Yield the words of choices, from tables such as `PURPOSE_WORDS = {…: "…"}`."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    is_table = any(getattr(target, "id", "").endswith("_WORDS") for target in targets)
    if is_table and isinstance(node.value, ast.Dict):
        yield from (Message(text) for text in map(_literal, node.value.values) if text)


def _literal(node: ast.expr) -> str:
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return str(node.value) if is_text and isinstance(node, ast.Constant) else ""


def names_of_refusals(trees: Iterable[ast.Module]) -> set[str]:
    """Return the names of every class that is a refusal, over all files."""
    bases: dict[str, set[str]] = {}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                named = {getattr(base, "id", getattr(base, "attr", "")) for base in node.bases}
                bases.setdefault(node.name, set()).update(named)
    refusals = {"Refusal"}
    while True:
        more = {name for name, parents in bases.items() if parents & refusals} - refusals
        if not more:
            return refusals
        refusals |= more


def messages_of_template(source: str) -> Iterator[Message]:
    """Yield the texts of a template as Django looks them up."""
    tokens = iter(Lexer(source).tokenize())
    for token in tokens:
        if token.token_type is not TokenType.BLOCK:
            continue
        if token.contents.split()[0] in ("blocktranslate", "blocktrans"):
            yield _block(token, tokens)
        elif match := TRANSLATE.match(token.contents):
            text = (match[1] or match[2] or "").replace('\\"', '"')
            yield Message(text.replace("%", "%%"))


def _block(opening: Token, tokens: Iterator[Token]) -> Message:
    forms = [""]
    for token in tokens:
        if token.token_type is TokenType.BLOCK:
            word = token.contents.split()[0]
            if word.startswith("endblocktrans"):
                break
            assert word == "plural", f"{word} inside blocktranslate"
            forms.append("")
        elif token.token_type is TokenType.VAR:
            forms[-1] += f"%({token.contents.strip()})s"
        else:
            forms[-1] += token.contents.replace("%", "%%")
    if "trimmed" in opening.contents.split():
        forms = [trim_whitespace(form) for form in forms]
    return Message(*forms)


def update() -> polib.POFile:
    """Write the catalogue anew: what is known keeps its translation, what is gone goes."""
    known: dict[tuple[str, str], polib.POEntry] = {}
    if CATALOGUE.exists():
        known = {(e.msgid, e.msgid_plural): e for e in polib.pofile(str(CATALOGUE))}
    catalogue = polib.POFile(wrapwidth=100)
    catalogue.metadata = HEADER
    for message, places in sorted(collect().items()):
        if not message.text:
            continue
        old = known.get((message.text, message.plural))
        entry = polib.POEntry(
            msgid=message.text,
            msgid_plural=message.plural,
            occurrences=[(place, "") for place in sorted(set(places))],
        )
        if message.plural:
            entry.msgstr_plural = old.msgstr_plural if old else {0: "", 1: ""}
            entry.flags = ["python-format"] if "%" in message.text + message.plural else []
        else:
            entry.msgstr = old.msgstr if old else ""
        catalogue.append(entry)
    return catalogue


def list_mistakes(catalogue: polib.POFile) -> list[str]:
    """Return what is not translated, doubtful, or lost a place for a fact."""
    mistakes = []
    for entry in catalogue:
        written = list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]
        if entry.fuzzy or not all(written):
            mistakes.append(f"not translated: {entry.msgid}")
            continue
        wanted = places(entry.msgid_plural or entry.msgid)
        last = written[-1]
        if places(last) != wanted:
            mistakes.append(f"other places for facts: {entry.msgid} -> {last}")
    return mistakes


def places(text: str) -> set[str]:
    """Return the names of the facts that a text has places for."""
    return {match[1] or match[2] or "" for match in PLACEHOLDER.finditer(text)}


def main() -> int:
    """Update and compile, or check."""
    is_check = "--check" in sys.argv
    catalogue = update()
    mistakes = list_mistakes(catalogue)
    if is_check:
        if str(catalogue) != CATALOGUE.read_text():
            mistakes.append("the catalogue is stale; run: make messages")
        elif catalogue.to_binary() != CATALOGUE.with_suffix(".mo").read_bytes():
            mistakes.append("the compiled catalogue is stale; run: make messages")
    else:
        CATALOGUE.write_text(str(catalogue))
        CATALOGUE.with_suffix(".mo").write_bytes(catalogue.to_binary())
    sys.stdout.write("".join(f"{mistake}\n" for mistake in mistakes))
    sys.stdout.write(f"{len(catalogue)} messages, {len(mistakes)} mistakes\n")
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
