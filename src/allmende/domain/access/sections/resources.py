"""How much compute time, for what, and why here."""

from dataclasses import dataclass
from decimal import Decimal

from allmende.domain.access import questions as ask
from allmende.domain.access.calls import Call
from allmende.domain.access.modes import Experience, FormKind
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import (
    HOURS_MAX,
    SECONDS_PER_HOUR,
    TimeUnit,
    hours_from_seconds,
)

EXPERIENCE_WORDS = {
    Experience.NEW: "No, this is the first time",
    Experience.FAMILIAR: "Yes, our code runs on several GPUs",
    Experience.READY_FOR_REVIEW: "Yes, with measurements of how it scales",
}
UNIT_WORDS = {TimeUnit.GPU_SECONDS: "GPU hours", TimeUnit.NODE_SECONDS: "Node hours"}
SECONDS_MOST = HOURS_MAX * SECONDS_PER_HOUR


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """Runs of one kind: how often, on how many devices, for how long each."""

    name: str = ask.line("What runs")
    runs: int | None = ask.whole("Runs", least=1, most=10**6)
    devices: int | None = ask.whole("GPUs or nodes each", least=1, most=10**6)
    hours: Decimal | None = ask.decimal("Hours each", most=10**6)

    @property
    def total_hours(self) -> Decimal | None:
        """Return the hours of all of them, in the unit of the call; None where a figure lacks."""
        return ask.multiply(self.runs, self.devices, self.hours)


@dataclass(frozen=True, kw_only=True)
class ResourceAnswers:
    """Compute time."""

    requested_seconds: int | None = ask.hours(
        "How many hours ({unit}) do you need?",
        hint="This call gives up to {most}.",
        least=-SECONDS_MOST,
        most=SECONDS_MOST,
    )
    unit: TimeUnit | None = ask.choice(TimeUnit, UNIT_WORDS, "Unit", forms=ask.NONE)
    duration_months: int | None = ask.months("For how long do you want to use it?", most=1200)
    experience: Experience | None = ask.choice(
        Experience, EXPERIENCE_WORDS, "Have you trained on a supercomputer before?"
    )
    planned_runs: tuple[PlannedRun, ...] = ask.rows(
        PlannedRun,
        "Plan of the runs",
        hint="Runs × {device} × hours give the hours you ask for; trials and failures are a row"
        " of their own.",
        need="Give one row at least: what runs, how often, on how many, for how long.",
        forms=ask.FULL,
    )
    justification: str = ask.text(
        "Why do you need this machine?",
        hint="Why a smaller one would not do, and where the figures of your plan come from.",
        need="Say why a smaller machine would not do.",
        forms=ask.FULL,
    )
    storage_gigabytes: int | None = ask.whole(
        "How much storage do you need, in gigabytes?",
        hint="At most at one time: data, checkpoints and results.",
        need="Say how much storage you need.",
        forms=ask.FULL,
    )
    fallback_partition: str = ask.line(
        "On which other machine could it run?",
        hint="If this one is full or down. Empty: on no other.",
        forms=ask.FULL,
    )

    @property
    def planned_hours(self) -> Decimal:
        """Return the sum of the plan."""
        return sum((row.total_hours or Decimal(0) for row in self.planned_runs), Decimal(0))


def review_resources(answers: ResourceAnswers, form: FormKind, call: Call) -> dict[str, Sentence]:
    """Return what the plan lacks, and where it does not give what is asked."""
    found: dict[str, Sentence] = {}
    if form is FormKind.SHORT or not answers.planned_runs:
        return found
    if any(not row.name or row.total_hours is None for row in answers.planned_runs):
        found["planned_runs"] = Sentence("Fill in each row: what, how often, how many, how long.")
    elif answers.requested_seconds is not None:
        asked = hours_from_seconds(answers.requested_seconds)
        if abs(asked - answers.planned_hours) * SECONDS_PER_HOUR >= 1:
            facts = {
                "sum": f"{answers.planned_hours.normalize():f}",
                "asked": f"{asked.normalize():f}",
                "unit": call.unit.hours_name,
            }
            found["planned_runs"] = Sentence(
                "The runs add up to {sum} {unit}, and you ask for {asked}. Let both say the same.",
                facts,
            )
    return found
