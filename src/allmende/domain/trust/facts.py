"""What the promises are judged by: plain facts, the same from the database and from a file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction

from allmende.domain.trust.audit import Finding


@dataclass(frozen=True, kw_only=True)
class Targets:
    """The numbers that were promised, from the rules and the configuration."""

    countries: frozenset[str]
    sme_group_id: str = "sme"
    sme_share: Fraction = Fraction(0)
    sme_share_source: str = ""
    renewable_share: Fraction = Fraction(0)
    heat_used_share: Fraction = Fraction(0)


@dataclass(frozen=True, kw_only=True)
class GroupFact:
    """How a group with a guarantee stood at the instant of a cycle, after its plan."""

    group_id: str
    guaranteed_nodes: Fraction
    running_nodes: int
    demand_nodes: int
    lag_node_seconds: Fraction
    bound_node_seconds: Fraction


@dataclass(frozen=True, kw_only=True)
class CycleFact:
    """One recorded cycle: who waited, who got an answer, and whether the plan can be repeated."""

    number: int
    partition_id: str
    at: datetime
    capacity_nodes: int
    pending_ids: tuple[str, ...]
    answered_ids: tuple[str, ...]  # started, or waiting with a reason; each id once for each answer
    groups: tuple[GroupFact, ...] = ()
    replays: bool = True


@dataclass(frozen=True, kw_only=True)
class AttemptFact:
    """One ended attempt of a job, with its place, its use and its energy."""

    key: str
    project_id: str
    partition_id: str
    access_share: str
    country: str
    data_class: str
    reason: str
    is_settled: bool
    metered_seconds: int  # recomputed from start, end, nodes
    used_seconds: int  # as charged
    refunded_seconds: int
    energy_joules: int
    energy_method: str
    energy_scope: str


@dataclass(frozen=True, kw_only=True)
class AccountFact:
    """An account of the ledger and what it holds."""

    id: str
    kind: str
    owner_id: str
    partition_id: str
    access_share: str
    balance_seconds: int


@dataclass(frozen=True, kw_only=True)
class UsageFact:
    """What a cluster's own records of a project on a partition come to."""

    project_id: str
    partition_id: str
    booked_seconds: int  # what stands in the ledger as consumed for them
    used_seconds: int  # what they say, of those that were charged
    charged_seconds: int  # booked by themselves, not by the settlement of an attempt
    lost_seconds: int  # used in runs that the site did not deliver
    given_back_seconds: int
    refunded_seconds: int  # given back by themselves


@dataclass(frozen=True, kw_only=True)
class ApplicationFact:
    """A submitted application: when it had to be decided, when it was, and at what price."""

    id: str
    is_from_sme: bool
    access_share: str
    due_at: datetime
    decided_at: datetime | None
    is_awarded: bool
    price_cents: int | None


@dataclass(frozen=True, kw_only=True)
class TrainingFact:
    """A job from a blueprint that ended well, and which of its documents exist."""

    job_id: str
    documents: frozenset[str]  # of "model", "card", "record"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything that the promises are judged by, as it stood at one instant."""

    at: datetime
    targets: Targets
    cycles: tuple[CycleFact, ...] = ()
    attempts: tuple[AttemptFact, ...] = ()
    usages: tuple[UsageFact, ...] = ()
    accounts: tuple[AccountFact, ...] = ()
    ledger_findings: tuple[Finding, ...] = ()
    applications: tuple[ApplicationFact, ...] = ()
    trainings: tuple[TrainingFact, ...] = ()
    events: int = 0
    chain_findings: tuple[Finding, ...] = ()
    # Energy and heat of whole sites, from their own meters: "renewable", "heat_used".
    site_figures: Mapping[str, Fraction] = field(default_factory=dict)
