"""Shell completion: `eval "$(allmende completion bash)"`."""

from enum import StrEnum
from typing import Annotated

import typer
from typer.completion import get_completion_script


class Shell(StrEnum):
    """The shells that Typer can complete."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(shell: Annotated[Shell, typer.Argument(help="bash, zsh or fish.")]) -> None:
    """Print the completion script of a shell, to be put where the shell looks for it."""
    typer.echo(
        get_completion_script(
            prog_name="allmende", complete_var="_ALLMENDE_COMPLETE", shell=shell.value
        )
    )
