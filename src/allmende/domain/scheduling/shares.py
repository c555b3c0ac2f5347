"""The share tree says what part of a partition each group, project and person may count on.

Claims are integers: millionths of a node (micronodes). A quarter of 6 nodes is 1,500,000 of them,
so half a node is owed exactly, and is paid over time: sometimes one node runs, sometimes two.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import ClassVar

from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence

MICRONODES = 1_000_000  # in one node; also the whole of a share, in parts per million
NO_CEILING = 1 << 40

Path = tuple[str, ...]  # group, project, person; or access share, group, project, person


class GuaranteesDoNotFit(Refusal):
    """The guarantees need {needed} nodes and the partition has {nodes}: {arithmetic}. Lower a
    guarantee or the widest job that it covers.
    """

    status: ClassVar[int] = 422


class GuaranteesExceedParent(Refusal):
    """The guarantees under {parent} add up to {sum_ppm} millionths, more than its {parent_ppm}.
    Lower one of them.
    """

    status: ClassVar[int] = 422


class GuaranteeOutOfPlace(Refusal):
    """{share} has a guarantee, but guarantees belong to groups or to what stands above them.
    Give it to the group.
    """

    status: ClassVar[int] = 422


class CeilingBelowGuarantee(Refusal):
    """{share} may use at most {ceiling} nodes, less than its guarantee and its widest job need
    ({needed}). Raise the ceiling.
    """

    status: ClassVar[int] = 422


class WiderThanGuarantee(Refusal):
    """This job asks for {nodes} nodes; in the group {group} a job may have up to {widest}, so that
    every group's guarantee can be kept. Ask for fewer nodes, or apply for a scheduled window.
    """

    status: ClassVar[int] = 422


def parts_per_million(fraction: Decimal | float | str) -> int:
    """Return a fraction such as 0.25 as whole millionths."""
    return int(Decimal(str(fraction)) * MICRONODES)


@dataclass(frozen=True, kw_only=True)
class Share:
    """One place in the tree. What stands nowhere in the tree has weight 1 and no limits."""

    path: Path
    guarantee_ppm: int = 0
    weight: int = 1
    ceiling_ppm: int = MICRONODES
    widest_job_nodes: int = 0  # of a group with a guarantee: the widest job that it covers

    def __post_init__(self) -> None:
        assert 0 <= self.guarantee_ppm <= MICRONODES, "a guarantee is a part of the whole"
        assert self.weight > 0, "weights are positive integers"
        assert self.guarantee_ppm == 0 or self.widest_job_nodes > 0, "a guarantee names its widest"

    def claim_micronodes(self, capacity_nodes: int) -> int:
        """Return what the guarantee is worth on so many nodes."""
        return self.guarantee_ppm * capacity_nodes

    def ceiling_nodes(self, capacity_nodes: int) -> int:
        """Return how many nodes everything below may use at once; the whole is no ceiling."""
        if self.ceiling_ppm == MICRONODES:
            return NO_CEILING
        return self.ceiling_ppm * capacity_nodes // MICRONODES

    def target_nodes(self, capacity_nodes: int) -> int:
        """Return the nodes that a pressing claim holds: the claim and room for its widest job."""
        return self.claim_micronodes(capacity_nodes) // MICRONODES + self.widest_job_nodes


@dataclass(frozen=True, kw_only=True)
class ShareTree:
    """All shares. `group_depth` is 2 where the access share stands above the group."""

    shares: tuple[Share, ...]
    group_depth: int = 1

    def __post_init__(self) -> None:
        assert len({share.path for share in self.shares}) == len(self.shares), "one row per share"

    @cached_property
    def groups(self) -> tuple[Share, ...]:
        """Return the groups, in the order of the file."""
        return tuple(share for share in self.shares if len(share.path) == self.group_depth)

    def group_of(self, path: Path) -> Path:
        """Return the group that a project or person belongs to."""
        return path[: self.group_depth]

    def find_share(self, path: Path) -> Share | None:
        """Return the row of a place, or None where the defaults hold."""
        return self._by_path.get(path)

    @cached_property
    def _by_path(self) -> Mapping[Path, Share]:
        # Asked for every job, and a tree may have as many rows as there are people.
        return {share.path: share for share in self.shares}

    def get_group(self, path: Path) -> Share:
        """Return the row of the group that a path leads through."""
        share = self.find_share(self.group_of(path))
        assert share is not None, f"the group of {path} stands in the tree"
        return share


def render_nodes(micronodes: int) -> str:
    """Write micronodes as nodes, without zeros that say nothing."""
    return format((Decimal(micronodes) / MICRONODES).normalize(), "f")


def check_tree(tree: ShareTree) -> None:
    """Refuse guarantees below the group, and siblings that claim more than their parent has."""
    for share in tree.shares:
        if share.guarantee_ppm and len(share.path) > tree.group_depth:
            raise GuaranteeOutOfPlace(share="/".join(share.path))
    totals: dict[Path, int] = {}
    for share in tree.shares:
        totals[share.path[:-1]] = totals.get(share.path[:-1], 0) + share.guarantee_ppm
    for parent, total in totals.items():
        row = tree.find_share(parent)
        limit = MICRONODES if row is None else row.guarantee_ppm
        if total > limit:
            name = "/".join(parent) or "the partition"
            raise GuaranteesExceedParent(parent=name, sum_ppm=total, parent_ppm=limit)


def check_admission(tree: ShareTree, *, capacity_nodes: int) -> None:
    """Refuse guarantees that cannot all be kept: sum of (claim + widest job) <= nodes."""
    check_tree(tree)
    guaranteed = [share for share in tree.groups if share.guarantee_ppm]
    terms = [
        (share.claim_micronodes(capacity_nodes), share.widest_job_nodes * MICRONODES)
        for share in guaranteed
    ]
    needed = sum(claim + widest for claim, widest in terms)
    if needed > capacity_nodes * MICRONODES:
        arithmetic = " + ".join(f"({render_nodes(c)} + {render_nodes(w)})" for c, w in terms)
        facts = {"needed": render_nodes(needed), "nodes": capacity_nodes, "arithmetic": arithmetic}
        raise GuaranteesDoNotFit(**facts)
    for share in guaranteed:
        ceiling, target = share.ceiling_nodes(capacity_nodes), share.target_nodes(capacity_nodes)
        if ceiling < target:
            name = "/".join(share.path)
            raise CeilingBelowGuarantee(share=name, ceiling=ceiling, needed=target)


def check_job_width(tree: ShareTree, path: Path, *, nodes: int) -> None:
    """Refuse a job wider than the guarantee of its group was computed for."""
    if is_too_wide(tree, path, nodes=nodes):
        group = tree.get_group(path)
        facts = {"group": "/".join(group.path), "nodes": nodes, "widest": group.widest_job_nodes}
        raise WiderThanGuarantee(**facts)


def is_too_wide(tree: ShareTree, path: Path, *, nodes: int) -> bool:
    """Say whether a job is wider than the guarantee of its group covers."""
    group = tree.get_group(path)
    return group.guarantee_ppm > 0 and nodes > group.widest_job_nodes


def describe_guarantee(share: Share, *, capacity_nodes: int) -> Sentence:
    """Say what a group may count on, and how a fraction of a node is paid."""
    claim = render_nodes(share.claim_micronodes(capacity_nodes))
    if share.guarantee_ppm == 0:
        return Sentence("This group has no guarantee: it runs on what the others leave.")
    if share.claim_micronodes(capacity_nodes) % MICRONODES:
        return Sentence(
            "{claim} of {nodes} nodes are guaranteed. The fraction is paid over time: what is "
            "missing now is owed until it was delivered.",
            {"claim": claim, "nodes": capacity_nodes},
        )
    return Sentence(
        "{claim} of {nodes} nodes are guaranteed.", {"claim": claim, "nodes": capacity_nodes}
    )
