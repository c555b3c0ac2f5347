"""A factory whose partition is the lab's: who its people are there, and what they may do."""

import contextlib
from dataclasses import replace
from pathlib import Path

from tools.slurm_lab import Lab, LabFailed
from tools.slurm_lab.configuration import PARTITION as BOOSTER

from allmende import wiring
from allmende.backends.slurm.backend import SlurmBackend
from allmende.backends.slurm.client import SlurmClient
from allmende.backends.slurm.nodes import SlurmNodes
from allmende.domain.basics.people import Person, Role
from allmende.domain.basics.sites import PartitionStatus
from allmende.services import cluster_accounts
from tests.backends.slurm_site import USER, a_cluster
from tests.services.running import PARTITION, Running
from tests.slurm.blueprint_places import share_blueprint

OPERATOR = Person(id="p-operator", name="Operator", roles=frozenset({Role.OPERATOR}))


def connect(running: Running, lab: Lab, folder: Path, *, blueprint_id: str) -> SlurmBackend:
    """Let the factory's partition be the lab's, with an account of the founder's in it, and a
    blueprint that its nodes see."""
    there = a_cluster(lab, folder, shared_folders=(str(folder),))
    factory = running.workshop.factory
    partition = replace(
        factory.get_partition(PARTITION), status=PartitionStatus.SLURM, slurm_partition=BOOSTER
    )
    site = replace(factory.get_site(partition.site_id), slurm=there, partitions=(partition,))
    sites = tuple(site if each.id == site.id else each for each in factory.sites)
    code, python = share_blueprint(blueprint_id, folder)
    backend = SlurmBackend(SlurmClient(there), there, wiring.now)
    running.workshop = replace(
        running.workshop,
        factory=replace(factory, sites=sites),
        backend_of=lambda _: backend,
        cluster_nodes_of=lambda _: SlurmNodes(SlurmClient(there), BOOSTER),
        environment_python=lambda _: str(python),
        blueprint_folder=lambda _: str(code),
    )
    project = running.story.projects["founder"]
    lab.add_account(project, USER)
    change, names = ("sacctmgr", "-i", "-Q"), [partition.qos_of(g.id) for g in partition.groups]
    with contextlib.suppress(LabFailed):  # another test of this lab has added them
        lab.run(*change, "add", "qos", ",".join(names))
    which = ("user", USER, "where", f"account={project}")
    lab.run(*change, "modify", *which, "set", f"qos=normal,{','.join(names)}")
    cluster_accounts.set_account(
        wiring.deed_of(OPERATOR),
        site_id=site.id,
        person_id=running.person("founder").id,
        user_name=USER,
        factory=running.workshop.factory,
    )
    return backend
