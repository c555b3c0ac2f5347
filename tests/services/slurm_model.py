"""A cluster as small as can be: its policy is a mapping, and each change is made at once."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

from allmende.domain.basics.people import DAEMON, Role
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import PartitionStatus, SlurmCluster
from allmende.domain.scheduling.slurm_policies import (
    Change,
    ClusterState,
    ItemKey,
    ItemKind,
    Policy,
    account_key,
    apply_change,
    qos_key,
)
from allmende.services import allocations, cluster_accounts, slurm_policies
from allmende.wiring.factory import load_factory
from tests.services.access import NOON, awarded, deed, founder, officer, open_playground, person

SITE = "werkstatt"
CONFIGURATION = {
    "AccountingStorageEnforce": "associations,limits,qos,safe",
    "AccountingStorageTRES": "cpu,mem,node,billing,gres/gpu",
    "PriorityType": "priority/multifactor",
    "PriorityDecayHalfLife": "00:00:00",
    "PriorityUsageResetPeriod": "NONE",
    "PreemptType": "preempt/qos",
}


class Refused(Refusal):
    """The cluster does not want it."""


class Killed(Exception):
    """The process is gone: nothing that comes after a step is done."""


def new_policy() -> Policy:
    return {
        account_key("root"): ItemKind.ACCOUNT.defaults,
        qos_key("normal"): {**ItemKind.QOS.defaults, "Description": "Normal QOS default"},
    }


@dataclass
class ModelCluster:
    """Keeps a policy; `dies_before` and `dies_after` count the changes down to a kill."""

    policy: Policy = field(default_factory=new_policy)
    used_minutes: dict[str, dict[str, int]] = field(default_factory=dict)
    configuration: dict[str, str] = field(default_factory=lambda: CONFIGURATION)
    longest_seconds: dict[str, int] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    refuses: tuple[ItemKey, ...] = ()
    dies_before: int | None = None
    dies_after: int | None = None

    def read(self) -> ClusterState:
        return ClusterState(
            policy=self.policy,
            used_minutes=self.used_minutes,
            configuration=self.configuration,
            longest_seconds=self.longest_seconds,
        )

    def change(self, change: Change) -> None:
        if change.key in self.refuses:
            raise Refused
        if self.dies_before == len(self.changes):
            raise Killed
        self.policy = apply_change(self.policy, change)
        self.changes.append(change)
        if self.dies_after == len(self.changes):
            raise Killed

    def set_by_hand(self, key, **settings) -> None:
        before = self.policy.get(key, key.kind.defaults)
        self.policy = {**self.policy, key: {**before, **settings}}


def a_slurm_factory():
    """Return the factory of the tests, its small partition on a Slurm cluster."""
    factory = load_factory()
    sites = tuple(
        replace(
            site,
            slurm=SlurmCluster(cluster="lab", work_folder="/work"),
            partitions=tuple(
                replace(each, status=PartitionStatus.SLURM, slurm_partition="booster")
                for each in site.partitions
            ),
        )
        if site.id == SITE
        else site
        for site in factory.sites
    )
    return replace(factory, sites=sites)


def with_second_partition(*, first_ending="-booster"):
    """Return the same, its cluster running another partition, so that each has QOS of its own."""
    site = FACTORY.get_site(SITE)
    (first,) = [replace(each, qos_ending=first_ending) for each in site.partitions]
    second = replace(first, id="batch", slurm_partition="", qos_ending="-batch")
    changed = replace(site, partitions=(first, second))
    sites = tuple(changed if each.id == SITE else each for each in FACTORY.sites)
    return replace(FACTORY, sites=sites)


FACTORY = a_slurm_factory()
LATER = NOON + timedelta(hours=2)


class World:
    """A project with an hour-budget, its member, an operator, and a cluster."""

    def __init__(self, cluster=None):
        self.factory = FACTORY
        open_playground()
        self.ada, firm = founder()
        award = awarded(self.ada, firm)
        self.project_id = award.project_id
        self.olga = person("olga", Role.OPERATOR)
        self.cluster = cluster or ModelCluster()
        self.give_account("ada")

    def give_account(self, user_name):
        cluster_accounts.set_account(
            deed(self.olga),
            site_id=SITE,
            person_id=self.ada.id,
            user_name=user_name,
            factory=self.factory,
        )

    def plan(self):
        return slurm_policies.plan_policy(
            self.olga, SITE, keeper_of=self.keeper_of, factory=self.factory, now=LATER
        )

    def apply(self, *, actor=None, digest="", now=LATER):
        return slurm_policies.apply_policy(
            lambda: deed(actor or self.olga, now=now),
            SITE,
            keeper_of=self.keeper_of,
            factory=self.factory,
            digest=digest,
        )

    def keep(self, *, now=LATER):
        return slurm_policies.keep_policy(
            lambda: deed(DAEMON, now=now), SITE, keeper_of=self.keeper_of, factory=self.factory
        )

    def top_up(self):
        allocations.top_up_project(
            deed(officer()),
            top_up_id="t-1",
            project_id=self.project_id,
            mode_id="playground",
            seconds=3600,
            reason=Sentence("More."),
        )

    def drift(self):
        return slurm_policies.find_drift(
            self.olga, SITE, keeper_of=self.keeper_of, factory=self.factory
        )

    def keeper_of(self, site_id):
        assert site_id == SITE
        return self.cluster
