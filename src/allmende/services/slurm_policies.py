"""The policy of a Slurm cluster: plan it, apply it, and find what others changed by hand."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from allmende.domain.access.projects import Project, ProjectState, can_run
from allmende.domain.basics.mistakes import MACHINE_TROUBLE
from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Factory, Partition, Site
from allmende.domain.scheduling.policy_compilation import Claim, ProjectClaim, compile_policy
from allmende.domain.scheduling.policy_demands import list_short_partitions, list_shortcomings
from allmende.domain.scheduling.slurm_policies import (
    Change,
    ClusterState,
    ItemKey,
    ItemKind,
    Policy,
    PolicyKeeper,
    list_differences,
    list_drift,
    list_wanted,
    plan_changes,
    realm_of,
)
from allmende.domain.trust.canonical import digest, render
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import audit
from allmende.services.cluster_accounts import SiteHasNoCluster
from allmende.services.deeds import Deed, one_transaction
from allmende.storage import cluster_accounts as account_store
from allmende.storage import cycles as lease_store
from allmende.storage import ledger as ledger_store
from allmende.storage import projects as project_store
from allmende.storage import slurm_policies as store

KeeperOf = Callable[[str], PolicyKeeper]  # by the id of a site
BeginDeed = Callable[[], Deed]  # of the same actor, at the present instant
LEASE = timedelta(seconds=60)  # longer than a change may take
# Others are not known to a cluster, or closed there.
KNOWN_STATES = (ProjectState.ACTIVE, ProjectState.SUSPENDED)


class SomebodyApplies(Refusal):
    """Somebody applies policy to the cluster of {site} at this moment. Try again in a minute."""


class PlanHasChanged(Refusal):
    """What is to be changed on the cluster of {site} is no longer what you saw. Look at the plan
    again."""


class ChangesRefused(Refusal):
    """The cluster of {site} refused {count} of the changes; all others were made. The first refusal
    was: {sentence}"""


@dataclass(frozen=True, kw_only=True)
class Outsider:
    """A member of a project who has no account at the site yet."""

    project_id: str
    person_id: str


@dataclass(frozen=True, kw_only=True)
class PolicyPlan:
    """What applying the policy to a cluster would do, and what it cannot do."""

    site_id: str
    wanted: Policy  # everything that is ours, as it shall be
    changes: tuple[Change, ...]
    shortcomings: tuple[Sentence, ...]  # of the cluster's own configuration
    outsiders: tuple[Outsider, ...]

    @property
    def digest(self) -> str:
        """Return what tells one plan from another: who confirms names what they saw."""
        return digest(render(self.changes))


@dataclass(frozen=True, kw_only=True)
class PolicyDrift:
    """What others changed since policy was last applied."""

    site_id: str
    applied_at: datetime | None  # None: never
    changes: tuple[Change, ...]


Choose = Callable[[PolicyPlan, PolicyDrift], PolicyPlan]


def plan_policy(
    reader: Person, site_id: str, *, keeper_of: KeeperOf, factory: Factory, now: datetime
) -> PolicyPlan:
    """Return what applying policy to a site's cluster would change."""
    check_permission(reader, Permission.SEE_CLUSTER_POLICY)
    site = get_site(site_id, factory=factory)
    return compare(site, keeper_of(site_id).read(), now=now)


def apply_policy(
    begin: BeginDeed, site_id: str, *, keeper_of: KeeperOf, factory: Factory, digest: str = ""
) -> PolicyPlan:
    """Make the cluster of a site what policy wants, and return what was changed.

    With `digest`, only a plan that is the one seen before is applied. Killed at any point, the
    next call carries on; each change has one event in the audit chain.
    """

    def choose(plan: PolicyPlan, _drift: PolicyDrift) -> PolicyPlan:
        if digest not in ("", plan.digest):
            raise PlanHasChanged(site=factory.get_site(site_id).name)
        return plan

    return _apply(begin, get_site(site_id, factory=factory), keeper_of, choose)


def keep_policy(
    begin: BeginDeed, site_id: str, *, keeper_of: KeeperOf, factory: Factory
) -> PolicyPlan:
    """Tell a cluster what was decided here since policy was applied, and return what was changed.

    What others changed by hand stays for the operators to judge, and so does a cluster to which
    policy was never applied.
    """

    def choose(plan: PolicyPlan, drift: PolicyDrift) -> PolicyPlan:
        others = {change.key for change in drift.changes}
        if drift.applied_at is None:
            return replace(plan, wanted={}, changes=())
        return replace(
            plan,
            wanted={key: value for key, value in plan.wanted.items() if key not in others},
            changes=tuple(change for change in plan.changes if change.key not in others),
        )

    return _apply(begin, get_site(site_id, factory=factory), keeper_of, choose)


def find_drift(
    reader: Person, site_id: str, *, keeper_of: KeeperOf, factory: Factory
) -> PolicyDrift:
    """Return what somebody changed by hand since policy was applied.

    A change of policy here is no drift: the cluster is compared with what was applied.
    """
    check_permission(reader, Permission.SEE_CLUSTER_POLICY)
    site = get_site(site_id, factory=factory)
    return _find_drift(site, keeper_of(site_id).read())


def review_policy(
    reader: Person, site_id: str, *, keeper_of: KeeperOf, factory: Factory, now: datetime
) -> tuple[PolicyPlan, PolicyDrift]:
    """Return plan and drift of one and the same look at a site's cluster."""
    check_permission(reader, Permission.SEE_CLUSTER_POLICY)
    site = get_site(site_id, factory=factory)
    state = keeper_of(site_id).read()
    return compare(site, state, now=now), _find_drift(site, state)


def list_clusters(reader: Person, *, factory: Factory) -> list[tuple[Site, datetime | None]]:
    """Return the sites with a Slurm cluster, and when policy was last applied to each."""
    check_permission(reader, Permission.SEE_CLUSTER_POLICY)
    applied = store.list_applied_at()
    return [(site, applied.get(site.id)) for site in factory.sites if site.slurm is not None]


def get_site(site_id: str, *, factory: Factory) -> Site:
    """Return a site with a Slurm cluster."""
    site = factory.get_site(site_id)
    if site.slurm is None:
        raise SiteHasNoCluster(site=site.name)
    return site


def compare(site: Site, state: ClusterState, *, now: datetime) -> PolicyPlan:
    """Return what would turn a cluster as it is into what it shall be."""
    partitions, realm = site.partitions_on_slurm, realm_of(site)
    projects, claims = _load_projects(partitions)
    names = _NamesOf(account_store.get_user_names(site.id), state.shared_user)
    wanted = compile_policy(
        partitions,
        [_claim(each, claims[each.id], names=names, now=now) for each in projects],
        used_minutes=state.used_minutes,
        realm=realm,
    )
    outsiders = (
        Outsider(project_id=project.id, person_id=person_id)
        for project in projects
        for person_id in names.list_unknown(project.member_ids)
    )
    return PolicyPlan(
        site_id=site.id,
        wanted=list_wanted(wanted, state.policy, realm),
        changes=plan_changes(wanted, state.policy, realm),
        shortcomings=(
            *list_shortcomings(partitions, state.configuration),
            *list_short_partitions(partitions, state.longest_seconds),
        ),
        outsiders=tuple(outsiders),
    )


@dataclass(frozen=True)
class _NamesOf:
    """The user names of people at a site."""

    by_person: Mapping[str, str]
    shared: str  # the user as which everybody's jobs run; "" where each person has their own

    def list_known(self, person_ids: Iterable[str]) -> list[str]:
        if self.shared:
            return [self.shared]
        return sorted(self.by_person[each] for each in person_ids if each in self.by_person)

    def list_unknown(self, person_ids: Iterable[str]) -> list[str]:
        return [each for each in person_ids if not self.shared and each not in self.by_person]


def _load_projects(partitions: Sequence[Partition]) -> tuple[list[Project], dict[str, list[Claim]]]:
    claims: defaultdict[str, list[Claim]] = defaultdict(list)
    with ledger_store.one_snapshot():
        for row in store.list_time([partition.id for partition in partitions]):
            claims[row.project_id].append(
                Claim(
                    partition_id=row.partition_id,
                    posted_seconds=row.posted_seconds,
                    unspent_seconds=row.unspent_seconds,
                )
            )
    known = project_store.list_projects_by_id(list(claims))
    return [project for project in known if project.state in KNOWN_STATES], claims


def _claim(
    project: Project, claims: list[Claim], *, names: _NamesOf, now: datetime
) -> ProjectClaim:
    return ProjectClaim(
        id=project.id,
        group_id=project.group_id,
        is_open=can_run(project, now=now),
        user_names=tuple(names.list_known(project.member_ids)),
        claims=tuple(claims),
    )


def _apply(begin: BeginDeed, site: Site, keeper_of: KeeperOf, choose: Choose) -> PolicyPlan:
    """Take what was chosen of a plan, step by step; a step that is refused stops no other."""
    first = begin()
    check_permission(first.actor, Permission.APPLY_CLUSTER_POLICY)
    keeper = keeper_of(site.id)
    refused: dict[ItemKey, Sentence] = {}
    with _hold_lease(begin, site) as renew:
        state = keeper.read()
        _settle_pending(begin(), site.id, state.policy)
        plan = choose(compare(site, state, now=first.now), _find_drift(site, state))
        for change in plan.changes:
            renew()
            _begin_change(begin(), site.id, change)
            try:
                keeper.change(change)
            except Refusal as refusal:
                if refusal.status >= MACHINE_TROUBLE:
                    raise
                refused[change.key] = refusal.sentence
                store.end_change(site.id, change.key, is_made=False, now=first.now)
            else:
                _end_change(begin(), site.id, change)
        made = {key: value for key, value in plan.wanted.items() if key not in refused}
        _remember(begin(), site.id, made)
    if refused:
        first_one = next(iter(refused.values()))
        raise ChangesRefused(count=len(refused), site=site.name, sentence=first_one)
    return plan


@contextmanager
def _hold_lease(begin: BeginDeed, site: Site) -> Iterator[Callable[[], None]]:
    """Let nobody else apply policy to the site meanwhile; the value renews that."""
    name, holder = f"policy:{site.id}", begin().new_id("lease")

    def renew() -> None:
        # Reading a large cluster may take longer than this holds: somebody else may have been here.
        if not lease_store.renew_lease(name, holder=holder, expires_at=begin().now + LEASE):
            raise SomebodyApplies(site=site.name)

    now = begin().now
    if not lease_store.take_lease(name, holder=holder, now=now, expires_at=now + LEASE):
        raise SomebodyApplies(site=site.name)
    try:
        yield renew
    finally:
        lease_store.give_lease_back(name, holder=holder)


@one_transaction
def _begin_change(_deed: Deed, site_id: str, change: Change) -> None:
    store.begin_change(site_id, change.key, change.after)


@one_transaction
def _end_change(deed: Deed, site_id: str, change: Change) -> None:
    """Keep what was applied, and that it was, in one transaction."""
    store.end_change(site_id, change.key, is_made=True, now=deed.now)
    audit.record(
        deed,
        action="cluster_policy.changed",
        subject=f"{site_id}:{_name_for_audit(site_id, change.key)}",
        kind=change.kind,
        settings=change.after,
    )


@one_transaction
def _settle_pending(deed: Deed, site_id: str, actual: Policy) -> None:
    """Find out what became of a change after which somebody was killed."""
    for key, item in store.get_items(site_id).items():
        if item.pending is None:
            continue
        is_made = _is_as(key, item.pending, actual)
        store.end_change(site_id, key, is_made=is_made, now=deed.now)
        if is_made:
            subject = f"{site_id}:{_name_for_audit(site_id, key)}"
            audit.record(
                deed,
                action="cluster_policy.changed",
                subject=subject,
                kind="resumed",
                settings=item.pending,
            )


@one_transaction
def _remember(deed: Deed, site_id: str, policy: Policy) -> None:
    """Keep everything as it is now, what was found as wanted too, so that drift is seen in it."""
    store.save_items(site_id, policy, now=deed.now)


def _name_for_audit(site_id: str, key: ItemKey) -> str:
    """Return the key with the person in place of the user: the chain has no names of people."""
    if key.kind is not ItemKind.USER:
        return key.text
    person_id = account_store.find_person_id(site_id, key.name)
    return replace(key, name=person_id or "?").text


def _find_drift(site: Site, state: ClusterState) -> PolicyDrift:
    applied_at = store.list_applied_at().get(site.id)
    drift: tuple[Change, ...] = ()
    if applied_at is not None:
        applied = _list_applied(site.id, state.policy)
        drift = list_drift(applied, state.policy, realm_of(site))
    return PolicyDrift(site_id=site.id, applied_at=applied_at, changes=drift)


def _list_applied(site_id: str, actual: Policy) -> Policy:
    """Return what was applied; a change of which nobody knows the end counts where it is seen."""
    applied = {}
    for key, item in store.get_items(site_id).items():
        settings = item.settings or {}
        is_made = item.pending is not None and _is_as(key, item.pending, actual)
        if is_made:
            settings = {**settings, **(item.pending or {})}
        if item.settings is not None or is_made:
            applied[key] = settings
    return applied


def _is_as(key: ItemKey, settings: Mapping[str, str], actual: Policy) -> bool:
    """Say whether an item of a cluster has these settings."""
    return key in actual and not list_differences(settings, actual[key])
