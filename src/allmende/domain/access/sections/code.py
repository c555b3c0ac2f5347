"""Which codes run, and how well they use the machine."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from allmende.domain.access import questions as ask
from allmende.domain.access.modes import FormKind
from allmende.domain.basics.sentences import Sentence


class Connection(StrEnum):
    """How the applicants stand to a code."""

    MAIN_DEVELOPER = "main_developer"
    DEVELOPER = "developer"
    USER = "user"


CONNECTION_WORDS = {
    Connection.MAIN_DEVELOPER: "We wrote it",
    Connection.DEVELOPER: "We help to develop it",
    Connection.USER: "We use it",
}


@dataclass(frozen=True, kw_only=True)
class Code:
    """A program that will run."""

    name: str = ask.line("Name and version")
    repository: str = ask.line("Where it can be had")
    licence: str = ask.line("Licence")
    connection: Connection | None = ask.choice(
        Connection, CONNECTION_WORDS, "How do you stand to it?"
    )


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One point of a scaling test."""

    devices: int | None = ask.whole("GPUs or nodes", least=1, most=10**6)
    seconds: Decimal | None = ask.decimal("Seconds for the same work", most=10**9)


@dataclass(frozen=True, kw_only=True)
class CodeAnswers:
    """Codes."""

    codes: tuple[Code, ...] = ask.rows(
        Code,
        "Which programs will you run?",
        hint="Your own and the large ones that you build on.",
        need="Name one program at least.",
        forms=ask.FULL,
    )
    scaling: tuple[Measurement, ...] = ask.rows(
        Measurement,
        "Measured scaling",
        hint="The same work on more and more devices. The efficiency is worked out for you.",
        forms=ask.FULL,
    )
    scalability: str = ask.text(
        "How do you know that it scales to what you ask for?",
        hint="What you measured, where, and with which data. A table above says more than words.",
        need="Say how you know that your code scales.",
        forms=ask.FULL,
    )
    bottlenecks: str = ask.text(
        "What holds it up, and what do you do about it?",
        hint="Bottlenecks, and the work on them that is done or planned.",
        need="Say what holds your code up, or that you found nothing.",
        forms=ask.FULL,
    )


def review_code(answers: CodeAnswers, form: FormKind) -> dict[str, Sentence]:
    """Return which rows are not whole."""
    found: dict[str, Sentence] = {}
    if form is FormKind.SHORT:
        return found
    if any(not (c.name and c.repository and c.licence and c.connection) for c in answers.codes):
        found["codes"] = Sentence("Give each program its version, place, licence and connection.")
    if any(row.devices is None or not row.seconds for row in answers.scaling):
        found["scaling"] = Sentence("Give each measurement its devices and its seconds.")
    return found


def efficiencies(scaling: tuple[Measurement, ...]) -> tuple[tuple[Measurement, float], ...]:
    """Return each measurement with its parallel efficiency against that on the fewest devices.

    Efficiency is (devices × seconds) of the smallest over that of the row: 1.0 is perfect.
    """
    whole = [row for row in scaling if row.devices and row.seconds]
    whole.sort(key=lambda row: row.devices or 0)
    costs = [float((row.devices or 0) * (row.seconds or 0)) for row in whole]
    return tuple((row, costs[0] / cost) for row, cost in zip(whole, costs, strict=True))
