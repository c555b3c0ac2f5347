"""The command `allmende`: one noun per file, one table of commands, one table of exit codes."""

import sys
from typing import Annotated

import typer

from allmende import __version__
from allmende.cli.commands import LazyGroup, acting_as
from allmende.cli.exits import ExitCode, exit_code_for
from allmende.cli.interrupts import INTERRUPTS
from allmende.domain.basics.refusals import Refusal

app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def allmende(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    person: Annotated[
        str,
        typer.Option(
            "--as",
            metavar="PERSON",
            envvar="ALLMENDE_PERSON",
            help="Act as this person (id or e-mail).",
        ),
    ] = "",
    _language: Annotated[
        str,
        typer.Option(
            "--language",
            metavar="de|en",
            envvar=["ALLMENDE_LANGUAGE", "LANG"],
            is_eager=True,  # before --help, which is written in it
            help="The language of answers and of this help.",
        ),
    ] = "",
) -> None:
    """Compute time shared fairly, with every promise checked."""
    acting_as.set(person)


def main() -> None:
    """Run the command line and leave with the exit code that `exits.py` explains."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; every refusal becomes a sentence."""
    with INTERRUPTS.watched():
        code = _run(arguments)
        return ExitCode.INTERRUPTED if INTERRUPTS.came else code


def _run(arguments: list[str]) -> int:
    try:
        app(args=arguments, prog_name="allmende", standalone_mode=True)
    except SystemExit as end:
        return int(end.code or 0)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Refusal as refusal:
        return _refuse(refusal, arguments)
    except Exception as error:
        if INTERRUPTS.came:  # that is what it comes from
            return ExitCode.INTERRUPTED
        refusal_of_error = _explain(error)
        if refusal_of_error is None:
            raise
        return _refuse(refusal_of_error, arguments)
    return ExitCode.OK


def _refuse(refusal: Refusal, arguments: list[str]) -> int:
    from allmende.cli import output  # noqa: PLC0415 - keeps `allmende --help` quick

    output.show_refusal(refusal, json="--json" in arguments)
    return exit_code_for(refusal)


def _explain(error: Exception) -> Refusal | None:
    from allmende.wiring import troubles  # noqa: PLC0415 - keeps `allmende --help` quick

    return troubles.explain(error)
