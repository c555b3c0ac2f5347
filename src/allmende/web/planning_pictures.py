"""How long a training lasts on so many GPUs, as SVG: a straight band where both axes are powers."""

import math
from dataclasses import dataclass

from allmende.domain.training.planning import HOURS_PER_DAY
from allmende.services.planning import Answer
from allmende.web.wording import write_number, write_rough

WIDTH, HEIGHT = 440, 270
LEFT, RIGHT, TOP, BOTTOM = 80, 14, 12, 46
BASE = HEIGHT - BOTTOM
SECONDS_PER_DAY = 86_400
FEWER, MORE = 16, 8  # times: how far the picture reaches to both sides
STEPS = (1 / 16, 1 / 4, 1, 4)
LANDMARKS_DAYS = (1 / 1440, 1 / 24, 1, 7, 30, 365, 3650, 36_500)
NO_TIME = 1 / SECONDS_PER_DAY


@dataclass(frozen=True)
class Tick:
    """A line of the grid, and what it stands for."""

    at: float
    text: str


@dataclass(frozen=True)
class DaysPicture:
    """The band, the point that was asked for, and the twin of it all: a table."""

    band: str
    line: str
    point: tuple[float, float]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    rows: tuple[tuple[str, str, str, str], ...]


def draw_days(answer: Answer) -> DaysPicture:
    """Place the band for all numbers of GPUs around the one that was asked for."""
    hours, gpus = answer.plan.gpu_hours, answer.plan.gpus
    most = answer.task.machine.gpus if answer.task.machine else None
    fewest = max(1.0, gpus / FEWER)
    end = max(gpus * 1.5, min(gpus * MORE, most or math.inf))

    def days(total: float, on: float) -> float:
        return max(NO_TIME, total / on / HOURS_PER_DAY)

    highest, lowest = days(hours.high, fewest), days(hours.low, end)
    width = math.log(end / fewest)
    height = math.log(highest / lowest) or 1.0

    def x(on: float) -> float:
        return round(LEFT + math.log(on / fewest) / width * (WIDTH - LEFT - RIGHT), 1)

    def y(value: float) -> float:
        return round(TOP + math.log(highest / value) / height * (BASE - TOP), 1)

    def side(total: float) -> list[str]:
        return [f"{x(on)} {y(days(total, on))}" for on in (fewest, end)]

    asked = [round(gpus * step) for step in STEPS if fewest <= gpus * step <= end]
    return DaysPicture(
        band="M" + "L".join([*side(hours.high), *reversed(side(hours.low))]) + "Z",
        line="M" + "L".join(side(hours.expected)),
        point=(x(gpus), y(days(hours.expected, gpus))),
        across=tuple(Tick(x(on), write_number(on)) for on in asked),
        up=tuple(
            Tick(y(each), write_rough(each * SECONDS_PER_DAY))
            for each in LANDMARKS_DAYS
            if lowest <= each <= highest
        ),
        rows=tuple(
            (
                write_number(on),
                *(
                    write_rough(days(total, on) * SECONDS_PER_DAY)
                    for total in (hours.low, hours.expected, hours.high)
                ),
            )
            for on in asked
        ),
    )
