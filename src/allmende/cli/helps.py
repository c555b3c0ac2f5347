"""The help of commands in the reader's language, by the catalogue that the portal has too."""

import gettext
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

LOCALE = Path(__file__).parents[1] / "locale"
# What Typer writes around the texts of a command, by the names that it keeps them under.
FRAME_WORDS = {
    "ARGUMENTS_PANEL_TITLE": "Arguments",
    "OPTIONS_PANEL_TITLE": "Options",
    "COMMANDS_PANEL_TITLE": "Commands",
    "REQUIRED_LONG_STRING": "[required]",
    "DEFAULT_STRING": "[default: {}]",
    "ENVVAR_STRING": "[env var: {}]",
}

Say = Callable[[str], str]


def find_words(language: str) -> Say | None:
    """Return what says a text in a language, such as `de_DE.UTF-8`; None for English."""
    # Django's own way would have to start Django first.
    wanted = [language.replace("-", "_")]
    words = gettext.translation("django", LOCALE, wanted, fallback=True)
    return words.gettext if isinstance(words, gettext.GNUTranslations) else None


def translate_help(command: Any, say: Say, context: Any) -> None:
    """Put the help of a command, and of all below it, into another language."""
    from typer import rich_utils  # noqa: PLC0415 - keeps English quick

    for name, word in FRAME_WORDS.items():
        setattr(rich_utils, name, say(word))
    for each in walk(command, context):
        each.help = "\n\n".join(map(say, list_paragraphs(each)))


def walk(command: Any, context: Any) -> Iterator[Any]:
    """Yield everything with a help: the command, its arguments and options, and all below it."""
    yield command
    yield from (each for each in command.get_params(context) if hasattr(each, "help"))
    for below in getattr(command, "commands", {}).values():
        yield from walk(below, context)


def list_paragraphs(part: Any) -> list[str]:
    """Return the paragraphs of a help, each on one line: the keys of their translations."""
    return [" ".join(each.split()) for each in (part.help or "").split("\n\n") if each.strip()]
