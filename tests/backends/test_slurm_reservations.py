"""Reservations on a real Slurm, and reading what scontrol lists."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from allmende.backends.slurm.answers import UnreadableAnswer
from allmende.backends.slurm.backend import ReservationNotThere
from allmende.backends.slurm.client import SlurmClient
from allmende.backends.slurm.reservations import SlurmReservations, parse_reservations
from allmende.domain.scheduling.cluster_reservations import (
    ClusterReservation,
    Step,
    Verb,
    list_steps,
)
from tests.backends.contract import a_launch, wait_for_end, wait_until
from tests.backends.slurm_site import ACCOUNT, STRANGER, USER, a_backend, a_cluster, a_folder

# 22.05, recorded.
SAID = """\
ReservationName=rv-2 StartTime=1795766400 EndTime=1795770030 Duration=01:00:30 Nodes=node[01-02] NodeCnt=2 CoreCnt=16 Features=(null) PartitionName=booster Flags=MAINT TRES=cpu=16 Users=root Groups=(null) Accounts=(null) Licenses=(null) State=INACTIVE BurstBuffer=(null) Watts=n/a MaxStartDelay=(null)
ReservationName=rv-3 StartTime=2026-11-27T08:00:00 EndTime=2026-11-27T09:00:30 Duration=01:00:30 Nodes=node03 NodeCnt=1 CoreCnt=8 Features=(null) PartitionName=booster Flags= TRES=cpu=8 Users=(null) Groups=(null) Accounts=p-2 Licenses=(null) State=INACTIVE BurstBuffer=(null) Watts=n/a MaxStartDelay=(null)
"""  # noqa: E501 - as it is printed
EIGHT = datetime(2026, 11, 27, 8, tzinfo=UTC)


def test_what_scontrol_lists_is_read():
    end = EIGHT + timedelta(hours=1, seconds=30)
    facts = {"partition": "booster", "starts_at": EIGHT, "ends_at": end}
    assert parse_reservations(SAID) == [
        ClusterReservation(name="rv-2", nodes=2, **facts),
        ClusterReservation(name="rv-3", nodes=1, account="p-2", **facts),
    ]
    assert parse_reservations("No reservations in the system\n") == []
    with pytest.raises(UnreadableAnswer):
        parse_reservations("ReservationName=rv-2 StartTime=soon EndTime=later NodeCnt=2\n")


@pytest.fixture
def keeper(slurm_lab) -> Iterator[SlurmReservations]:
    slurm_lab.add_account(ACCOUNT, USER, STRANGER)
    with a_folder() as folder:
        keeper = SlurmReservations(SlurmClient(a_cluster(slurm_lab, folder)))
        yield keeper
        for each in keeper.read().values():
            keeper.take(Step(verb=Verb.DELETE, reservation=each))


def test_a_reservation_is_made_changed_and_removed(keeper):
    begins = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
    wanted = ClusterReservation(
        name="rv-made",
        partition="booster",
        starts_at=begins,
        ends_at=begins + timedelta(hours=2, seconds=7),
        nodes=1,
        account=ACCOUNT,
    )
    wider = replace(wanted, nodes=2, ends_at=begins + timedelta(hours=3))
    maintenance = replace(wanted, name="rv-fans", account="")
    keeper.take(Step(verb=Verb.CREATE, reservation=wanted))
    keeper.take(Step(verb=Verb.CREATE, reservation=maintenance))
    assert keeper.read() == {"rv-made": wanted, "rv-fans": maintenance}
    keeper.take(Step(verb=Verb.UPDATE, reservation=wider))
    assert keeper.read()["rv-made"] == wider
    keeper.take(Step(verb=Verb.DELETE, reservation=wider))
    assert keeper.read() == {"rv-fans": maintenance}


def test_a_reservation_that_somebody_changed_while_it_runs_is_put_right(keeper):
    now = datetime.now(UTC).replace(microsecond=0)
    wanted = ClusterReservation(
        name="rv-runs",
        partition="booster",
        starts_at=now + timedelta(seconds=1),
        ends_at=now + timedelta(hours=1),
        nodes=2,
        account=ACCOUNT,
    )
    keeper.take(Step(verb=Verb.CREATE, reservation=replace(wanted, nodes=1)))
    wait_until(lambda: datetime.now(UTC) > wanted.starts_at)
    (step,) = list_steps([wanted], keeper.read(), ours=["rv-runs"], now=datetime.now(UTC))
    keeper.take(step)
    found = keeper.read()["rv-runs"]
    assert (found.nodes, found.ends_at) == (2, wanted.ends_at)


def test_a_job_waits_until_the_cluster_has_its_reservation_then_runs_inside(keeper):
    backend = a_backend(keeper.client.cluster)
    launch = a_launch(reservation="rv-inside")
    with pytest.raises(ReservationNotThere, match="rv-inside"):
        backend.start(launch)
    now = datetime.now(UTC)
    window = ClusterReservation(
        name="rv-inside",
        partition="booster",
        starts_at=now,
        ends_at=now + timedelta(hours=1),
        nodes=1,
        account=ACCOUNT,
    )
    keeper.take(Step(verb=Verb.CREATE, reservation=window))
    backend.start(launch)
    wait_for_end(backend, launch.key)
    listing = ("--noheader", "--states=all", "--Format=Reservation", f"--name={launch.key}")
    assert keeper.client.run("squeue", *listing).split() == ["rv-inside"]
