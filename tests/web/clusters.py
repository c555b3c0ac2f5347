"""A cluster for the pages: policy was applied to it, and then somebody changed things by hand."""

import pytest

from allmende import wiring
from allmende.domain.basics.people import DAEMON
from allmende.domain.scheduling.slurm_policies import account_key
from allmende.services import slurm_policies
from allmende.web.pages import clusters
from tests.services.slurm_model import FACTORY, SITE, ModelCluster


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
