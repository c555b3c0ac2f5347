"""Compiles what was decided here into what a Slurm cluster can be told.

Groups become accounts with a fair-share and a QOS of the same name (one for each partition, where
the cluster runs several), projects become accounts below their group with a budget, and their
members become users in them, on the partitions that the project has time on.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition, ShareGroup
from allmende.domain.basics.units import TimeUnit
from allmende.domain.scheduling.slurm_policies import (
    ALL_CLOSED,
    ItemKey,
    ItemKind,
    NameIsTaken,
    Policy,
    Realm,
    Settings,
    account_key,
    qos_key,
    user_key,
)

SHARES = 1000  # what the fair-share of all groups adds up to, but for rounding
# What the controller moves on the QOS of a group with a guarantee: policy leaves it open.
STEERED = ("Priority", "Preempt", "GrpTRES")
TRES = {TimeUnit.GPU_SECONDS: "gres/gpu", TimeUnit.NODE_SECONDS: "node"}


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What a project was given on one partition, in charged seconds."""

    partition_id: str
    posted_seconds: int  # what its jobs have used, as far as it was charged
    unspent_seconds: int  # what is left, with what is held for jobs


@dataclass(frozen=True, kw_only=True)
class ProjectClaim:
    """A project as a cluster has to know it."""

    id: str
    group_id: str
    is_open: bool  # whether new jobs may come and start
    user_names: tuple[str, ...]
    claims: tuple[Claim, ...]


def compile_policy(
    partitions: Sequence[Partition],
    projects: Iterable[ProjectClaim],
    *,
    used_minutes: Mapping[str, Mapping[str, int]],
    realm: Realm,
) -> Policy:
    """Return the policy of the cluster that runs these partitions.

    `used_minutes` is the cluster's own counter, by account and TRES. A project whose group no
    partition has is left out, and so closed where the cluster knows it.
    """
    by_id = {partition.id: partition for partition in partitions}
    policy: dict[ItemKey, Settings] = {account_key(realm.root_account): {}}
    groups = _by_group(partitions)
    for group_id, places in groups.items():
        key = account_key(group_id)
        if key in policy:
            why = Sentence("it is the root of ours")
            raise NameIsTaken(kind=Sentence("an account"), name=group_id, why=why)
        policy[key] = _compile_group(places, partitions, realm)
        for name, parts in _by_qos(places).items():
            policy[qos_key(name)] = _compile_qos(parts, realm)
    for project in projects:
        if project.group_id in groups:
            used = used_minutes.get(project.id, {})
            qos = _allow_qos(_by_qos(groups[project.group_id]))
            policy |= _compile_project(project, by_id, used, qos)
    return policy


def limit_minutes(*, posted_seconds: int, unspent_seconds: int, used_minutes: int) -> int:
    """Return the limit at which Slurm's counter has come to what a project was given, rounded down.

    Where the counter forgets nothing, it is the sum of what was posted and what is left, whatever
    runs at this moment: a limit that moves with awards alone. Where the counter has forgotten
    something (decay, a reset, a controller that lost its state), it is taken as it stands: it
    tells whole minutes, so the seconds beyond are granted to it.
    """
    counted_seconds = used_minutes * 60 + 59 if used_minutes else 0
    return max(0, min(counted_seconds, posted_seconds) + unspent_seconds) // 60


def share_of(group: ShareGroup, groups: Sequence[ShareGroup]) -> Fraction:
    """Return a group's part of a partition under full demand: its guarantee, and its weight of the
    rest."""
    rest = 1 - sum((each.guarantee for each in groups), Fraction(0))
    return group.guarantee + rest * Fraction(group.weight, sum(each.weight for each in groups))


Places = Sequence[tuple[Partition, ShareGroup]]


def _by_group(partitions: Iterable[Partition]) -> dict[str, list[tuple[Partition, ShareGroup]]]:
    found: dict[str, list[tuple[Partition, ShareGroup]]] = {}
    for partition in partitions:
        for group in partition.groups:
            found.setdefault(group.id, []).append((partition, group))
    return found


def _by_qos(places: Places) -> dict[str, list[tuple[Partition, ShareGroup]]]:
    found: dict[str, list[tuple[Partition, ShareGroup]]] = {}
    for partition, group in places:
        found.setdefault(partition.qos_of(group.id), []).append((partition, group))
    return found


def _compile_group(places: Places, partitions: Sequence[Partition], realm: Realm) -> Settings:
    """Return a group's account: its share over all partitions, and the most that it may have."""
    every = sum(partition.nodes or 0 for partition in partitions)
    part = sum(
        (share_of(group, partition.groups) * (partition.nodes or 0) for partition, group in places),
        Fraction(0),
    )
    return {
        **ItemKind.ACCOUNT.defaults,
        "Parent": realm.root_account,
        "Fairshare": str(max(1, round(SHARES * part / every))),
        "GrpTRES": _compile_ceilings(places),
        **_allow_qos(_by_qos(places)),
    }


def _compile_ceilings(places: Places) -> str:
    most: defaultdict[str, int] = defaultdict(int)
    limited = set()
    for partition, group in places:
        tres = TRES[partition.unit]
        units = (partition.nodes or 0) * partition.charge_factor
        most[tres] += int(group.ceiling * units)
        if group.ceiling < 1:
            limited.add(tres)
    return render_tres({tres: most[tres] for tres in limited})


def _compile_qos(places: Places, realm: Realm) -> Settings:
    widest = max(min(p.max_nodes_per_job, group.widest_job_nodes) for p, group in places)
    grace_seconds = max((p.grace_seconds for p, _ in places if lends(p)), default=0)
    steered = STEERED if any(group.guarantee for _, group in places) else ()
    settings = {
        **ItemKind.QOS.defaults,
        "Description": realm.mark,
        "GraceTime": render_wall_time(grace_seconds),
        "Flags": "DenyOnLimit",
        "MaxTRESPerJob": render_tres({"node": widest}),
        "MaxWall": _longest(partition for partition, _ in places),
    }
    return {name: value for name, value in settings.items() if name not in steered}


def _compile_project(
    project: ProjectClaim,
    partitions: Mapping[str, Partition],
    used_minutes: Mapping[str, int],
    qos: Settings,
) -> dict[ItemKey, Settings]:
    claims = [each for each in project.claims if each.partition_id in partitions]
    account = {
        **ItemKind.ACCOUNT.defaults,
        "Parent": project.group_id,
        "GrpTRESMins": render_tres(_compile_budget(claims, partitions, used_minutes)),
        **qos,
    }
    if not project.is_open:
        account |= ALL_CLOSED
    found: dict[ItemKey, Settings] = {account_key(project.id): account}
    for user_name in project.user_names:
        for claim in claims:
            partition = partitions[claim.partition_id]
            key = user_key(user_name, project.id, partition.name_on_slurm)
            here = _allow_qos([partition.qos_of(project.group_id)])
            found[key] = {**ItemKind.USER.defaults, **here}
    return found


def _compile_budget(
    claims: Iterable[Claim], partitions: Mapping[str, Partition], used_minutes: Mapping[str, int]
) -> dict[str, int]:
    posted: defaultdict[str, int] = defaultdict(int)
    unspent: defaultdict[str, int] = defaultdict(int)
    for claim in claims:
        tres = TRES[partitions[claim.partition_id].unit]
        posted[tres] += claim.posted_seconds
        unspent[tres] += claim.unspent_seconds
    return {
        tres: limit_minutes(
            posted_seconds=posted[tres],
            unspent_seconds=unspent[tres],
            used_minutes=used_minutes.get(tres, 0),
        )
        for tres in posted
    }


def _allow_qos(names: Iterable[str]) -> Settings:
    ordered = sorted(names)
    return {"QOS": ",".join(ordered), "DefaultQOS": ordered[0]}


def lends(partition: Partition) -> bool:
    """Say whether borrowers yield on a partition once an owed group has waited for its time."""
    return partition.response_target_seconds > 0


def _longest(partitions: Iterable[Partition]) -> str:
    return render_wall_time(max(map(longest_wall_seconds, partitions)))


def longest_wall_seconds(partition: Partition) -> int:
    """Return the longest that a job is submitted for: its limit, and the grace to stop in.

    Slurm keeps whole minutes, so a commenced one counts.
    """
    seconds = partition.max_time_limit_seconds + partition.grace_seconds
    return -(-seconds // 60) * 60


def render_tres(amounts: Mapping[str, int]) -> str:
    """Return amounts of TRES as Slurm writes them, in one order."""
    return ",".join(f"{tres}={amounts[tres]}" for tres in sorted(amounts))


def render_wall_time(seconds: int) -> str:
    """Return a duration as Slurm writes it: 1-00:05:00."""
    days, rest = divmod(seconds, 24 * 3600)
    clock = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{days}-{clock}" if days else clock
