"""The policy of a Slurm cluster, read and changed through its own commands."""

import getpass
from dataclasses import dataclass

from allmende.backends.slurm import associations
from allmende.backends.slurm.client import CommandRefused, SlurmClient
from allmende.domain.basics.sites import RunAs
from allmende.domain.scheduling.slurm_policies import Change, ChangeKind, ClusterState

# What sacctmgr says, as an error, where a thing is there already.
IS_THERE = "Nothing new added"
LISTING_SECONDS = 120.0  # a large site has tens of thousands of associations


@dataclass(frozen=True)
class SlurmPolicies:
    """Keeps the policy of one cluster."""

    client: SlurmClient

    def read(self) -> ClusterState:
        """Return how the cluster is now; `ClusterUnreachable` where it does not answer."""
        cluster = self.client.cluster.cluster
        people = self._run("sacctmgr", *associations.list_associations_argv(cluster))
        classes = self._run("sacctmgr", *associations.list_qos_argv())
        used = self._run("sshare", "-n", "-P", "-o", "Account,User,GrpTRESRaw")
        configuration = self._run("scontrol", "show", "config")
        partitions = self._run("scontrol", "show", "partitions", "--oneliner", "--all")
        return ClusterState(
            policy={
                **associations.parse_associations(people),
                **associations.parse_qos(classes),
            },
            used_minutes=associations.parse_used_minutes(used),
            configuration=associations.parse_configuration(configuration),
            longest_seconds=associations.parse_longest_seconds(partitions),
            shared_user=self._find_shared_user(),
        )

    def change(self, change: Change) -> None:
        """Take one step; adding what is there already changes nothing."""
        try:
            argv = associations.render_change(change, self.client.cluster.cluster)
            self.client.run("sacctmgr", *argv)  # within the lease under which policy is applied
        except CommandRefused as refusal:
            if change.kind is not ChangeKind.ADD or IS_THERE not in str(refusal):
                raise

    def _find_shared_user(self) -> str:
        runs_as_people = self.client.cluster.run_as is not RunAs.NOBODY
        return "" if runs_as_people else getpass.getuser()

    def _run(self, command: str, *arguments: str) -> str:
        return self.client.run(command, *arguments, timeout_seconds=LISTING_SECONDS)
