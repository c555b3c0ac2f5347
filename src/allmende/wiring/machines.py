"""The machines that are driven from this process; no database is asked, so agents use it too."""

from dataclasses import dataclass
from functools import cache

from allmende.backends.local import LocalBackend
from allmende.backends.slurm.backend import SlurmBackend
from allmende.backends.slurm.client import SlurmClient
from allmende.backends.slurm.nodes import SlurmNodes
from allmende.backends.slurm.policies import SlurmPolicies
from allmende.backends.slurm.steering import SlurmWheel
from allmende.backends.slurm.usage_reader import SlurmUsageReader
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sites import Partition, Site
from allmende.domain.scheduling.backends import Backend, Launch
from allmende.domain.scheduling.exchanges import FOLDER_OF, PYTHON_OF, list_data_marks
from allmende.wiring import environments, home, now
from allmende.wiring.blueprints import blueprint_folder, load_blueprints
from allmende.wiring.data_sets import load_data_sets
from allmende.wiring.factory import load_factory


class EnvironmentMissing(Refusal):
    """The environment of the blueprint {blueprint} is not built yet.

    The operator builds it with: allmende blueprint prepare {blueprint}
    """

    status = 503


def machine_of(partition_id: str) -> Backend:
    """Return the place where the jobs of a partition run, reached from this machine."""
    partition = load_factory().get_partition(partition_id)
    return slurm_backend(partition.site_id) if partition.is_on_slurm else local_backend()


@cache
def slurm_backend(site_id: str) -> SlurmBackend:
    """Return the backend that runs jobs on the cluster of a site."""
    cluster = load_factory().get_site(site_id).slurm
    assert cluster is not None, "the factory's configuration has its cluster"
    return SlurmBackend(SlurmClient(cluster), cluster, now)


class DataUnknownHere(Refusal):
    """The configuration at {site} does not say where the data set {name} lies. Its operators write
    that into data.toml there; the job starts by itself then."""

    status = 503


@dataclass(frozen=True)
class SlurmReach:
    """The cluster of a site, in every way in which it is reached from this machine."""

    site: Site

    @property
    def client(self) -> SlurmClient:
        """Return what runs its commands."""
        assert self.site.slurm is not None, "the factory's configuration has its cluster"
        return SlurmClient(self.site.slurm)

    def nodes_of(self, partition: Partition) -> SlurmNodes:
        """Return the nodes of a partition."""
        return SlurmNodes(self.client, partition=partition.name_on_slurm)

    def accounting(self) -> SlurmUsageReader:
        """Return the accounting of the cluster."""
        return SlurmUsageReader(self.client)

    def policies(self) -> SlurmPolicies:
        """Return the cluster whose policy is kept."""
        return SlurmPolicies(self.client)

    def wheel_of(self, partition: Partition) -> SlurmWheel:
        """Return by what a partition is steered."""
        return SlurmWheel(self.client, partition.name_on_slurm, partition.qos_ending)


def find_reach(site_id: str) -> SlurmReach | None:
    """Return how the cluster of a site is reached from here; None where there is no cluster."""
    site = load_factory().get_site(site_id)
    return SlurmReach(site) if site.slurm else None


@cache
def local_backend() -> LocalBackend:
    """Return the backend that runs jobs as processes of this machine."""
    return LocalBackend(home.home() / "work")


def environment_python(blueprint_id: str) -> str:
    """Return the interpreter of a blueprint; `EnvironmentMissing` where none was built."""
    # Never built here: a page that somebody waits for is no place to install packages.
    if not environments.is_environment_built(blueprint_id):
        raise EnvironmentMissing(blueprint=blueprint_id)
    return str(environments.environment_python(blueprint_id))


def places(launch: Launch, *, site_id: str) -> dict[str, str]:
    """Return what the marks in a launch of the centre stand for on this machine."""
    marks = list_data_marks(launch)
    found = {mark: _find_folder(uri, site_id) for mark, uri in marks.items()}
    command = launch.command
    for blueprint_id in load_blueprints():
        python, folder = f"{PYTHON_OF}{blueprint_id}", f"{FOLDER_OF}{blueprint_id}"
        if python in command:
            found[python] = environment_python(blueprint_id)
            found[folder] = str(blueprint_folder(blueprint_id))
    return found


def _find_folder(uri: str, site_id: str) -> str:
    """Return where a data set lies here, in the very version that the centre named."""
    name, _, version = uri.partition("@")
    known = load_data_sets().get(name)
    if known is None or known.version != version or not known.folders.get(site_id):
        raise DataUnknownHere(name=uri, site=site_id)
    return known.folders[site_id]
