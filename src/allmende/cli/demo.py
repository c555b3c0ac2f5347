"""`allmende demo`: the whole job, from the first question to a trained model and kept promises."""

import sys
from typing import Annotated

import typer
from rich.console import Console

from allmende import wiring
from allmende.cli.exits import ExitCode
from allmende.cli.interrupts import INTERRUPTS
from allmende.cli.output import AsJson, say, show
from allmende.domain.basics.sentences import Sentence
from allmende.wiring import environments, languages, stage

STAGES = (
    "factory",
    "people",
    "eligibility",
    "application",
    "award",
    "review",
    "jobs",
    "run",
    "models",
    "promises",
)


def demo(
    seed: Annotated[int, typer.Option(help="The same seed tells the same story.")] = 1,
    stop_after: Annotated[
        str,
        typer.Option("--stage", help=f"Stop after a stage: {', '.join(STAGES)}."),
    ] = STAGES[-1],
    json: AsJson = False,
) -> None:
    """Play the whole story on this machine, in a fresh database under var/."""
    if stop_after not in STAGES:
        raise typer.BadParameter(f"choose one of: {', '.join(STAGES)}", param_hint="--stage")
    if STAGES.index(stop_after) >= STAGES.index("jobs"):
        _prepare_blueprint(is_quiet=json)
    with stage.alone_in_home():
        _play(seed, stop_after, json=json)


def _play(seed: int, stop_after: str, *, json: bool) -> None:
    stage.clear_home(seed=seed)
    wiring.start()
    # These can only be imported once Django knows its tables.
    from allmende.cli.demo_stage import Stage  # noqa: PLC0415
    from allmende.wiring import database_version  # noqa: PLC0415

    database_version.bring_up_to_date()
    # A file or a pipe has no width of its own; the tables are made for this one.
    console = Console(quiet=json, width=None if sys.stdout.isatty() else 110)
    playing = Stage(console=console, new_id=stage.seeded_ids(seed))
    try:
        for name in STAGES[: STAGES.index(stop_after) + 1]:
            playing.play(name)
    except (KeyboardInterrupt, Exception):
        if not INTERRUPTS.came:
            raise
        INTERRUPTS.ignore_more()
        wiring.close_database()  # it may be in the middle of something
        playing.clear_up()
        console.print(languages.translate(Sentence("Stopped. The next demo starts afresh.")))
        raise KeyboardInterrupt from None
    finally:
        playing.leave()
    if json:
        show(playing.summary(), json=True)
    else:
        playing.say_how_to_look(is_finished=stop_after == STAGES[-1])
    if not playing.is_kept:
        raise typer.Exit(ExitCode.REFUSED)


def _prepare_blueprint(*, is_quiet: bool) -> None:
    """Build what the training needs before the story begins, not in the middle of it."""
    if not environments.is_environment_built("medicine") and not is_quiet:
        say(Sentence("Building the environment of {blueprint} (once) …", {"blueprint": "medicine"}))
    environments.environment_python("medicine")
