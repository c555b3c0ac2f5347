"""What the exit codes of `allmende` mean: one table, for scripts."""

from collections.abc import Callable
from enum import IntEnum

from allmende.domain.basics.refusals import Refusal


class ExitCode(IntEnum):
    """How a command ended."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    NOT_FOUND = 3
    NOT_PERMITTED = 4
    ENVIRONMENT = 5
    DIFFERENT = 6
    INTERRUPTED = 130


TITLE_WORDS = {"codes": "Exit codes"}
CODE_WORDS = {
    ExitCode.OK: "done, and every check held",
    ExitCode.REFUSED: "refused, or a check failed; the sentence says why",
    ExitCode.USAGE: "the command was typed wrongly",
    ExitCode.NOT_FOUND: "there is no such thing",
    ExitCode.NOT_PERMITTED: "the acting person may not do this",
    ExitCode.ENVIRONMENT: "this machine is in the way: a port, the disk, the database, the "
    "configuration",
    ExitCode.DIFFERENT: "compared, and there are differences",
    ExitCode.INTERRUPTED: "stopped with Ctrl-C",
}

# The HTTP answer that fits a refusal decides its exit code; every other one is REFUSED.
BY_STATUS = {
    401: ExitCode.NOT_PERMITTED,
    403: ExitCode.NOT_PERMITTED,
    404: ExitCode.NOT_FOUND,
    500: ExitCode.ENVIRONMENT,
    503: ExitCode.ENVIRONMENT,
    507: ExitCode.ENVIRONMENT,
}


def exit_code_for(refusal: Refusal) -> ExitCode:
    """Return the exit code of a refusal."""
    return BY_STATUS.get(refusal.status, ExitCode.REFUSED)


def explain_codes(say: Callable[[str], str]) -> str:
    """Return what every exit code means, for the help."""
    told = "; ".join(f"{code.value} {say(text)}" for code, text in CODE_WORDS.items())
    return f"{say(TITLE_WORDS['codes'])}: {told}"
