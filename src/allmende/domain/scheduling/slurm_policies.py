"""The policy of a Slurm cluster in Slurm's own terms, and the changes that bring it about.

Everything below one account of the cluster is ours, and so is every QOS that carries our mark. In
there, what is not wanted is closed, never deleted: the cluster's accounting stays whole. Nothing
else is ever changed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Site

Settings = Mapping[str, str]  # by the name that sacctmgr sets it with; "" is not set

EVERYTHING = "root"  # Slurm's own account, above all others
ALL_CLOSED: Settings = {"GrpJobs": "0", "GrpSubmitJobs": "0"}
# Every setting of ours has one of these where policy says nothing else: what somebody set by hand
# is seen, whatever it is.
_ASSOCIATION: Settings = {
    "Fairshare": "1",
    "Priority": "",
    "GrpJobs": "",
    "GrpSubmitJobs": "",
    "GrpTRES": "",
    "GrpTRESMins": "",
    "GrpTRESRunMins": "",
    "GrpWall": "",
    "MaxJobs": "",
    "MaxSubmitJobs": "",
    "MaxTRESPerJob": "",
    "MaxTRESPerNode": "",
    "MaxTRESMinsPerJob": "",
    "MaxWall": "",
    "QOS": "",
    "DefaultQOS": "",
}
_QOS: Settings = {
    "Description": "",
    "Priority": "0",
    "Preempt": "",
    "PreemptMode": "cluster",
    "GraceTime": "00:00:00",
    "Flags": "",
    "UsageFactor": "1.000000",
    "GrpJobs": "",
    "GrpSubmitJobs": "",
    "GrpTRES": "",
    "GrpTRESMins": "",
    "GrpWall": "",
    "MaxTRESPerJob": "",
    "MaxWall": "",
    "MaxTRESPerUser": "",
    "MaxJobsPerUser": "",
    "MaxSubmitJobsPerUser": "",
}


class NameIsTaken(Refusal):
    """The cluster has {kind} {name} that is not ours: {why}. Rename it, or call ours otherwise."""


class ItemKind(StrEnum):
    """What policy is made of, in the order in which one needs the other."""

    QOS = "qos"
    ACCOUNT = "account"
    USER = "user"

    @property
    def defaults(self) -> Settings:
        """Return the settings of the kind, each as it is where policy says nothing else."""
        if self is ItemKind.QOS:
            return _QOS
        return {"Parent": "", **_ASSOCIATION} if self is ItemKind.ACCOUNT else _ASSOCIATION


@dataclass(frozen=True, order=True, kw_only=True)
class ItemKey:
    """Names a QOS, an account, or a user in an account and on a partition."""

    kind: ItemKind
    name: str
    account: str = ""  # of a user
    partition: str = ""  # of a user; "" is every partition, which we never give

    @property
    def text(self) -> str:
        """Return the key as one word, for programs and for the audit chain."""
        place = f"@{self.account}" if self.account else ""
        return f"{self.kind}:{self.name}{place}" + (f"/{self.partition}" if self.partition else "")

    @property
    def words(self) -> Sentence:
        """Return the key as people say it."""
        if self.kind is ItemKind.QOS:
            return Sentence("QOS {name}", {"name": self.name})
        if self.kind is ItemKind.ACCOUNT:
            return Sentence("account {name}", {"name": self.name})
        facts = {"name": self.name, "account": self.account, "partition": self.partition}
        if self.partition:
            return Sentence("user {name} in {account} on {partition}", facts)
        return Sentence("user {name} in {account} everywhere", facts)


Policy = Mapping[ItemKey, Settings]
RANKS = {kind: rank for rank, kind in enumerate(ItemKind)}


def qos_key(name: str) -> ItemKey:
    """Return the key of a QOS."""
    return ItemKey(kind=ItemKind.QOS, name=name)


def account_key(name: str) -> ItemKey:
    """Return the key of an account."""
    return ItemKey(kind=ItemKind.ACCOUNT, name=name)


def user_key(name: str, account: str, partition: str) -> ItemKey:
    """Return the key of a user in an account and on a partition."""
    return ItemKey(kind=ItemKind.USER, name=name, account=account, partition=partition)


class ChangeKind(StrEnum):
    """What a change does."""

    ADD = "add"
    CHANGE = "change"
    CLOSE = "close"  # no new jobs; what was there stays
    REMOVE = "remove"  # something that only others do


@dataclass(frozen=True, kw_only=True)
class Change:
    """One step from what is to what shall be; taking it twice is taking it once."""

    kind: ChangeKind
    key: ItemKey
    before: Settings  # of the settings that change; {} for what is added
    after: Settings

    def list_settings(self) -> tuple[tuple[str, str, str], ...]:
        """Return name, before and after of what is worth showing: nothing of what Slurm assumes."""
        usual = self.key.kind.defaults if not self.before or not self.after else {}
        names = self.after or self.before
        found = ((name, self.before.get(name, ""), self.after.get(name, "")) for name in names)
        return tuple(each for each in found if (each[1] or each[2]) != usual.get(each[0], None))


@dataclass(frozen=True, kw_only=True)
class Realm:
    """What is ours on a cluster."""

    root_account: str
    mark: str  # the description of every QOS that is ours


@dataclass(frozen=True, kw_only=True)
class ClusterState:
    """What a cluster says of itself."""

    policy: Policy  # of the whole cluster, not only of what is ours
    used_minutes: Mapping[str, Mapping[str, int]]  # by account and TRES, as Slurm's limits see it
    configuration: Mapping[str, str]  # of slurmctld
    longest_seconds: Mapping[str, int] = field(default_factory=dict)  # of a job, by partition
    shared_user: str = ""  # as which everybody's jobs run, where they do not run as each person


class PolicyKeeper(Protocol):
    """A cluster whose policy can be read and changed."""

    def read(self) -> ClusterState:
        """Return how the cluster is now."""
        ...

    def change(self, change: Change) -> None:
        """Take one step; a step that was taken already changes nothing."""
        ...


def realm_of(site: Site) -> Realm:
    """Return what is ours on the cluster of a site."""
    assert site.slurm is not None, "the site has a cluster"
    return Realm(root_account=site.slurm.root_account, mark=f"allmende:{site.id}")


def plan_changes(wanted: Policy, actual: Policy, ours: Realm) -> tuple[Change, ...]:
    """Return what turns `actual` into `wanted`, parents before children; () where nothing does.

    Any part of it, from its beginning, may be taken: a new plan then has what is left.
    """
    check_names(wanted, actual, ours)
    changes = []
    for key, settings in list_wanted(wanted, actual, ours).items():
        if key not in actual:
            changes.append(Change(kind=ChangeKind.ADD, key=key, before={}, after=settings))
        elif differing := list_differences(settings, actual[key]):
            changes.append(
                Change(
                    kind=ChangeKind.CHANGE if key in wanted else ChangeKind.CLOSE,
                    key=key,
                    before={name: actual[key].get(name, "") for name in differing},
                    after={name: settings[name] for name in differing},
                )
            )
    return tuple(changes)


def list_wanted(wanted: Policy, actual: Policy, ours: Realm) -> Policy:
    """Return everything that is ours as it shall be, in an order in which each finds what it needs.

    What the cluster has and policy does not want is there too, closed.
    """
    stray = {key: ALL_CLOSED for key in _list_ours(actual, ours) if key not in wanted}
    every = {**stray, **wanted}
    return {key: every[key] for key in _sort(every)}


def apply_change(policy: Policy, change: Change) -> Policy:
    """Return the policy after a change, as a cluster would have it."""
    before = policy.get(change.key, change.key.kind.defaults)
    return {**policy, change.key: {**before, **change.after}}


def list_differences(wanted: Settings, actual: Settings) -> tuple[str, ...]:
    """Return the names of the settings that are not as wanted; what policy leaves open is not."""
    return tuple(name for name, value in wanted.items() if value != actual.get(name, ""))


def check_names(wanted: Policy, actual: Policy, ours: Realm) -> None:
    """Refuse a policy that would change what is not ours."""
    if ours.root_account == EVERYTHING:
        why = Sentence("everything on the cluster is below it")
        raise NameIsTaken(kind=Sentence("an account"), name=EVERYTHING, why=why)
    own = set(list_own_accounts(actual, ours.root_account)) | {ours.root_account}
    for key in wanted:
        if key.kind is ItemKind.ACCOUNT and key in actual and key.name not in own:
            why = Sentence("it is not below {root}", {"root": ours.root_account})
            raise NameIsTaken(kind=Sentence("an account"), name=key.name, why=why)
        if key.kind is ItemKind.QOS and key in actual and not _is_marked(actual[key], ours):
            why = Sentence("its description is not {mark}", {"mark": ours.mark})
            raise NameIsTaken(kind=Sentence("a QOS"), name=key.name, why=why)


def list_own_accounts(policy: Policy, root_account: str) -> tuple[str, ...]:
    """Return the accounts below the root, parents before children."""
    children: dict[str, list[str]] = {}
    for key, settings in policy.items():
        if key.kind is ItemKind.ACCOUNT:
            children.setdefault(settings.get("Parent", ""), []).append(key.name)
    found: list[str] = []
    level = [root_account]
    while level:
        level = sorted(child for parent in level for child in children.get(parent, ()))
        found += level
    return tuple(found)


def list_drift(applied: Policy, actual: Policy, ours: Realm) -> tuple[Change, ...]:
    """Return what somebody changed since policy was applied, each from what was to what is."""
    drift = []
    for key in _sort(applied):
        settings = applied[key]
        if key not in actual:
            drift.append(Change(kind=ChangeKind.REMOVE, key=key, before=settings, after={}))
        elif differing := list_differences(settings, actual[key]):
            before = {name: settings[name] for name in differing}
            after = {name: actual[key].get(name, "") for name in differing}
            drift.append(Change(kind=ChangeKind.CHANGE, key=key, before=before, after=after))
    drift.extend(
        Change(kind=ChangeKind.ADD, key=key, before={}, after=actual[key])
        for key in _list_ours(actual, ours)
        if key not in applied and list_differences(ALL_CLOSED, actual[key])
    )
    return tuple(drift)


def _list_ours(policy: Policy, ours: Realm) -> Iterator[ItemKey]:
    """Yield the accounts below the root, and the users in them and in the root itself."""
    accounts = set(list_own_accounts(policy, ours.root_account))
    for key in policy:
        is_account = key.kind is ItemKind.ACCOUNT and key.name in accounts
        if is_account or key.account in accounts | {ours.root_account}:
            yield key


def _is_marked(settings: Settings, ours: Realm) -> bool:
    return settings.get("Description") == ours.mark


def _sort(policy: Policy) -> list[ItemKey]:
    """Return the keys in an order in which each finds what it needs."""
    depths = {name: depth for depth, name in enumerate(list_own_accounts(policy, ""))}

    def rank(key: ItemKey) -> tuple[int, int, ItemKey]:
        # The root says nothing of its parent, and neither do strays.
        depth = depths.get(key.name, 0) if key.kind is ItemKind.ACCOUNT else 0
        return RANKS[key.kind], depth, key

    return sorted(policy, key=rank)
