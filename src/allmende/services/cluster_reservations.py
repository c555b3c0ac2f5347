"""Reservations on clusters: what is announced here, a cluster that places jobs itself keeps too."""

from dataclasses import dataclass

from allmende.domain.basics.mistakes import MACHINE_TROUBLE
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition
from allmende.domain.scheduling.cluster_reservations import (
    ReservationKeeper,
    Step,
    list_steps,
    translate,
)
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import audit
from allmende.services.deeds import Deed, one_transaction
from allmende.storage import reservations as store


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What was changed on a cluster, and what it refused."""

    steps: tuple[Step, ...] = ()
    troubles: tuple[Sentence, ...] = ()  # tried again the next time


def keep_reservations(deed: Deed, partition: Partition, *, keeper: ReservationKeeper) -> Kept:
    """Bring the reservations of a partition's cluster to what is announced; repeat it at will.

    One that somebody removed there is made again, one that was cancelled here is removed. A cluster
    on which nothing of ours can be is not asked.
    """
    check_permission(deed.actor, Permission.RUN_CYCLE)
    announced = store.list_not_over(partition.id, now=deed.now)
    if not announced:
        return Kept()
    wanted = [
        translate(each, partition=partition.name_on_slurm)
        for each in announced
        if each.cancelled_at is None
    ]
    ours = {each.id for each in announced}
    steps, troubles = [], []
    for step in list_steps(wanted, keeper.read(), ours=ours, now=deed.now):
        try:
            keeper.take(step)
        except Refusal as refusal:
            if refusal.status >= MACHINE_TROUBLE:
                raise
            troubles.append(refusal.sentence)
        else:
            steps.append(step)
            _note(deed, partition, step)
    return Kept(steps=tuple(steps), troubles=tuple(troubles))


@one_transaction
def _note(deed: Deed, partition: Partition, step: Step) -> None:
    audit.record(
        deed,
        action="reservation.told_cluster",
        subject=step.reservation.name,
        partition=partition.id,
        verb=step.verb.value,
    )
