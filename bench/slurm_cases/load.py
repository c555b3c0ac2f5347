"""The load of every case: borrowed nodes first, then saturation by others, and SMEs in bursts.

It is the case in which fair-share fails whom it should protect: what SMEs used while nobody else
wanted the nodes counts against them as soon as others come.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from allmende.domain.basics.sites import Partition, PartitionStatus, ShareGroup
from allmende.domain.basics.units import TimeUnit

NODES, SECONDS = 16, 330
LIMIT_SECONDS = 60  # Slurm counts limits in minutes
GUARANTEED = "sme"
WEIGHTS = {"sme": 25, "science": 50, "industry": 25}
HALF_LIFE = "00:05:00"
# Two looks of a second or two, Slurm's push of a QOS, its next cycle, and the end of a job.
REACTION_SECONDS = 15


@dataclass(frozen=True, kw_only=True)
class Burst:
    """So many equal jobs of a group at an instant, submitted as an array with plain sbatch."""

    at_seconds: int
    group: str
    jobs: int
    nodes: int

    def command(self) -> list[str]:
        # 10 to 30 seconds, in an order that looks like none.
        sleep = "sleep $((10 + SLURM_ARRAY_TASK_ID * 7 % 21))"
        return [
            "sbatch", "--quiet", f"--array=0-{self.jobs - 1}", f"--nodes={self.nodes}",
            "--exclusive", "--time=1", f"--account=p-{self.group}", f"--qos={self.group}",
            "--output=/dev/null", "--chdir=/tmp", "--requeue", f"--wrap={sleep}",
        ]  # fmt: skip


BURSTS = (
    Burst(at_seconds=0, group="sme", jobs=50, nodes=1),
    Burst(at_seconds=60, group="science", jobs=80, nodes=1),
    Burst(at_seconds=60, group="industry", jobs=60, nodes=1),
    Burst(at_seconds=61, group="science", jobs=40, nodes=2),
    Burst(at_seconds=61, group="industry", jobs=20, nodes=4),
    Burst(at_seconds=90, group="sme", jobs=24, nodes=1),
    Burst(at_seconds=91, group="sme", jobs=6, nodes=2),
    Burst(at_seconds=220, group="sme", jobs=20, nodes=1),
    Burst(at_seconds=221, group="sme", jobs=4, nodes=2),
)


def a_partition(case: str, *, preemption: bool) -> Partition:
    """Return the partition as the factory's configuration would have it."""
    groups = tuple(
        ShareGroup(
            id=name,
            name=name,
            guarantee=Fraction(1, 4) if name == GUARANTEED else Fraction(0),
            widest_job_nodes=2,
            weight=weight,
        )
        for name, weight in WEIGHTS.items()
    )
    return Partition(
        id=case,
        name=case,
        site_id="lab",
        country="DE",
        status=PartitionStatus.SLURM,
        unit=TimeUnit.NODE_SECONDS,
        hardware="emulated",
        nodes=NODES,
        max_time_limit_seconds=LIMIT_SECONDS,
        max_nodes_per_job=4,
        grace_seconds=3,
        response_target_seconds=5 if preemption else 0,
        groups=groups,
        slurm_partition="booster",
    )


def extra_lines() -> str:
    """Return the lines of slurm.conf that fair-share needs to work at this pace."""
    return f"PriorityDecayHalfLife={HALF_LIFE}\n"


def folder() -> Path:
    """Return where results are written."""
    made = Path("var/bench")
    made.mkdir(parents=True, exist_ok=True)
    return made
