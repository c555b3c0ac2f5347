"""What a job has used so far, also while it runs: hours, what they are worth, energy."""

from dataclasses import dataclass
from datetime import datetime

from allmende.domain.access import aid
from allmende.domain.access.working_days import day_of
from allmende.domain.basics.rules import NoSuchRule, RuleBook
from allmende.domain.basics.sites import Partition
from allmende.domain.basics.units import SECONDS_PER_HOUR
from allmende.domain.footprint.energy import estimate_energy
from allmende.domain.scheduling.jobs import charged_seconds
from allmende.services.jobs import JobView


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Settled attempts as they stand in the ledger, and of one that runs what it comes to by now.

    The energy of a running attempt is estimated as if all its cores and GPUs were busy: at most so
    much.
    """

    used_seconds: int
    refunded_seconds: int
    energy_joules: int
    energy_methods: tuple[str, ...]
    energy_scopes: tuple[str, ...]
    still_grows: bool
    worth_cents: int | None  # at the reference price of the day; None where no price is known
    cents_per_hour: int | None


def count_up(view: JobView, partition: Partition, *, book: RuleBook, now: datetime) -> Tally:
    """Return what a job has used up to now."""
    used_seconds = sum(each.used_seconds for each in view.attempts)
    refunded_seconds = sum(each.refunded_seconds for each in view.attempts)
    joules = sum(each.energy_joules for each in view.attempts)
    methods = {each.energy_method for each in view.attempts if each.energy_method}
    scopes = {each.energy_scope for each in view.attempts if each.energy_scope}
    running = [each for each in view.attempts if each.settled_at is None and each.started_at]
    for each in running:
        assert each.started_at is not None
        nodes = len(each.nodes) or view.job.request.nodes
        until = each.ended_at or now
        used_seconds += charged_seconds(
            each.started_at, until, nodes=nodes, charge_factor=partition.charge_factor
        )
        wall_seconds = max(0.0, (until - each.started_at).total_seconds())
        energy = estimate_energy(
            nodes=nodes,
            wall_seconds=wall_seconds,
            cpu_seconds=wall_seconds * nodes * partition.cores_per_node,
            power=partition,
        )
        joules += energy.energy_joules
        methods.add(energy.method.value)
        scopes.add(energy.scope.value)
    cents_per_hour = _find_price(book, partition, now=now)
    charged = used_seconds - refunded_seconds
    return Tally(
        used_seconds=used_seconds,
        refunded_seconds=refunded_seconds,
        energy_joules=joules,
        energy_methods=tuple(sorted(methods)),
        energy_scopes=tuple(sorted(scopes)),
        still_grows=bool(running),
        worth_cents=None
        if cents_per_hour is None
        else -(-charged * cents_per_hour // SECONDS_PER_HOUR),
        cents_per_hour=cents_per_hour,
    )


def _find_price(book: RuleBook, partition: Partition, *, now: datetime) -> int | None:
    try:
        price = aid.read_price(book, on=day_of(now), partition_id=partition.id, unit=partition.unit)
    except NoSuchRule:
        return None
    return price.cents_per_hour
