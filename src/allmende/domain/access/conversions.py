"""Hours of one partition are no hours of another: what each is, and what each is worth.

Two things compare them: the sizes that the configuration knows, and the reference prices by which
State aid is counted. Nobody converts silently: who asks and who gives name both amounts.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from allmende.domain.access.aid import (
    ReferencePrice,
    count_euros,
    has_price_of_its_own,
    read_price,
)
from allmende.domain.access.applications import Application, Frozen
from allmende.domain.access.calls import on_its_machine
from allmende.domain.access.modes import Price
from allmende.domain.access.projects import Project
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.rules import RuleBook
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition
from allmende.domain.basics.units import TimeUnit, count_hours


class NoPriceOfItsOwn(Refusal):
    """Nobody has said what an hour of {partition} is worth, so time there cannot be weighed against
    the award. Give it a row aid.shadow_price_cents_per_hour of its own, above 0, in the access
    rules."""


class NotForThisProject(Refusal):
    """Project {project} cannot have time on {partition}. {why}"""

    status = 422


@dataclass(frozen=True, kw_only=True)
class MachineHour:
    """What an hour on a partition is, by the configuration and the rules of a day."""

    partition_id: str
    unit: TimeUnit
    hardware: str
    gpus_per_node: int
    cores_per_node: int
    price: ReferencePrice

    @property
    def sentence(self) -> Sentence:
        """Say what the hour is."""
        facts = {
            "partition": self.partition_id,
            "hardware": self.hardware,
            "euros": count_euros(self.price.cents_per_hour),
            "source": self.price.source,
        }
        if self.unit is TimeUnit.GPU_SECONDS:
            return Sentence(
                "A GPU-h on {partition} is an hour of one GPU, of which a node has {gpus} "
                "({hardware}). Its reference price is {euros} EUR: {source}.",
                {**facts, "gpus": self.gpus_per_node},
            )
        return Sentence(
            "A node-h on {partition} is an hour of a whole node (cores: {cores}; {hardware}). Its "
            "reference price is {euros} EUR: {source}.",
            {**facts, "cores": self.cores_per_node},
        )


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """How hours on another partition compare with those of the award, as of one day."""

    home: MachineHour
    there: MachineHour

    def count(self, *, seconds: int, back_seconds: int) -> int:
        """Return what seconds there are worth in seconds at home, less what is given back.

        Rounded up, and never below zero: what was worth less makes no room for more.
        """
        worth = -(-seconds * self.there.price.cents_per_hour // self.home.price.cents_per_hour)
        return max(0, worth - back_seconds)

    def explain(self, *, seconds: int, back_seconds: int) -> tuple[Sentence, ...]:
        """Say what these amounts are worth, and what the hours of both partitions are."""
        worth = Sentence(
            "By reference prices {hours} {unit} on {there} are worth as much as {counted} "
            "{home_unit} on {home}.",
            {
                "hours": count_hours(seconds),
                "unit": Sentence(self.there.unit.hours_name),
                "there": self.there.partition_id,
                "counted": count_hours(self.count(seconds=seconds, back_seconds=0)),
                "home_unit": Sentence(self.home.unit.hours_name),
                "home": self.home.partition_id,
            },
        )
        back = Sentence(
            "For them {hours} {unit} on {home} go back.",
            {
                "hours": count_hours(back_seconds),
                "unit": Sentence(self.home.unit.hours_name),
                "home": self.home.partition_id,
            },
        )
        said = (worth, back) if back_seconds else (worth,)
        return (*said, self.home.sentence, self.there.sentence)


def convert(book: RuleBook, home: Partition, there: Partition, *, on: date) -> Conversion:
    """Return how hours there compare with those at home; `NoPriceOfItsOwn` where nothing does."""
    found = Conversion(home=_read_hour(book, home, on=on), there=_read_hour(book, there, on=on))
    # A row for all machines says nothing of how two of them compare.
    if not has_price_of_its_own(book, on=on, partition_id=there.id, unit=there.unit):
        raise NoPriceOfItsOwn(partition=there.id)
    return found


def check_place(project: Project, frozen: Frozen, partition: Partition) -> None:
    """Refuse time on a partition where the project could not have been awarded any."""
    why = next(_list_obstacles(project, frozen, partition), None)
    if why is not None:
        raise NotForThisProject(project=project.id, partition=partition.id, why=why)


def place_on(application: Application, partition: Partition) -> Application:
    """Return the application as if its call were one of that partition: so an award is checked."""
    frozen = application.submitted
    call = replace(frozen.call, partition_id=partition.id, unit=partition.unit)
    call = on_its_machine(call, [partition])
    return replace(application, frozen=replace(frozen, call=call))


def _list_obstacles(project: Project, frozen: Frozen, partition: Partition) -> Iterator[Sentence]:
    if partition.id == project.partition_id:
        yield Sentence("Its award is there already: ask for more hours without naming it.")
    if not partition.takes_jobs:
        yield Sentence("No jobs are sent there from here.")
    if all(group.id != project.group_id for group in partition.groups):
        yield Sentence("The group of the project has no share of this partition.")
    if project.access_share not in (partition.access_shares or {project.access_share}):
        yield Sentence("Nothing of the access share of its award is there.")
    if (frozen.eligibility.price or frozen.mode.price) is Price.PAID:
        yield Sentence("Its time is paid for, and what it costs there a call says: apply for it.")


def _read_hour(book: RuleBook, partition: Partition, *, on: date) -> MachineHour:
    price = read_price(book, on=on, partition_id=partition.id, unit=partition.unit)
    if price.cents_per_hour <= 0:
        raise NoPriceOfItsOwn(partition=partition.id)
    return MachineHour(
        partition_id=partition.id,
        unit=partition.unit,
        hardware=partition.hardware,
        gpus_per_node=partition.gpus_per_node,
        cores_per_node=partition.cores_per_node,
        price=price,
    )
