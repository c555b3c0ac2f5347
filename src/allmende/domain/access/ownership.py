"""Who owns whom: which firms count as one with a firm, and which count in part.

Recommendation 2003/361/EC, Annex, Articles 3 and 6. The graph may have cycles.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

from allmende.domain.access.firms import (
    WHOLE_BASIS_POINTS,
    Firm,
    FirmKind,
    Holding,
    OwnershipGraph,
    YearFigures,
)

__all__ = [
    "WHOLE_BASIS_POINTS",
    "Firm",
    "FirmKind",
    "Holding",
    "Limits",
    "OwnershipGraph",
    "Partner",
    "Relations",
    "YearFigures",
    "find_relations",
    "find_single_undertaking",
]

EXEMPT_KINDS = frozenset(
    {
        FirmKind.VENTURE_CAPITAL,
        FirmKind.PUBLIC_INVESTMENT_CORPORATION,
        FirmKind.UNIVERSITY,
        FirmKind.INSTITUTIONAL_INVESTOR,
    }
)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The numbers of Article 3, as the rules of the day have them."""

    partner_basis_points: int
    linked_basis_points: int
    public_basis_points: int
    angel_cents: int
    authority_budget_cents: int
    authority_inhabitants: int


@dataclass(frozen=True)
class Partner:
    """Firms that count in part, as one group."""

    firm_ids: frozenset[str]
    share_basis_points: int


@dataclass(frozen=True, kw_only=True)
class Relations:
    """What counts with a firm: itself and linked firms whole, partners in part."""

    linked_ids: frozenset[str]
    partners: tuple[Partner, ...]
    exempt_ids: frozenset[str]
    public_basis_points: int


def find_relations(
    graph: OwnershipGraph, firm_id: str, *, limits: Limits, count_doubtful: bool
) -> Relations:
    """Return what counts with a firm; `count_doubtful` says whether unanswered questions count."""
    return _Reading(graph, limits, count_doubtful=count_doubtful).relations_of(firm_id)


def find_single_undertaking(
    graph: OwnershipGraph, firm_id: str, *, limits: Limits
) -> frozenset[str]:
    """Return the firms that are one undertaking with a firm (Reg. (EU) 2023/2831 Art. 2(2)).

    Narrower than the links of SMEs: partners do not count, and a person links nothing, because
    chains go through enterprises. Where control is in doubt, it counts.
    """
    apart = replace(graph, firms=tuple(replace(f, is_in_same_market=False) for f in graph.firms))
    return _Reading(apart, limits, count_doubtful=True).groups.members(firm_id)


class _Reading:
    """One reading of a graph, with every open question answered the same way."""

    def __init__(self, graph: OwnershipGraph, limits: Limits, *, count_doubtful: bool) -> None:
        self.graph = graph
        self.limits = limits
        self.count_doubtful = count_doubtful
        self.firms = {firm.id: firm for firm in graph.firms}
        self.into: dict[str, list[Holding]] = {firm_id: [] for firm_id in self.firms}
        for holding in graph.holdings:
            if holding.owner_id != holding.owned_id:
                self.into[holding.owned_id].append(holding)
        self.public_ids = self.publicly_controlled()
        self.groups = _Groups(self.firms)
        while self.join_once():
            pass

    def relations_of(self, firm_id: str) -> Relations:
        linked = self.groups.members(firm_id)
        others = {self.groups.members(other) for other in self.firms} - {linked}
        partners = [Partner(other, self.share_between(linked, other)) for other in others]
        direct = {h.owner_id for own in linked for h in self.into[own]}
        return Relations(
            linked_ids=linked,
            partners=tuple(
                sorted(
                    (
                        p
                        for p in partners
                        if p.share_basis_points >= self.limits.partner_basis_points
                    ),
                    key=lambda partner: sorted(partner.firm_ids),
                )
            ),
            exempt_ids=frozenset(
                h.owner_id for own in linked for h in self.into[own] if self.is_exempt(h)
            )
            & (direct - linked),
            public_basis_points=max(self.public_share_in(own) for own in linked),
        )

    # Which owners leave a firm autonomous, and which are public bodies.

    def is_exempt(self, holding: Holding) -> bool:
        owner = self.firms[holding.owner_id]
        if owner.kind is FirmKind.BUSINESS_ANGEL:
            return self.angels_stay_below(holding.owned_id)
        if owner.kind is FirmKind.LOCAL_AUTHORITY:
            return self.is_small_authority(owner) and not self.is_majority([holding])
        return owner.kind in EXEMPT_KINDS

    def angels_stay_below(self, firm_id: str) -> bool:
        angels = [
            holding.invested_cents
            for holding in self.into[firm_id]
            if self.firms[holding.owner_id].kind is FirmKind.BUSINESS_ANGEL
        ]
        if self.count_doubtful and None in angels:
            return False
        return sum(amount or 0 for amount in angels) < self.limits.angel_cents

    def is_small_authority(self, owner: Firm) -> bool:
        if self.count_doubtful and None in (owner.budget_cents, owner.inhabitants):
            return False
        budget, inhabitants = owner.budget_cents or 0, owner.inhabitants or 0
        return (
            budget < self.limits.authority_budget_cents
            and inhabitants < self.limits.authority_inhabitants
        )

    def is_public(self, firm: Firm) -> bool:
        if firm.kind is FirmKind.LOCAL_AUTHORITY:
            return not self.is_small_authority(firm)
        return firm.kind is FirmKind.PUBLIC_BODY

    def publicly_controlled(self) -> frozenset[str]:
        """Return public bodies and all firms that they control, directly or through others."""
        public = {firm.id for firm in self.firms.values() if self.is_public(firm)}
        while True:
            added = {
                firm_id
                for firm_id, holdings in self.into.items()
                if firm_id not in public
                and self.is_majority([h for h in holdings if h.owner_id in public])
            }
            if not added:
                return frozenset(public)
            public |= added

    def public_share_in(self, firm_id: str) -> int:
        """Return what public bodies hold together; the investors of Art. 3(2) are no such owner."""
        return _share(h for h in self.into[firm_id] if self.is_held_publicly(h))

    def is_held_publicly(self, holding: Holding) -> bool:
        is_authority = self.firms[holding.owner_id].kind is FirmKind.LOCAL_AUTHORITY
        return (is_authority or holding.owner_id in self.public_ids) and not self.is_exempt(holding)

    # Which firms are linked: majority of votes or control, alone or together with linked firms.

    def is_majority(self, holdings: list[Holding]) -> bool:
        controls = any(
            h.has_control or (h.has_control is None and self.count_doubtful) for h in holdings
        )
        return controls or sum(h.votes for h in holdings) > self.limits.linked_basis_points

    def may_link(self, owner: Firm) -> bool:
        """Say whether control by this owner links its firms with each other."""
        if owner.kind is FirmKind.NATURAL_PERSON:
            same = owner.is_in_same_market
            return self.count_doubtful if same is None else same
        return not self.is_public(owner)

    def join_once(self) -> bool:
        joined = False
        for firm_id, holdings in self.into.items():
            by_group: dict[str, list[Holding]] = {}
            for holding in holdings:
                if self.may_link(self.firms[holding.owner_id]):
                    by_group.setdefault(self.groups.root(holding.owner_id), []).append(holding)
            for root, together in by_group.items():
                if root != self.groups.root(firm_id) and self.is_majority(together):
                    self.groups.join(root, firm_id)
                    joined = True
        return joined

    def share_between(self, linked: frozenset[str], other: frozenset[str]) -> int:
        """Return the higher of capital and votes that either group holds of a firm of the other.

        Persons and public bodies are no enterprises, and exempt investors do not count.
        """
        if all(self.counts_nothing(self.firms[firm_id]) for firm_id in other):
            return 0
        upwards = [
            _share(h for h in self.into[own] if h.owner_id in other and not self.is_exempt(h))
            for own in linked
        ]
        downwards = [_share(h for h in self.into[them] if h.owner_id in linked) for them in other]
        return max(upwards + downwards)

    def counts_nothing(self, firm: Firm) -> bool:
        return firm.kind is FirmKind.NATURAL_PERSON or self.is_public(firm)


def _share(holdings: Iterable[Holding]) -> int:
    held = list(holdings)
    capital = sum(h.capital_basis_points for h in held)
    return min(max(capital, sum(h.votes for h in held)), WHOLE_BASIS_POINTS)


class _Groups:
    """Disjoint sets of firms."""

    def __init__(self, ids: Iterable[str]) -> None:
        self.group = {firm_id: frozenset({firm_id}) for firm_id in ids}

    def root(self, firm_id: str) -> str:
        return min(self.group[firm_id])

    def members(self, firm_id: str) -> frozenset[str]:
        return self.group[firm_id]

    def join(self, one: str, other: str) -> Self:
        union = self.group[one] | self.group[other]
        for member in union:
            self.group[member] = union
        return self
