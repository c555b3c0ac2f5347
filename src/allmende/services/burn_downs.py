"""A project's time against the calendar, every figure from the ledger."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import accumulate
from zoneinfo import ZoneInfo

from allmende.domain.access.projects import Project
from allmende.domain.accounting import burn_downs
from allmende.domain.accounting.allocations import Budget, ProjectAccounts
from allmende.domain.accounting.burn_downs import (
    DAY_SECONDS,
    LONGER_RATE_DAYS,
    BurnDown,
    Mark,
    measure_rates,
)
from allmende.domain.accounting.outlooks import RATE_DAYS
from allmende.domain.accounting.quotas import Priority
from allmende.domain.basics.people import Person
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Factory, Partition
from allmende.domain.basics.units import TimeUnit, count_hours
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import budgets, projects, quotas
from allmende.services.quotas import PriorityOutlook
from allmende.storage import charges as store
from allmende.storage import ledger as ledger_store
from allmende.storage.charges import GrantRow

MARKS_MAX = 40
RATES = (RATE_DAYS, LONGER_RATE_DAYS)
METHOD = Sentence(
    "Estimated: it goes on as in the last {days} or {longer} days, whichever is less or more. What "
    "is used is what the ledger settled, less refunds; what runs is held in full until it ends.",
    {"days": RATE_DAYS, "longer": LONGER_RATE_DAYS},
)


@dataclass(frozen=True, kw_only=True)
class ProjectBurnDown:
    """The burn-down of a project, its priority, what to do, and where the figures stand."""

    project_id: str
    unit: TimeUnit
    nodes_at_once: int
    burn: BurnDown
    priority: PriorityOutlook
    advice: Sentence
    grants: tuple[GrantRow, ...]
    account_ids: tuple[str, ...]  # of the ledger: what can be held, what is held, what was used


@dataclass(frozen=True)
class Elsewhere:
    """What a project has on a partition that is not the one of its award."""

    budget: Budget
    priority: Sentence  # until when its jobs have it there

    @property
    def sentence(self) -> Sentence:
        """Say what is left there, of what was given, and until when with which priority."""
        budget = self.budget
        return Sentence(
            "On {partition} {left} of {given} {unit} are left. {priority}",
            {
                "partition": budget.partition_id,
                "left": count_hours(budget.available_seconds),
                "given": count_hours(budget.awarded_seconds),
                "unit": Sentence(budget.unit.hours_name),
                "priority": self.priority,
            },
        )


@dataclass(frozen=True, kw_only=True)
class BurnDownFigures:
    """The same in plain figures, for programs and tables; amounts are charged seconds."""

    project_id: str
    unit: TimeUnit
    at: datetime
    starts_at: datetime
    ends_at: datetime
    awarded_seconds: int
    used_seconds: int
    running_seconds: int
    committed_seconds: int
    expired_seconds: int
    left_seconds: int
    nodes_at_once: int
    possible_seconds: int
    certainly_lost_seconds: int
    lost_seconds_least: int
    lost_seconds_most: int
    used_up_at: datetime | None
    method: Sentence
    advice: Sentence
    quota_style: str
    priority: Priority
    priority_until: datetime
    priority_back_at: datetime | None
    priority_sentence: Sentence
    priority_left_seconds: int | None  # of the quota of this month, or of the whole
    account_ids: tuple[str, ...]
    grants: tuple[GrantRow, ...]
    days: tuple[Mark, ...]


def list_figures(found: ProjectBurnDown) -> BurnDownFigures:
    """Return every figure of a burn-down."""
    burn, priority = found.burn, found.priority
    least, most = burn.lost_seconds
    standing, outlook = priority.standing, priority.outlook
    return BurnDownFigures(
        project_id=found.project_id,
        unit=found.unit,
        at=burn.at,
        starts_at=burn.period.starts_at,
        ends_at=burn.period.ends_at,
        awarded_seconds=burn.awarded_seconds,
        used_seconds=burn.used_seconds,
        running_seconds=burn.running_seconds,
        committed_seconds=burn.committed_seconds,
        expired_seconds=burn.expired_seconds,
        left_seconds=burn.left_seconds,
        nodes_at_once=found.nodes_at_once,
        possible_seconds=burn.possible_seconds,
        certainly_lost_seconds=burn.certainly_lost_seconds,
        lost_seconds_least=least,
        lost_seconds_most=most,
        used_up_at=burn.used_up_at,
        method=METHOD,
        advice=found.advice,
        quota_style=priority.style_id,
        priority=outlook.priority,
        priority_until=outlook.until,
        priority_back_at=outlook.back_at,
        priority_sentence=priority.sentence,
        priority_left_seconds=standing.left_seconds if standing else None,
        account_ids=found.account_ids,
        grants=found.grants,
        days=burn.marks,
    )


def get_burn_down(
    reader: Person,
    project_id: str,
    *,
    now: datetime,
    factory: Factory,
    and_seconds: int = 0,
    partition_id: str = "",
) -> ProjectBurnDown:
    """Return where a project's time is and where it goes, with a constant number of queries.

    It is the time on the partition of its award, or on another that is named. Its priority is that
    which it has with a job more, which would hold `and_seconds`.
    """
    check_permission(reader, Permission.SEE_BUDGET)
    project = projects.get_project(reader, project_id)
    partition = factory.get_partition(partition_id or project.partition_id)
    if partition.id != project.partition_id:
        budgets.find_accounts(
            project_id, partition_id=partition.id, access_share=project.access_share
        )
    with ledger_store.one_snapshot():
        return _read(project, partition, now, and_seconds)


def find_burn_down(
    reader: Person, project: Project, *, now: datetime, factory: Factory
) -> ProjectBurnDown | None:
    """Return the same, or None when the machine is no longer in the configuration."""
    if all(partition.id != project.partition_id for partition in factory.partitions):
        return None
    return get_burn_down(reader, project.id, now=now, factory=factory)


def list_elsewhere(
    project: Project, held: Sequence[Budget], *, now: datetime, factory: Factory
) -> list[Elsewhere]:
    """Return how a project stands on the other partitions among its budgets."""
    known = {partition.id: partition for partition in factory.partitions}
    return [
        Elsewhere(budget, quotas.foresee(known[budget.partition_id], project, now=now).sentence)
        for budget in held
        if budget.partition_id != project.partition_id
        and budget.access_share == project.access_share
        and budget.partition_id in known
    ]


def _read(
    project: Project, partition: Partition, now: datetime, and_seconds: int
) -> ProjectBurnDown:
    accounts = quotas.accounts_of(partition, project)
    account = quotas.read_account(partition, project, now=now)
    grants = store.list_grants([accounts])[project.id]
    held = ledger_store.get_balances([accounts.held.id]).get(accounts.held.id, 0)
    expired = ledger_store.get_net_seconds(
        debit_account_id=accounts.project.id, credit_account_id=accounts.share.expired().id
    )
    midnights = _list_midnights(project, partition, now)
    begins = {days: now - timedelta(days=days) for days in RATES}
    used = _sum_until(accounts, [*midnights, *begins.values()], now)
    lately = [(days, used[now] - used[begin]) for days, begin in begins.items()]
    age = int((now - project.period.starts_at).total_seconds())
    nodes = _most_nodes(project, partition)
    burn = BurnDown(
        period=project.period,
        at=now,
        awarded_seconds=sum(grant.seconds for grant in grants),
        used_seconds=used[now],
        running_seconds=account.usage.running_seconds,
        committed_seconds=held - account.usage.running_seconds,
        expired_seconds=expired,
        rates=measure_rates(lately, age_seconds=age),
        seconds_a_second=nodes * partition.charge_factor,
        marks=tuple(
            Mark(at, sum(grant.seconds for grant in grants if grant.at <= at), used[at])
            for at in (*midnights, now)
        ),
    )
    rate = measure_rates(lately[:1], age_seconds=age)[0]
    return ProjectBurnDown(
        project_id=project.id,
        unit=partition.unit,
        nodes_at_once=nodes,
        burn=burn,
        priority=quotas.tell(account, partition, now=now, rate=rate, and_seconds=and_seconds),
        advice=burn_downs.advise(burn, unit=Sentence(partition.unit.hours_name)),
        grants=tuple(grants),
        account_ids=tuple(each.id for each in accounts.list_own()),
    )


def _sum_until(
    accounts: ProjectAccounts, instants: Sequence[datetime], now: datetime
) -> dict[datetime, int]:
    """Return what had been used by each of these instants, and by now."""
    ordered = sorted(set(instants))
    sums = store.sum_used([accounts], ordered)[accounts.project_id]
    return dict(zip([*ordered, now], accumulate(sums), strict=True))


def _list_midnights(project: Project, partition: Partition, now: datetime) -> list[datetime]:
    """Return the beginning of the period and some midnights after it, evenly, before now."""
    zone = ZoneInfo(partition.time_zone)
    starts, until = project.period.starts_at, min(now, project.period.ends_at)
    if until <= starts:
        return []
    every = max(1, -(-int((until - starts).total_seconds()) // (DAY_SECONDS * MARKS_MAX)))
    found, day = [starts], starts.astimezone(zone).date()
    while True:
        day += timedelta(days=every)
        midnight = datetime.combine(day, time(), tzinfo=zone)
        if midnight >= until:
            return found
        found.append(midnight)


def _most_nodes(project: Project, partition: Partition) -> int:
    """Return how many nodes a project may have at once: those of its group's ceiling."""
    ceilings = [group.ceiling for group in partition.groups if group.id == project.group_id]
    return int(min(ceilings, default=1) * (partition.nodes or 0))
