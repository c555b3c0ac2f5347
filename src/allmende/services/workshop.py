"""The concrete parts that wiring chose, handed to the services that run jobs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Factory, Partition
from allmende.domain.footprint.readings import MeterReading
from allmende.domain.scheduling.backends import BackendOf, Launch, StartEstimate
from allmende.domain.scheduling.nodes import ClusterNodes
from allmende.domain.training.blueprints import Blueprint
from allmende.domain.training.compute import ComputeThresholds
from allmende.domain.training.data_sets import Catalogue
from allmende.domain.training.records import CarbonFactor
from allmende.domain.trust.sealing import Seal

PredictStart = Callable[[Partition, Launch], StartEstimate]


def nobody_can_say(_partition: Partition, _launch: Launch) -> StartEstimate:
    """Return that a start is not known: a cluster is asked only where wiring says how."""
    return StartEstimate(at=None, sentence=Sentence("Its cluster is not asked from here."))


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """What it takes to run jobs here; tests and entry points get it from wiring."""

    factory: Factory
    # Returns the place where the jobs of a partition, named by its id, run.
    backend_of: BackendOf
    # Returns the nodes of a partition, named by its id, that a cluster keeps.
    cluster_nodes_of: Callable[[str], ClusterNodes]
    blueprints: Mapping[str, Blueprint]
    # Returns the interpreter of a blueprint's environment; refuses where none was built.
    environment_python: Callable[[str], str]
    # Returns the folder that holds a blueprint's files.
    blueprint_folder: Callable[[str], str]
    # Returns what this machine's energy counter says, or None where there is no counter.
    read_meter: Callable[[], MeterReading | None]
    # Returns the marks of training compute that are in force on a day.
    compute_thresholds: Callable[[date], ComputeThresholds]
    seal: Seal  # of the secrets of projects
    # Returns where an archive of code lies, by its project and its hash.
    find_code: Callable[[str, str], Path]
    # Returns by project and hash the hash of those files in it on which a `setup` depends.
    hash_setup_files: Callable[[str, str, str], str]
    # Returns when a cluster would start a job that asks for as much as this launch.
    predict_start: PredictStart = nobody_can_say
    data_sets: Catalogue = field(default_factory=dict)  # what lies at sites for jobs to read
    container_tools: frozenset[str] = frozenset()  # of this machine: apptainer, podman
    # How much carbon dioxide a kilowatt-hour stands for; None: nobody says.
    carbon: CarbonFactor | None = None
