"""Quota windows at work: whose jobs go last, whose do not start, and until when that is so.

A partition on which no style is configured costs nothing: nobody is asked about anything.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from allmende.domain.access.awards import add_months
from allmende.domain.access.changes import ProjectChange
from allmende.domain.access.projects import Project
from allmende.domain.accounting import outlooks, quotas
from allmende.domain.accounting.allocations import AccessShare, ProjectAccounts
from allmende.domain.accounting.burn_downs import DAY_SECONDS, measure_rates
from allmende.domain.accounting.outlooks import RATE_DAYS, Outlook
from allmende.domain.accounting.quotas import Extension, Grant, Priority, Standing, Usage
from allmende.domain.basics.periods import Period
from allmende.domain.basics.quotas import QuotaStyle
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition
from allmende.domain.basics.units import hours_from_seconds
from allmende.domain.scheduling.jobs import Job, JobState
from allmende.domain.scheduling.shares import Path
from allmende.services.snapshots import path_of
from allmende.storage import changes as change_store
from allmende.storage import charges as store
from allmende.storage import projects as project_store


@dataclass(frozen=True, kw_only=True)
class QuotaEffect:
    """What quotas mean for the jobs of a partition now."""

    bars: Mapping[str, Sentence]  # by job, why it does not start
    demoted: frozenset[Path] = frozenset()  # projects whose jobs go after the others of their group


@dataclass(frozen=True, kw_only=True)
class Account:
    """What a quota goes by: the style that is in force, and what was awarded and used."""

    style: QuotaStyle | None
    usage: Usage

    def stand(self, now: datetime) -> Standing | None:
        """Return how the project stands; None without a style."""
        return quotas.stand(self.style, self.usage, now=now) if self.style else None


@dataclass(frozen=True, kw_only=True)
class PriorityOutlook:
    """Until when a project has normal priority, in figures and in words."""

    style_id: str  # "" without one
    standing: Standing | None
    outlook: Outlook
    rate_seconds_a_day: int
    sentence: Sentence


def weigh(
    partition: Partition, alive: Collection[Job], *, now: datetime, asked: Collection[Path] = ()
) -> QuotaEffect:
    """Return what the quotas of those who wait mean now, with a constant number of queries.

    `asked` are the places of jobs that are only asked about, as if they waited too.
    """
    waiting = [job for job in alive if job.state is JobState.PENDING]
    places = {path_of(job)[:2] for job in waiting} | {path[:2] for path in asked}
    if not partition.quota_styles or not places:
        return QuotaEffect(bars={})
    running: Counter[str] = Counter()
    for job in alive:
        if job.state is JobState.RUNNING:
            running[job.project_id] += job.held_seconds
    projects = project_store.list_projects_by_id({project_id for _, project_id in places})
    waits_here = {job.project_id for job in waiting}  # so it has time here, wherever its award is
    here = [p for p in projects if p.partition_id == partition.id or p.id in waits_here]
    accounts = read_accounts(partition, here, running=running, now=now)
    late, stopped = set(), {}
    for project_id, account in accounts.items():
        standing = account.stand(now)
        if standing is not None and standing.priority is Priority.LOW:
            late.add(project_id)
        bar = _find_bar(account, standing, partition)
        if bar is not None:
            stopped[project_id] = bar
    return QuotaEffect(
        bars={job.id: stopped[job.project_id] for job in waiting if job.project_id in stopped},
        demoted=frozenset(place for place in places if place[1] in late),
    )


def is_late(partition: Partition, project_id: str, *, now: datetime) -> bool:
    """Say whether the jobs of a project go after the others of its group."""
    if not partition.quota_styles:
        return False
    standing = read_account(partition, project_store.get_project(project_id), now=now).stand(now)
    return standing is not None and standing.priority is Priority.LOW


def say_late(why: Sentence) -> Sentence:
    """Return why a job waits, with the reason why others of its group go before it."""
    return Sentence(
        "{why} Its project has used its quota, so it goes after the others of its group.",
        {"why": why},
    )


def check_may_submit(project: Project, partition: Partition, *, now: datetime) -> None:
    """Refuse a job of a project whose quota lets nothing start."""
    if partition.quota_styles:
        account = read_account(partition, project, now=now)
        standing = account.stand(now)
        if standing is not None:
            quotas.check_not_blocked(standing, account.usage, partition.unit)


def overdraw_seconds(
    partition: Partition, mode_id: str, *, awarded_seconds: int, on: datetime
) -> int:
    """Return how much beyond its award a new project may use, because the style allows it."""
    style = partition.find_quota_style(mode_id, on=_day(partition, on))
    beyond = style.stop_whole_percent - 100 if style is not None else 0
    return awarded_seconds * max(0, beyond) // 100


def foresee(
    partition: Partition, project: Project, *, now: datetime, and_seconds: int = 0
) -> PriorityOutlook:
    """Return until when a project has normal priority at its present rate, with a job more."""
    account = read_account(partition, project, now=now)
    accounts = [accounts_of(partition, project)]
    lately = store.sum_used(accounts, [now - timedelta(days=RATE_DAYS)])[project.id][1]
    age = int((now - project.period.starts_at).total_seconds())
    rate = measure_rates([(RATE_DAYS, lately)], age_seconds=age)[0]
    return tell(account, partition, now=now, rate=rate, and_seconds=and_seconds)


def tell(
    account: Account, partition: Partition, *, now: datetime, rate: Fraction, and_seconds: int = 0
) -> PriorityOutlook:
    """Say until when a project has normal priority at a rate, with a job more."""
    outlook = outlooks.foresee(
        account.style, account.usage, now=now, rate=rate, and_seconds=and_seconds
    )
    a_day = int(rate * DAY_SECONDS)
    hours = float(f"{hours_from_seconds(a_day):.3g}")
    unit = Sentence(partition.unit.hours_name)
    sentence = outlooks.say_outlook(outlook, rate_hours_a_day=hours, unit=unit)
    if and_seconds:
        sentence = Sentence("With what it holds: {outlook}", {"outlook": sentence})
    return PriorityOutlook(
        style_id=account.style.id if account.style else "",
        standing=account.stand(now),
        outlook=outlook,
        rate_seconds_a_day=a_day,
        sentence=sentence,
    )


def read_account(partition: Partition, project: Project, *, now: datetime) -> Account:
    """Return what the quota of one project goes by."""
    running = store.sum_running([project.id], partition_id=partition.id)
    return read_accounts(partition, [project], running=running, now=now)[project.id]


def read_accounts(
    partition: Partition,
    projects: Sequence[Project],
    *,
    running: Mapping[str, int],
    now: datetime,
) -> dict[str, Account]:
    """Return by project what its quota goes by, from the ledger."""
    here = [accounts_of(partition, each) for each in projects]
    grants = store.list_grants(here)
    changes = change_store.list_approved([each.id for each in projects])
    earliest = min((each.period.starts_at for each in projects), default=now)
    span = Period(starts_at=min(earliest, now), ends_at=now)
    months = quotas.list_months(span, partition.time_zone)
    sums = store.sum_used(here, [month.starts_at for month in months[1:]])
    found = {}
    for project in projects:
        given = grants[project.id]
        usage = _usage(
            project,
            partition,
            grants=tuple(Grant(row.at, row.seconds) for row in given),
            used=list(zip(months, sums[project.id], strict=True)),
            running_seconds=running.get(project.id, 0),
        )
        given_to = [each for each in changes if each.project_id == project.id]
        usage = replace(usage, extensions=list_extensions(project, given_to))
        mode_id = given[0].mode_id if given else ""
        style = partition.find_quota_style(mode_id, on=_day(partition, now))
        found[project.id] = Account(style=style, usage=usage)
    return found


def list_extensions(project: Project, given: Sequence[ProjectChange]) -> tuple[Extension, ...]:
    """Return when the end of a project was moved, and from where; counted back from its end."""
    found, ends_at = [], project.period.ends_at
    for change in reversed(given):
        if change.given_months and change.answered_at:
            ends_at = add_months(ends_at, -change.given_months)
            found.append(Extension(change.answered_at, ends_at))
    return tuple(reversed(found))


def accounts_of(
    partition: Partition, project: Project, *, may_overdraw_seconds: int = 0
) -> ProjectAccounts:
    """Return where the time of a project is on a partition."""
    share = AccessShare(partition_id=partition.id, name=project.access_share, unit=partition.unit)
    return share.accounts_of(project.id, may_overdraw_seconds=may_overdraw_seconds)


def _usage(
    project: Project,
    partition: Partition,
    *,
    grants: tuple[Grant, ...],
    used: Sequence[tuple[Period, int]],
    running_seconds: int,
) -> Usage:
    months = quotas.list_months(project.period, partition.time_zone)
    usage = Usage(
        months=months,
        period=project.period,
        grants=grants,
        used_seconds=(0,) * len(months),
        running_seconds=running_seconds,
    )
    by_month = [0] * len(months)
    for month, seconds in used:
        by_month[usage.place_of(month.starts_at)] += seconds
    return replace(usage, used_seconds=tuple(by_month))


def _day(partition: Partition, now: datetime) -> date:
    return now.astimezone(ZoneInfo(partition.time_zone)).date()


def _find_bar(account: Account, standing: Standing | None, partition: Partition) -> Sentence | None:
    try:
        if standing is not None:
            quotas.check_not_blocked(standing, account.usage, partition.unit)
    except Refusal as refusal:
        return refusal.sentence
    return None
