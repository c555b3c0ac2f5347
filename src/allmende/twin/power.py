"""What a schedule takes in energy, and what that emits and costs: estimated, and labelled so."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition
from allmende.domain.footprint.energy import EnergyMethod
from allmende.twin.replay import Replay
from allmende.twin.series import HOUR_SECONDS, MOST_HOURS, Series, origin, read_series
from allmende.twin.toml_tables import check_table, read_number
from allmende.twin.traces import Ints

WATTS = ("watts_idle_per_node", "watts_busy_per_node")
RATES = ("carbon_grams_per_kilowatt_hour", "price_euros_per_megawatt_hour")
KEYS = (*WATTS, "pue", *RATES)
MOST_WATTS, MOST_PUE = 1_000_000, 10
JOULES_PER_KILOWATT_HOUR = 3_600_000
UNITS = {"energy_kilowatt_hours": "kWh", "emissions_kilograms": "kg CO₂e", "cost_euros": "€"}


class PowerUnreadable(Refusal):
    """The power file {path} cannot be used: {problem}."""

    status = 422


class TooLongForHours(Refusal):
    """This workload spans {hours} hours, too many to count hour by hour. Give numbers instead of
    hourly series.
    """

    status = 422


@dataclass(frozen=True, kw_only=True)
class Power:
    """What a node draws when it is in service and idle, and when it is busy; and the rates."""

    watts_idle_per_node: float
    watts_busy_per_node: float
    pue: float = 1.0
    carbon_grams_per_kilowatt_hour: Series | None = None
    price_euros_per_megawatt_hour: Series | None = None
    source: Sentence | None = None  # where the watts come from, if nobody wrote them down

    @property
    def formula(self) -> Sentence:
        """Say how the energy is estimated."""
        return Sentence(
            "({idle} W × nodes in service + ({busy} W − {idle} W) × busy nodes) × time × PUE {pue}",
            {
                "idle": round(self.watts_idle_per_node, 1),
                "busy": round(self.watts_busy_per_node, 1),
                "pue": self.pue,
            },
        )


@dataclass(frozen=True, kw_only=True)
class Bill:
    """What was estimated, from the first submission to the last end; None where no rate is known.

    The cost may be negative: so are prices, at times.
    """

    energy_kilowatt_hours: float
    emissions_kilograms: float | None
    cost_euros: float | None
    power: Power
    method: EnergyMethod = EnergyMethod.ESTIMATED

    @property
    def how(self) -> tuple[Sentence, ...]:
        """Say how it was estimated."""
        source = self.power.source
        return (self.power.formula, source) if source else (self.power.formula,)

    def to_json(self) -> dict[str, Any]:
        """Return the amounts that are known, and how they were found."""
        document: dict[str, Any] = {"energy_kilowatt_hours": self.energy_kilowatt_hours}
        for name in ("emissions_kilograms", "cost_euros"):
            if getattr(self, name) is not None:
                document[name] = getattr(self, name)
        document |= {"energy_method": str(self.method), "energy_formula": str(self.power.formula)}
        if self.power.source:
            document["energy_source"] = str(self.power.source)
        return document

    def less(self, before: "Bill") -> dict[str, float]:
        """Return by how much each amount that both know is above another's."""
        pairs = {name: (getattr(self, name), getattr(before, name)) for name in UNITS}
        return {name: b - a for name, (b, a) in pairs.items() if a is not None and b is not None}


def power_of_partition(partition: Partition) -> Power | None:
    """Return what the factory's file says of the nodes of a partition, if anything."""
    if partition.watts_idle_per_node or partition.watts_busy_per_core:
        cores = partition.watts_busy_per_core * partition.cores_per_node
        return Power(
            watts_idle_per_node=partition.watts_idle_per_node,
            watts_busy_per_node=partition.watts_idle_per_node + cores,
            pue=partition.pue,
        )
    if not partition.power_megawatts or not partition.nodes:
        return None
    watts = partition.power_megawatts * 1e6 / partition.nodes
    facts = {"megawatts": partition.power_megawatts, "nodes": partition.nodes}
    return Power(
        watts_idle_per_node=0.0,
        watts_busy_per_node=watts,
        pue=partition.pue,
        source=Sentence(
            "{megawatts} MW ÷ {nodes} nodes = {watts} W for a busy node. What an idle node takes "
            "is not published, so only busy nodes are counted.",
            facts | {"watts": round(watts, 1)},
        ),
    )


def read_power_file(path: Path) -> Power:
    """Read a TOML file that holds the table [power], and nothing else."""
    try:
        document = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise PowerUnreadable(path=str(path), problem=str(problem)) from problem
    if set(document) != {"power"}:
        raise PowerUnreadable(path=str(path), problem="it needs [power], and nothing else")
    try:
        return read_power(document["power"], path.parent)
    except ValueError as problem:
        raise PowerUnreadable(path=str(path), problem=str(problem)) from problem


def read_power(table: Any, folder: Path) -> Power:
    """Return what a [power] table says; `ValueError` says what is wrong with it."""
    check_table("power", table, KEYS)
    idle, busy = (read_number(table, name, 0, MOST_WATTS) for name in WATTS)
    if busy < idle:
        raise ValueError("watts_busy_per_node must not be less than watts_idle_per_node")
    rates: dict[str, Series] = {}
    for name in RATES:
        if name in table:
            try:
                rates[name] = read_series(table[name], folder)
            except ValueError as problem:
                raise ValueError(f"{name}: {problem}") from problem
    return Power(
        watts_idle_per_node=idle,
        watts_busy_per_node=busy,
        pue=read_number({"pue": 1.0} | dict(table), "pue", 1, MOST_PUE),
        carbon_grams_per_kilowatt_hour=rates.get(RATES[0]),
        price_euros_per_megawatt_hour=rates.get(RATES[1]),
    )


def make_bill(replayed: Replay, power: Power, *, until: int = 0) -> Bill:
    """Return what a replay takes from the first submission to its last end, or longer, `until`.

    A node that goes on with its job when it leaves service counts until that ends.
    """
    begin = int(replayed.trace.arrivals[0])
    end = max(begin, last_end(replayed), until)
    rates = (power.carbon_grams_per_kilowatt_hour, power.price_euros_per_megawatt_hour)
    first = origin(replayed.trace)
    is_hourly = any(series and not series.is_constant for series in rates)
    borders = split_hours(begin, end, first) if is_hourly else np.array([begin, end])
    in_service, busy = node_seconds(replayed, borders)
    more = power.watts_busy_per_node - power.watts_idle_per_node
    joules = (power.watts_idle_per_node * in_service + more * busy) * power.pue
    energy = joules / JOULES_PER_KILOWATT_HOUR
    hours = (borders[:-1] - first) // HOUR_SECONDS
    grams, millieuros = (
        None if series is None else float((energy * series.values_at(hours)).sum())
        for series in rates
    )
    return Bill(
        energy_kilowatt_hours=float(energy.sum()),
        emissions_kilograms=None if grams is None else grams / 1000,
        cost_euros=None if millieuros is None else millieuros / 1000,
        power=power,
    )


def last_end(replayed: Replay) -> int:
    """Return when the last job ended."""
    _, _, ends = replayed.runs
    return int(ends.max(initial=int(replayed.trace.arrivals[0])))


def split_hours(begin: int, end: int, first: int) -> Ints:
    """Return a span cut at full hours; `first` is the beginning of an hour."""
    hours = (end - begin) // HOUR_SECONDS
    if hours > MOST_HOURS:
        raise TooLongForHours(hours=hours)
    next_hour = begin + HOUR_SECONDS - (begin - first) % HOUR_SECONDS
    inner = np.arange(next_hour, end, HOUR_SECONDS, dtype=np.int64)
    return np.concatenate([[begin], inner, [max(begin, end)]]).astype(np.int64)


def node_seconds(replayed: Replay, borders: Ints) -> tuple[Ints, Ints]:
    """Return the node-seconds in service, and those of them that were busy, between borders."""
    trace = replayed.trace
    places, begins, ends = replayed.runs
    nodes = trace.nodes[places]
    changes = np.array(replayed.changes, dtype=np.int64).reshape(-1, 2)
    after = np.diff(changes[:, 1], prepend=trace.machine_nodes)
    times = np.concatenate([borders[:1], begins, ends, changes[:, 0]])
    busy = np.concatenate([[0], nodes, -nodes, np.zeros_like(after)])
    capacity = np.concatenate([[trace.machine_nodes], np.zeros(2 * nodes.size, np.int64), after])
    order = np.argsort(times, kind="stable")
    times, busy = times[order], np.cumsum(busy[order])
    in_service = np.maximum(np.cumsum(capacity[order]), busy)
    return _between(times, in_service, borders), _between(times, busy, borders)


def _between(times: Ints, levels: Ints, borders: Ints) -> Ints:
    """Return the integral of a level that changes at some times, between borders."""
    until = np.concatenate([[0], np.cumsum(levels[:-1] * np.diff(times))])
    place = np.searchsorted(times, borders, side="right") - 1
    return np.diff(until[place] + levels[place] * (borders - times[place]))
