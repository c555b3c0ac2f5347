"""The factory: its sites, their partitions, and the groups that share a partition."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from fractions import Fraction

from allmende.domain.basics.quotas import QuotaStyle
from allmende.domain.basics.refusals import NotFound
from allmende.domain.basics.units import TimeUnit

HERE = "Europe/Berlin"
EVERY_MODE = "every"
NO_QUOTA = "none"


class PartitionStatus(StrEnum):
    """Whether jobs run on a partition from here."""

    EMBEDDED = "embedded"  # jobs run on virtual nodes, which the kernel places
    SLURM = "slurm"  # jobs run on a Slurm cluster, which places them itself
    DESCRIBED = "described"  # a real machine, shown with its figures, not driven from here
    PLANNED = "planned"


@dataclass(frozen=True, kw_only=True)
class ShareGroup:
    """A group of projects with a claim on a partition: SMEs, science, industry."""

    id: str
    name: str
    guarantee: Fraction = Fraction(0)  # of the partition's nodes, at every instant of demand
    weight: int = 1  # of what is left and of what others lend
    ceiling: Fraction = Fraction(1)
    widest_job_nodes: int = 1


@dataclass(frozen=True, kw_only=True)
class Partition:
    """A set of identical nodes with common limits."""

    id: str
    name: str
    site_id: str
    country: str
    status: PartitionStatus
    unit: TimeUnit
    hardware: str
    nodes: int | None = None  # None: not published
    gpus_per_node: int = 0
    cores_per_node: int = 1
    specialisations: tuple[str, ...] = ()  # what its nodes are made for: "robotics"
    bought_after_2020: bool = True
    power_megawatts: float | None = None
    planned_for: str = ""
    source: str = ""
    note: str = ""
    memory_gigabytes_per_node: float = 0.0
    max_time_limit_seconds: int = 0
    max_nodes_per_job: int = 0
    grace_seconds: int = 10
    watts_idle_per_node: float = 0.0
    watts_busy_per_core: float = 0.0
    watts_most_per_node: float = 0.0  # 0: idle and all cores busy, which leaves out accelerators
    peak_teraflops_per_device: float = 0.0  # of a GPU in BF16 without sparsity; 0: not known
    watts_per_device: float = 0.0  # of a GPU under load; 0: not known
    pue: float = 1.0
    response_target_seconds: int = 0
    usage_half_life_seconds: int = 7 * 24 * 3600
    time_zone: str = HERE
    land: str = ""
    preferred_hours: tuple[str, ...] = ()  # when jobs that can wait should run: "10:00-16:00"
    access_shares: Mapping[str, Fraction] = field(default_factory=dict)
    groups: tuple[ShareGroup, ...] = ()
    quota_styles: Mapping[str, tuple[QuotaStyle, ...]] = field(default_factory=dict)  # by mode
    slurm_partition: str = ""  # its name in the cluster, where another than its id
    qos_ending: str = ""  # after a group's id in the name of its QOS, which a cluster has only once

    @property
    def is_embedded(self) -> bool:
        """Say whether the kernel places jobs here, node by node."""
        return self.status is PartitionStatus.EMBEDDED

    @property
    def is_on_slurm(self) -> bool:
        """Say whether a Slurm cluster places jobs here."""
        return self.status is PartitionStatus.SLURM

    @property
    def name_on_slurm(self) -> str:
        """Return its name in the cluster."""
        return self.slurm_partition or self.id

    def qos_of(self, group_id: str) -> str:
        """Return the name of the QOS that the jobs of a group have here."""
        return group_id + self.qos_ending

    @property
    def takes_jobs(self) -> bool:
        """Say whether jobs can be sent here."""
        return self.is_embedded or self.is_on_slurm

    def limit_attempt(self, longest_seconds: int) -> int:
        """Return how long one attempt of a job of so many seconds may last here."""
        return min(longest_seconds, self.max_time_limit_seconds or longest_seconds)

    @property
    def charge_factor(self) -> int:
        """Return the charged units per node: its GPUs, or 1 where nodes are counted."""
        return self.gpus_per_node if self.unit is TimeUnit.GPU_SECONDS else 1

    @property
    def worst_watts_per_node(self) -> float:
        """Return the most that a node may draw; 0 where nobody said."""
        busy = self.watts_idle_per_node + self.cores_per_node * self.watts_busy_per_core
        return self.watts_most_per_node or (0.0 if self.gpus_per_node else busy)

    @property
    def node_names(self) -> tuple[str, ...]:
        """Return the names of the nodes, in order."""
        return tuple(f"{self.id}-{number:02d}" for number in range(1, (self.nodes or 0) + 1))

    def find_quota_style(self, mode_id: str, *, on: date) -> QuotaStyle | None:
        """Return what spreads the time of projects under a mode on a day; None where nothing does.

        The row that came into force last decides.
        """
        rows = self.quota_styles.get(mode_id, self.quota_styles.get(EVERY_MODE, ()))
        in_force = [row for row in rows if row.holds(on)]
        return max(in_force, key=lambda row: row.valid_from) if in_force else None

    def get_group(self, group_id: str) -> ShareGroup:
        """Return a group of this partition."""
        for group in self.groups:
            if group.id == group_id:
                return group
        raise NotFound(kind="group", id=group_id)


class RunAs(StrEnum):
    """How a command is run as the person whose job it is."""

    RUNUSER = "runuser"  # by root
    SUDO = "sudo"  # by an account that sudo allows it
    NOBODY = ""  # not at all: every job belongs to the account that Allmende runs under


class Containers(StrEnum):
    """With what the nodes of a site run containers."""

    DETECTED = ""  # with what they have: apptainer, else podman
    APPTAINER = "apptainer"
    PODMAN = "podman"
    NONE = "none"


class ContainerNetwork(StrEnum):
    """What a container reaches."""

    HOST = "host"  # all that its node does
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class SlurmCluster:
    """A Slurm cluster as its clients reach it."""

    cluster: str  # its ClusterName
    conf: str = ""  # the slurm.conf of its clients; "" is where Slurm looks by itself
    bin_folder: str = ""  # of sbatch, squeue, sacct, sacctmgr; "" is on the PATH
    run_as: RunAs = RunAs.RUNUSER
    work_folder: str  # of the jobs' files, on a file system that all its nodes share
    root_account: str = "allmende"  # below which everything is ours; nothing else is touched
    shared_folders: tuple[str, ...] = ()  # that its nodes see at the same path, besides that one
    keep_applied: bool = False  # whether the daemon tells it by itself what was decided here

    def sees(self, path: str) -> bool:
        """Say whether its nodes see what lies there on the machine that submits."""
        folders = (self.work_folder, *self.shared_folders)
        return any(f"{path}/".startswith(f"{folder.rstrip('/')}/") for folder in folders)


@dataclass(frozen=True, kw_only=True)
class Site:
    """A place with machines, run by a hosting entity."""

    id: str
    name: str
    hosting_entity: str
    country: str
    latitude: float | None = None  # None: it stands wherever Allmende was started
    longitude: float | None = None
    time_zone: str = HERE  # of its clocks, by its name in the IANA database
    land: str = ""  # in Germany: "NW", as ISO 3166-2:DE has it
    focus: tuple[str, ...] = ()
    slurm: SlurmCluster | None = None  # which runs its partitions of status "slurm"
    agent: bool = False  # an agent calls in from there, and its partitions are driven through it
    containers: Containers = Containers.DETECTED
    container_network: ContainerNetwork = ContainerNetwork.HOST
    partitions: tuple[Partition, ...] = ()

    @property
    def partitions_on_slurm(self) -> tuple[Partition, ...]:
        """Return those that its cluster runs."""
        return tuple(partition for partition in self.partitions if partition.is_on_slurm)


@dataclass(frozen=True, kw_only=True)
class Factory:
    """Everything that `config/factory.toml` says."""

    name: str
    operator: str
    countries: frozenset[str]
    sites: tuple[Site, ...]
    quota_styles: tuple[QuotaStyle, ...] = ()  # that partitions may use

    @property
    def partitions(self) -> tuple[Partition, ...]:
        """Return the partitions of all sites, in the order of the file."""
        return tuple(partition for site in self.sites for partition in site.partitions)

    def get_partition(self, partition_id: str) -> Partition:
        """Return a partition by its id."""
        for partition in self.partitions:
            if partition.id == partition_id:
                return partition
        raise NotFound(kind="partition", id=partition_id)

    def get_site(self, site_id: str) -> Site:
        """Return a site by its id."""
        for site in self.sites:
            if site.id == site_id:
                return site
        raise NotFound(kind="site", id=site_id)
