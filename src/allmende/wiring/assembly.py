"""Puts the parts together that run jobs: factory, blueprints, local backend, meter."""

import secrets
import shutil
from datetime import date
from decimal import Decimal
from fractions import Fraction

import psutil

from allmende.backends.jobs.containers import TOOLS as CONTAINER_TOOLS
from allmende.backends.slurm import starts
from allmende.backends.slurm.client import SlurmClient
from allmende.domain.basics.rules import RuleBook
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition
from allmende.domain.footprint.meters import Meter
from allmende.domain.footprint.readings import MeterReading
from allmende.domain.scheduling.backends import Backend, Launch, StartEstimate
from allmende.domain.scheduling.nodes import ClusterNodes
from allmende.domain.training.compute import ComputeThresholds
from allmende.domain.training.records import CarbonFactor
from allmende.meters.rapl import find_rapl
from allmende.services.workshop import Workshop
from allmende.wiring import agents, machines
from allmende.wiring.access_rules import read_access_rules
from allmende.wiring.blueprints import blueprint_folder, load_blueprints
from allmende.wiring.clusters import reach_of
from allmende.wiring.code_archives import find_code, hash_setup_files
from allmende.wiring.data_sets import load_data_sets
from allmende.wiring.factory import load_factory
from allmende.wiring.planning import load_planning
from allmende.wiring.sealing import seal


def build_workshop() -> Workshop:
    """Return the parts as this installation is configured."""
    book = read_access_rules().book
    return Workshop(
        factory=load_factory(),
        backend_of=backend_of,
        cluster_nodes_of=cluster_nodes_of,
        blueprints=load_blueprints(),
        environment_python=machines.environment_python,
        blueprint_folder=lambda blueprint_id: str(blueprint_folder(blueprint_id)),
        read_meter=_MeterReader().read,
        compute_thresholds=lambda on: _compute_thresholds(book, on),
        predict_start=predict_start,
        seal=seal(),
        find_code=find_code,
        hash_setup_files=hash_setup_files,
        data_sets=load_data_sets(),
        container_tools=frozenset(filter(shutil.which, CONTAINER_TOOLS)),
        carbon=_carbon(),
    )


def backend_of(partition_id: str) -> Backend:
    """Return the place where the jobs of a partition run."""
    factory = load_factory()
    site = factory.get_site(factory.get_partition(partition_id).site_id)
    return agents.relay_of(site, partition_id) if site.agent else machines.machine_of(partition_id)


def cluster_nodes_of(partition_id: str) -> ClusterNodes:
    """Return the nodes of a partition that a Slurm cluster keeps."""
    factory = load_factory()
    partition = factory.get_partition(partition_id)
    return reach_of(factory.get_site(partition.site_id)).nodes_of(partition)


def predict_start(partition: Partition, launch: Launch) -> StartEstimate:
    """Ask the cluster of a partition when it would start a job that is not submitted."""
    site = load_factory().get_site(partition.site_id)
    if site.slurm is None or site.agent:
        why = Sentence("Its cluster is reached through an agent, which is not asked for that.")
        return StartEstimate(at=None, sentence=why)
    return starts.predict_start(SlurmClient(site.slurm), launch)


class _MeterReader:
    """Reads the energy counter of this machine beside the clock of its processors."""

    def __init__(self) -> None:
        self.meter: Meter | None = find_rapl()
        self.opened = secrets.token_hex(8)

    def read(self) -> MeterReading | None:
        microjoules = self.meter.read_microjoules() if self.meter else None
        if self.meter is None or microjoules is None:
            return None
        times = psutil.cpu_times()
        return MeterReading(
            opened=self.opened,
            microjoules=microjoules,
            cpu_seconds_of_all=times.user + times.nice + times.system,
            scope=self.meter.scope,
        )


def _carbon() -> CarbonFactor:
    grams = load_planning().assumptions.grams_per_kwh
    return CarbonFactor(grams_per_kwh=Decimal(str(grams.expected)), source=grams.source)


def _compute_thresholds(book: RuleBook, on: date) -> ComputeThresholds:
    general_purpose = book.get("ai.general_purpose_flop", on=on)
    return ComputeThresholds(
        general_purpose_flop=int(book.number("ai.general_purpose_flop", on=on)),
        systemic_risk_flop=int(book.number("ai.systemic_risk_flop", on=on)),
        notice_days=int(book.number("ai.systemic_risk_notice_days", on=on)),
        modifier_share=Fraction(book.number("ai.modifier_share_percent", on=on)) / 100,
        agreement=Fraction(book.number("ai.compute_agreement_percent", on=on)) / 100,
        source=general_purpose.source,
    )
