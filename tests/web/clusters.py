"""A cluster for the pages: policy was applied to it, and then somebody changed things by hand."""

from datetime import timedelta

import pytest

from allmende import wiring
from allmende.domain.basics.people import DAEMON
from allmende.domain.basics.sites import Partition
from allmende.domain.scheduling.slurm_policies import account_key
from allmende.services import slurm_policies, steering
from allmende.services.deeds import Deed
from allmende.web.pages import clusters
from tests.services.slurm_model import FACTORY, SITE, ModelCluster
from tests.services.steered_queue import Queue


def show_a_cluster(patch: pytest.MonkeyPatch) -> None:
    """Let the pages of clusters show one."""
    cluster = ModelCluster()
    patch.setattr(clusters, "load_factory", lambda: FACTORY)
    patch.setattr(clusters, "policy_keeper_of", lambda _: cluster)
    slurm_policies.apply_policy(
        lambda: wiring.deed_of(DAEMON), SITE, keeper_of=lambda _: cluster, factory=FACTORY
    )
    cluster.set_by_hand(account_key("industry"), Fairshare="900", MaxJobs="3")
    cluster.set_by_hand(account_key("somebodys-own"), Parent="sme")
    cluster.configuration = {**cluster.configuration, "PriorityDecayHalfLife": "7-00:00:00"}
    for partition in FACTORY.get_site(SITE).partitions:
        steer_for_an_hour(partition)


def steer_for_an_hour(partition: Partition) -> None:
    """Let others have had the nodes, and the SMEs get their claim back; once it was silent."""
    now, queue = wiring.now(), Queue()
    for look in range(120):
        queue.fill("sme", running=3 if 6 < look % 48 < 16 else 5, waiting=9)
        queue.is_silent = 60 < look < 66
        at = now - timedelta(seconds=25 * (120 - look))
        deed = Deed(actor=DAEMON, now=at, new_id=wiring.new_id)
        steering.steer(deed, partition, wheel=queue)
