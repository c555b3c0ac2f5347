"""Finds the cluster of a site whose policy is read and changed."""

from allmende.backends.slurm.client import SlurmClient
from allmende.backends.slurm.policies import SlurmPolicies
from allmende.domain.basics.refusals import Refusal
from allmende.domain.scheduling.slurm_policies import PolicyKeeper
from allmende.wiring.factory import load_factory


class AgentCarriesNoPolicy(Refusal):
    """The cluster of {site} is reached through its agent, which carries jobs but no policy yet."""


def policy_keeper_of(site_id: str) -> PolicyKeeper:
    """Return the cluster of a site."""
    site = load_factory().get_site(site_id)
    if site.agent:
        raise AgentCarriesNoPolicy(site=site.name)
    assert site.slurm is not None, "services refuse a site without a cluster"
    return SlurmPolicies(SlurmClient(site.slurm))
