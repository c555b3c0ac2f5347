"""Steers a Slurm cluster: the priority of each group's QOS, and whom its jobs may preempt."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from allmende.backends.slurm.answers import UnreadableAnswer
from allmende.backends.slurm.client import SlurmClient
from allmende.domain.scheduling.steering import ClusterLook, Level, QueuedJob

# None of these columns holds what users write freely.
QUEUE_FORMAT = "%T|%D|%a|%q|%r"
NODE_FORMAT = "%D|%T"
BUSY_STATES = "PENDING,RUNNING,CONFIGURING,SUSPENDED"
# Reasons of a job that would start if nodes were free. A limit on a QOS's nodes is among them: it
# is ours while a group may stop others, and no group's ceiling is below its claim.
ELIGIBLE = frozenset({"None", "Priority", "Resources", "QOSGrpNodeLimit"})
NODES_ARE_AWAY = "ReqNodeNotAvail"  # with their names; Slurm says it of jobs that merely wait, too
# States of nodes on which nothing new starts, whatever else is said of them.
OUT_OF_SERVICE = ("DOWN", "DRAIN", "FAIL", "MAINT", "UNK", "INVAL")
RAISED_PRIORITY, RESTING_PRIORITY = 1000, 0
NO_LIMIT = "-1"
# At a time: as many as may start before Slurm counts the priority of all anew by itself.
MOST_COUNTED_ANEW = 500


@dataclass(frozen=True)
class SlurmWheel:
    """Steers one partition, by its name in Slurm.

    The QOS of a group has the group's id, and the ending that tells it from the group's QOS on
    other partitions of the cluster.
    """

    client: SlurmClient
    partition: str
    qos_ending: str = ""

    def look(self) -> ClusterLook:
        """Return what runs and waits now, and how many nodes are in service."""
        here = ("--noheader", "--partition", self.partition)
        nodes = self.client.run("sinfo", *here, "--format", NODE_FORMAT)
        queue = self.client.run(
            "squeue", *here, "--array", "--states", BUSY_STATES, "--format", QUEUE_FORMAT
        )
        jobs = tuple(
            replace(job, qos=job.qos.removesuffix(self.qos_ending)) for job in parse_queue(queue)
        )
        return ClusterLook(nodes_in_service=count_nodes(nodes), jobs=jobs)

    def set_levels(self, levels: Sequence[Level]) -> tuple[str, ...]:
        """Change what differs from what the accounting database holds; return whose QOS it was."""
        if not levels:
            return ()
        named = [self._name_qos(level) for level in levels]
        names = ",".join(level.group_id for level in named)
        shown = self.client.run(
            "sacctmgr", "--noheader", "--parsable2", "show", "qos", names,
            "format=name,priority,preempt,grptres",
        )  # fmt: skip
        found = parse_qos(shown)
        changed = []
        for level in named:
            settings = list_changes(level, found.get(level.group_id))
            if settings:
                self.client.run(
                    "sacctmgr", "--immediate", "--quiet", "modify", "qos", level.group_id, "set",
                    *settings,
                )  # fmt: skip
                changed.append(level.group_id.removesuffix(self.qos_ending))
            if any(setting.startswith("Priority=") for setting in settings):
                self._count_anew(level)
        return tuple(changed)

    def _name_qos(self, level: Level) -> Level:
        """Return the level with the names of QOS in the place of those of groups."""
        return replace(
            level,
            group_id=level.group_id + self.qos_ending,
            may_stop=tuple(group_id + self.qos_ending for group_id in level.may_stop),
        )

    def _count_anew(self, level: Level) -> None:
        """Have Slurm count the priority of waiting jobs now, not only every PriorityCalcPeriod.

        It does so for jobs whose site factor changes; by 1, which is nothing beside a rank.
        """
        waiting = self.client.run(
            "squeue", "--noheader", "--partition", self.partition, "--states", "PENDING",
            "--qos", level.group_id, "--sort=-p,i", "--format", "%A",
        ).split()[:MOST_COUNTED_ANEW]  # fmt: skip
        if waiting:
            job_ids = ",".join(dict.fromkeys(waiting))
            self.client.run(
                "scontrol", "update", f"jobid={job_ids}", f"sitefactor={int(level.is_raised)}"
            )


def parse_queue(text: str) -> tuple[QueuedJob, ...]:
    """Return the jobs in the answer of `squeue --format=QUEUE_FORMAT`."""
    return tuple(_read_job(line) for line in text.splitlines() if line.strip())


def _read_job(line: str) -> QueuedJob:
    state, nodes, account, qos, reason = _split(line, 5)
    return QueuedJob(
        account=account,
        qos=qos,
        nodes=_number(nodes),
        is_running=state != "PENDING",
        is_eligible=reason in ELIGIBLE or reason.startswith(NODES_ARE_AWAY),
    )


def count_nodes(text: str) -> int:
    """Return how many nodes of the answer of `sinfo --format=NODE_FORMAT` are in service."""
    rows = [_split(line, 2) for line in text.splitlines() if line.strip()]
    return sum(
        _number(nodes)
        for nodes, state in rows
        if not any(word in state.upper() for word in OUT_OF_SERVICE)
    )


def parse_qos(text: str) -> dict[str, tuple[int, frozenset[str], str]]:
    """Return by name the priority, whom it may preempt, and the most nodes ("" without a limit)."""
    rows = [_split(line, 4) for line in text.splitlines() if line.strip()]
    return {
        name: (_number(priority or "0"), frozenset(filter(None, preempt.split(","))), _nodes(tres))
        for name, priority, preempt, tres in rows
    }


def list_changes(level: Level, found: tuple[int, frozenset[str], str] | None) -> list[str]:
    """Return the settings of a QOS that are not yet as the level wants them.

    A QOS that does not exist has nothing to change: to make one is the policy's part.
    """
    if found is None:
        return []
    priority = RAISED_PRIORITY if level.is_raised else RESTING_PRIORITY
    nodes = "" if level.most_nodes is None else str(level.most_nodes)
    wanted = {
        f"Priority={priority}": found[0] == priority,
        f"GrpTRES=node={nodes or NO_LIMIT}": found[2] == nodes,
        f"Preempt={','.join(level.may_stop)}": found[1] == frozenset(level.may_stop),
    }
    return [setting for setting, is_so in wanted.items() if not is_so]


def _nodes(tres: str) -> str:
    pairs = [each.partition("=") for each in tres.split(",")]
    return next((value for name, _, value in pairs if name == "node"), "")


def _split(line: str, columns: int) -> list[str]:
    found = line.strip().split("|")
    if len(found) != columns:
        raise UnreadableAnswer(problem=f"a row does not have {columns} columns")
    return found


def _number(text: str) -> int:
    if not text.isdecimal():
        raise UnreadableAnswer(problem=f"{text!r} is no number")
    return int(text)
