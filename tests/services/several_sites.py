"""A factory of four sites where jobs really run; projects have time where it is given."""

from dataclasses import replace

from allmende.domain.basics.people import Person, Role
from allmende.domain.basics.sites import Factory, Partition, Site
from allmende.services import allocations
from tests.services.running import PARTITION, Running

OFFICER = Person(id="p-office", name="O", roles=frozenset({Role.PROGRAMME_OFFICER}))
GARCHING, STUTTGART, BERLIN = "garching", "stuttgart", "berlin"
SPECIALISED = {GARCHING: "medicine", STUTTGART: "automotive", BERLIN: "robotics"}
ROOMY = {"max_time_limit_seconds": 8 * 3600, "memory_gigabytes_per_node": 1.0}


def spread(running: Running, **changes: dict[str, object]) -> None:
    """Let three more sites have a partition like the bench, each made for something.

    `changes` are by partition.
    """
    old = running.workshop.factory
    bench = replace(old.get_partition(PARTITION), **ROOMY)
    others = [
        replace(bench, id=key, name=key.title(), site_id=f"at-{key}", specialisations=(word,))
        for key, word in SPECIALISED.items()
    ]
    changed = [replace(each, **changes.get(each.id, {})) for each in (bench, *others)]
    home = old.get_site(bench.site_id)
    sites = tuple(_site(home, partition) for partition in changed)
    put(running, replace(old, sites=sites, countries=frozenset({"DE", "FR", "US"})))


def _site(home: Site, partition: Partition) -> Site:
    return replace(
        home,
        id=partition.site_id,
        name=partition.name,
        country=partition.country,
        partitions=(partition,),
    )


def put(running: Running, factory: Factory) -> None:
    running.workshop = replace(running.workshop, factory=factory)


def give_time(
    running: Running, key: str, *partition_ids: str, hours: int = 100, share: str = "union"
) -> None:
    """Let the project of a person have time on more partitions."""
    deed = running.story.act(OFFICER)
    for partition_id in partition_ids:
        place = {
            "partition_id": partition_id,
            "access_share": share,
            "mode_id": "playground",
            "unit": running.workshop.factory.get_partition(partition_id).unit,
        }
        fund_id = f"{key} {partition_id} {share}"
        allocations.open_pool(deed, **place, seconds=hours * 3600, fund_id=fund_id)
        allocations.award_to_project(
            deed,
            award_id=fund_id,
            project_id=running.story.projects[key],
            **place,
            seconds=hours * 3600,
        )
