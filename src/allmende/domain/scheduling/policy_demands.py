"""What a cluster's own configuration has to say, so that policy can hold there."""

from collections.abc import Iterator, Mapping, Sequence

from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition
from allmende.domain.scheduling.policy_compilation import (
    TRES,
    lends,
    longest_wall_seconds,
    render_wall_time,
)

ENFORCED = ("associations", "limits", "qos", "safe")
FORGETS_NOTHING = {"PriorityDecayHalfLife": "00:00:00", "PriorityUsageResetPeriod": "NONE"}
# Everything of a configuration that is asked for here.
ASKED = (
    "AccountingStorageEnforce",
    "AccountingStorageTRES",
    "PreemptType",
    "PriorityType",
    *FORGETS_NOTHING,
)


def list_shortcomings(
    partitions: Sequence[Partition], configuration: Mapping[str, str]
) -> tuple[Sentence, ...]:
    """Return a sentence for everything in a cluster's configuration that policy cannot rest on."""
    return tuple(_yield_shortcomings(partitions, configuration))


def list_short_partitions(
    partitions: Sequence[Partition], longest_seconds: Mapping[str, int]
) -> tuple[Sentence, ...]:
    """Return a sentence for each partition whose longest jobs are longer than its cluster allows.

    `longest_seconds` has `MaxTime` by partition of the cluster, where one is set.
    """
    return tuple(
        _say_short(partition, longest_seconds[partition.name_on_slurm])
        for partition in partitions
        if partition.name_on_slurm in longest_seconds
        and longest_wall_seconds(partition) > longest_seconds[partition.name_on_slurm]
    )


def _say_short(partition: Partition, found_seconds: int) -> Sentence:
    left_seconds = found_seconds - partition.grace_seconds
    facts = {
        "partition": partition.name,
        "name": partition.name_on_slurm,
        "asked": render_wall_time(longest_wall_seconds(partition)),
        "found": render_wall_time(found_seconds),
    }
    if left_seconds <= 0:
        return Sentence(
            "A job as long as it may be on {partition} takes {asked} with its grace, and MaxTime "
            "of {name} is {found}, no longer than the grace alone: Slurm refuses each job. Set "
            "MaxTime={asked} in slurm.conf.",
            facts,
        )
    return Sentence(
        "A job as long as it may be on {partition} takes {asked} with its grace, and MaxTime "
        "of {name} is {found}: Slurm refuses it, or never starts it. Set MaxTime={asked} in "
        "slurm.conf, or max_time_limit_seconds = {left} for {partition} here.",
        facts | {"left": str(left_seconds)},
    )


def _yield_shortcomings(
    partitions: Sequence[Partition], configuration: Mapping[str, str]
) -> Iterator[Sentence]:
    enforced = configuration.get("AccountingStorageEnforce", "").split(",")
    if missing := [each for each in ENFORCED if each not in enforced]:
        yield Sentence(
            "Slurm does not enforce {missing}, so a plain sbatch may outrun its budget. Set "
            "AccountingStorageEnforce=associations,limits,qos,safe in slurm.conf.",
            {"missing": ", ".join(missing)},
        )
    counted = configuration.get("AccountingStorageTRES", "").split(",")
    for tres in sorted({TRES[partition.unit] for partition in partitions} - set(counted)):
        yield Sentence(
            "Slurm does not count {tres}, so budgets in it have no effect. Add it to "
            "AccountingStorageTRES in slurm.conf.",
            {"tres": tres},
        )
    if configuration.get("PriorityType") != "priority/multifactor":
        yield Sentence(
            "Slurm keeps no usage to compare budgets and shares with. Set "
            "PriorityType=priority/multifactor in slurm.conf."
        )
    for name, value in FORGETS_NOTHING.items():
        if configuration.get(name, value) != value:
            yield Sentence(
                "Slurm forgets usage ({name}={found}): what it has forgotten could be spent again "
                "until policy is applied the next time. Set {name}={value} in slurm.conf.",
                {"name": name, "found": configuration[name], "value": value},
            )
    if any(map(lends, partitions)) and configuration.get("PreemptType") != "preempt/qos":
        yield Sentence(
            "Borrowed nodes are not given back, because nothing is preempted. Set "
            "PreemptType=preempt/qos and PreemptMode=REQUEUE in slurm.conf."
        )
    if len({partition.unit for partition in partitions}) > 1:
        yield Sentence(
            "The partitions of this cluster count time in different units. Slurm counts both over "
            "all of them, so that a budget in nodes comes to its end early."
        )
