"""A cluster in memory that can be steered."""

from allmende.backends.slurm.client import ClusterUnreachable
from allmende.domain.scheduling.steering import ClusterLook, Level, QueuedJob


class Queue:
    """Shows what it was filled with, notes what it is told, and can fall silent."""

    def __init__(self) -> None:
        self.jobs: list[QueuedJob] = []
        self.told: list[tuple[Level, ...]] = []
        self.is_silent = False

    def look(self) -> ClusterLook:
        if self.is_silent:
            raise ClusterUnreachable(cluster="lab", problem="no answer")
        return ClusterLook(nodes_in_service=16, jobs=tuple(self.jobs))

    def set_levels(self, levels):
        if self.is_silent:
            raise ClusterUnreachable(cluster="lab", problem="no answer")
        self.told.append(tuple(levels))
        return tuple(level.group_id for level in levels)

    def fill(self, group: str, *, running: int, waiting: int) -> None:
        facts = {"account": "a", "qos": group, "nodes": 1}
        self.jobs = [QueuedJob(is_running=True, **facts)] * running
        self.jobs += [QueuedJob(is_running=False, **facts)] * waiting
