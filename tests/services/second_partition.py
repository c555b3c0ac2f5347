"""A hall beside the bench: it counts GPU-hours at 5 EUR, where the bench counts node-hours at 2."""

from dataclasses import replace
from decimal import Decimal

from allmende.domain.access.calls import AccessRules
from allmende.domain.basics.people import DAEMON
from allmende.domain.basics.rules import Rule, RuleBook
from allmende.domain.basics.sites import Factory, Partition
from allmende.domain.basics.units import TimeUnit
from allmende.services import allocations
from allmende.wiring.factory import load_factory
from tests.services.access import HOUR, NOON, RULES, deed

HALL = replace(
    RULES.get_partition("werkbank"),
    id="halle",
    name="Halle",
    unit=TimeUnit.GPU_SECONDS,
    gpus_per_node=4,
    hardware="virtual nodes with GPUs",
)


def rules_with(hall: Partition = HALL, *, cents: int | None = 500) -> AccessRules:
    """Return the rules with the hall; `cents` is the price of its own, None for none."""
    more = () if cents is None else (price_of(hall.id, cents),)
    book = RuleBook((*RULES.book.rules, *more))
    return replace(RULES, book=book, partitions=(*RULES.partitions, hall))


def price_of(partition_id: str, cents: int) -> Rule:
    """Return the reference price of a partition, in a row of its own."""
    general = RULES.book.get("aid.shadow_price_cents_per_hour", on=NOON.date())
    facts = {"applies_if": {"partition": partition_id}, "source": "The board, minute 7"}
    return replace(general, value=Decimal(cents), **facts)


TWO = rules_with()


def factory_with_hall() -> Factory:
    """Return the factory, the hall at the site of the bench."""
    factory = load_factory()
    sites = [
        replace(site, partitions=(*site.partitions, HALL)) if site.id == HALL.site_id else site
        for site in factory.sites
    ]
    return replace(factory, sites=tuple(sites))


def open_hall(
    access_share: str = "union", mode_id: str = "playground", *, hall: Partition = HALL
) -> None:
    """Put ten hours into a pool of the hall."""
    allocations.open_pool(
        deed(DAEMON),
        partition_id=hall.id,
        access_share=access_share,
        mode_id=mode_id,
        unit=hall.unit,
        seconds=10 * HOUR,
    )
