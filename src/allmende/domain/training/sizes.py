"""How much a training takes: operations, device hours, days and energy. Pure arithmetic."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import HOURS_MAX, SECONDS_PER_HOUR, TooManyHours

# Of a transformer: two operations forward and four backward for each parameter and token
# (Kaplan et al. 2020, section 2.1; Commission guidelines C(2025) 7719, annex A.2).
OPERATIONS_PER_PARAMETER_AND_TOKEN = 6
TERA = 10**12
HUNDRED_PERCENT = 100
# People plan in hundredths of an hour; a commenced one counts.
STEP_HOURS = Decimal("0.01")


class FiguresMissing(Refusal):
    """Nothing says how long it takes: {what}. Fill it in, or choose a blueprint or a machine that
    says it."""

    status = 422


@dataclass(frozen=True, kw_only=True)
class TrainingSize:
    """Trainings of one size on so many devices each: GPUs, or nodes where nodes are counted."""

    flop: int | None  # of one training; None where only its time is known
    runs: int
    devices: int
    hours_each: Decimal  # of one training, by the clock; in hundredths
    is_upper_bound: bool  # by the longest that a run may take, not by its operations
    watts_per_device: Decimal | None
    pue: Decimal

    @property
    def device_hours(self) -> Decimal:
        """Return the hours of all devices and all runs."""
        return self.hours_each * self.devices * self.runs

    @property
    def device_seconds(self) -> int:
        """Return the same in seconds; hundredths of an hour are whole seconds."""
        return int(self.device_hours * SECONDS_PER_HOUR)

    @property
    def seconds_each(self) -> int:
        """Return how long one training takes by the clock."""
        return int(self.hours_each * SECONDS_PER_HOUR)

    @property
    def energy_joules(self) -> int | None:
        """Return the energy by the power of the devices; None where nobody says it."""
        if self.watts_per_device is None:
            return None
        return int(self.device_seconds * self.watts_per_device * self.pue)

    @property
    def energy_method(self) -> Sentence:
        """Return the arithmetic of the energy."""
        facts = {
            "hours": _plain(self.device_hours),
            "watts": _plain(self.watts_per_device or Decimal(0)),
            "pue": _plain(self.pue),
        }
        return Sentence("estimated: {hours} h × {watts} W × PUE {pue}", facts)


def _plain(number: Decimal) -> Decimal:
    """Return a number without noughts at its end and without an exponent."""
    return Decimal(f"{number.normalize():f}")


def count_training_flop(parameters: int, tokens: int) -> int:
    """Return the operations of one training of a dense transformer: 6 × parameters × tokens."""
    return OPERATIONS_PER_PARAMETER_AND_TOKEN * parameters * tokens


def count_hours(
    flop: int, *, devices: int, peak_teraflops: Decimal, utilisation_percent: Decimal
) -> Decimal:
    """Return the hours by the clock of so many operations on so many devices.

    Peak is in 10^12 operations per second and device, in the number format of the training;
    utilisation is the part of it that a real training reaches. Rounded up to hundredths.
    `TooManyHours` beyond what is counted here.
    """
    per_second = TERA * peak_teraflops * utilisation_percent / HUNDRED_PERCENT * devices
    hours = round_hours(flop / per_second / SECONDS_PER_HOUR)
    if hours * devices > HOURS_MAX:
        raise TooManyHours(most=HOURS_MAX)
    return hours


def round_hours(hours: Decimal) -> Decimal:
    """Return hours as people plan them: a commenced hundredth counts."""
    return hours.quantize(STEP_HOURS, rounding=ROUND_CEILING)
