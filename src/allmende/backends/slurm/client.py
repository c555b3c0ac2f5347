"""Runs Slurm's commands: with a time limit, as the right person, with nothing of ours leaked."""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sites import RunAs, SlurmCluster

ANSWER_SECONDS = 30.0
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
# How Slurm's commands say that a daemon does not answer, from 22.05 on.
OUT_OF_REACH = (
    "Unable to contact slurm controller",
    "Unable to contact slurmctld",
    "Connection refused",
    "Connection timed out",
    "Socket timed out",
    "Zero Bytes were transmitted or received",
    "Unable to connect to database",
    "Problem talking to the database",
    "slurmdbd is down",
    "Slurm backup controller in standby mode",
)


class ClusterUnreachable(Refusal):
    """The cluster {cluster} does not answer: {problem}. Nothing is lost; it is asked again at
    the next heartbeat."""

    status = 503


class CommandRefused(Refusal):
    """The cluster {cluster} refused {command}: {problem}."""

    status = 409


@dataclass(frozen=True)
class SlurmClient:
    """The commands of one cluster."""

    cluster: SlurmCluster

    def run(
        self,
        command: str,
        *arguments: str,
        user_name: str = "",
        stdin: str = "",
        timeout_seconds: float = ANSWER_SECONDS,
        hears_both: bool = False,
    ) -> str:
        """Return what a command printed; as `user_name` where one is given.

        With `hears_both` what stands on standard error comes first, where `sbatch --test-only`
        gives its answer.

        A command that had no answer in time may have done its work: `ClusterUnreachable`.
        """
        argv = [*self._as(user_name), self._find(command), *arguments]
        try:
            done = subprocess.run(  # noqa: S603 - a list, never through a shell
                argv,
                check=False,
                input=stdin,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout_seconds,
                cwd="/",
                env=self._environment(),
            )
        except subprocess.TimeoutExpired as problem:
            words = f"{command} gave no answer within {timeout_seconds:g} s"
            raise ClusterUnreachable(cluster=self.cluster.cluster, problem=words) from problem
        except OSError as problem:
            words = f"{command}: {problem.strerror}"
            raise ClusterUnreachable(cluster=self.cluster.cluster, problem=words) from problem
        if done.returncode != 0:
            raise self._explain(command, done.stderr or done.stdout)
        return done.stderr + done.stdout if hears_both else done.stdout

    def _explain(self, command: str, said: str) -> Refusal:
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        problem = " ".join(lines[-3:]) or "it gave no reason"
        if any(words in said for words in OUT_OF_REACH):
            return ClusterUnreachable(cluster=self.cluster.cluster, problem=problem)
        return CommandRefused(cluster=self.cluster.cluster, command=command, problem=problem)

    def _find(self, command: str) -> str:
        if self.cluster.bin_folder:
            return str(Path(self.cluster.bin_folder) / command)
        return shutil.which(command, path=SYSTEM_PATH) or command

    def _as(self, user_name: str) -> Sequence[str]:
        """Return what goes before a command so that it is run as somebody else.

        Neither passes our environment on, except the place of slurm.conf, so it is given again.
        """
        if not user_name or self.cluster.run_as is RunAs.NOBODY:
            return ()
        environment = [f"{key}={value}" for key, value in self._environment().items()]
        if self.cluster.run_as is RunAs.SUDO:
            # sudo resets the environment itself, and its rule can name the two commands that way.
            return ("sudo", "-n", "-u", user_name, *environment)
        return ("runuser", "-u", user_name, "--", "env", "-i", *environment)

    def _environment(self) -> dict[str, str]:
        """Return all that a command learns of us: instants are UTC and in seconds."""
        chosen = {"PATH": SYSTEM_PATH, "LANG": "C.UTF-8", "TZ": "UTC", "SLURM_TIME_FORMAT": "%s"}
        if self.cluster.conf:
            chosen["SLURM_CONF"] = str(Path(self.cluster.conf).resolve())
        return chosen
