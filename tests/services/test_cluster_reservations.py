"""Reservations of a partition on Slurm: told to its cluster, mended there, and taken back."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from allmende import wiring
from allmende.backends.slurm.client import CommandRefused
from allmende.domain.basics.people import DAEMON
from allmende.domain.basics.sites import PartitionStatus, SlurmCluster
from allmende.domain.scheduling.cluster_reservations import ClusterReservation, Step, Verb
from allmende.domain.scheduling.reservations import MoreThanInService
from allmende.services import reservations
from allmende.services.cluster_reservations import Kept, keep_reservations
from allmende.services.reservations import (
    AgentCarriesNoReservation,
    Announcement,
    ClusterKeepsNumbersOnly,
)
from tests.services.running import PARTITION, Running, a_running_factory

pytestmark = pytest.mark.django_db


@dataclass
class Keeper:
    """A cluster that keeps what it is told, or refuses it."""

    there: dict[str, ClusterReservation] = field(default_factory=dict)
    refuses: bool = False
    looks: int = 0

    def read(self) -> dict[str, ClusterReservation]:
        self.looks += 1
        return dict(self.there)

    def take(self, step: Step) -> None:
        if self.refuses:
            raise CommandRefused(cluster="lab", command="scontrol", problem="nodes are busy")
        if step.verb is Verb.DELETE:
            del self.there[step.reservation.name]
        else:
            self.there[step.reservation.name] = step.reservation


@pytest.fixture
def factory(tmp_path: Path, db: None) -> Iterator[Running]:
    with a_running_factory(tmp_path) as running:
        change_site(running, agent=False)
        yield running


def change_site(running: Running, *, agent: bool) -> None:
    whole = running.workshop.factory
    sites = tuple(
        replace(
            site,
            agent=agent,
            slurm=SlurmCluster(cluster="lab", work_folder="/nowhere"),
            partitions=tuple(
                replace(each, status=PartitionStatus.SLURM) if each.id == PARTITION else each
                for each in site.partitions
            ),
        )
        for site in whole.sites
    )
    running.workshop = replace(running.workshop, factory=replace(whole, sites=sites))


def announce(factory: Running, **of):
    of = {"nodes": 2, "reason": "A course.", "partition_id": PARTITION, **of}
    announcement = Announcement(ends_at=wiring.now() + timedelta(hours=1), **of)
    return reservations.announce(
        factory.act("operator"), announcement, factory=factory.workshop.factory
    )


def keep(factory: Running, keeper: Keeper) -> Kept:
    partition = factory.workshop.factory.get_partition(PARTITION)
    return keep_reservations(factory.story.act(DAEMON), partition, keeper=keeper)


def verbs(kept: Kept) -> list[str]:
    return [step.verb.value for step in kept.steps]


def test_a_cluster_keeps_what_is_announced_and_what_others_removed_is_made_again(factory):
    keeper = Keeper()
    assert keep(factory, keeper) == Kept()
    assert keeper.looks == 0  # a cluster of which nothing is wanted is not asked
    project = factory.story.projects["founder"]
    window, fans = announce(factory, project_id=project, nodes=1), announce(factory, nodes=1)
    assert verbs(keep(factory, keeper)) == ["create", "create"]
    assert verbs(keep(factory, keeper)) == []
    assert keeper.there[window.id].account == project
    assert keeper.there[fans.id].is_maintenance
    keeper.there["root_1"] = replace(keeper.there.pop(window.id), name="root_1")
    assert verbs(keep(factory, keeper)) == ["create"]
    reservations.cancel(factory.act("operator"), window.id)
    assert verbs(keep(factory, keeper)) == ["delete"]
    assert set(keeper.there) == {fans.id, "root_1"}


def test_what_a_cluster_refuses_is_told_and_tried_again(factory):
    keeper = Keeper(refuses=True)
    announce(factory)
    (trouble,) = keep(factory, keeper).troubles
    assert "nodes are busy" in trouble.english()
    keeper.refuses = False
    assert verbs(keep(factory, keeper)) == ["create"]


def test_a_cluster_takes_numbers_of_nodes_only(factory):
    for of in ({"nodes": 0, "node_names": ("n1",)}, {"nodes": 0, "cap_watts": 60}):
        with pytest.raises(ClusterKeepsNumbersOnly):
            announce(factory, **of)
    with pytest.raises(MoreThanInService):
        announce(factory, nodes=99)
    change_site(factory, agent=True)
    with pytest.raises(AgentCarriesNoReservation):
        announce(factory)
    assert PARTITION not in [p.id for p in reservations.list_machines(factory.workshop.factory)]
