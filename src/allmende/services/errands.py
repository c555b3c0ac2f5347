"""The cluster of a site with an agent: each question is an errand, which its agent runs.

Errands are rows until they are answered, so that any process of the centre may ask. Whoever asks
waits for the answer, a second or two; no transaction may be open meanwhile. While an agent does not
call in nobody waits: the refusal says since when, and what the agent was not told never happens.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from allmende.domain.basics.periods import Period
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sites import Partition, Site
from allmende.domain.basics.usage_records import UsageRecord
from allmende.domain.scheduling import errands
from allmende.domain.scheduling.errands import Errand, ErrandKind
from allmende.domain.scheduling.nodes import NodeStatus
from allmende.domain.scheduling.slurm_policies import Change, ClusterState
from allmende.domain.scheduling.steering import ClusterLook, Level
from allmende.domain.trust.agents import ERRANDS_SINCE, Agent
from allmende.services.usage_collecting import OtherCluster
from allmende.storage import agents as agent_store
from allmende.storage import database
from allmende.storage import errands as store
from allmende.storage.errands import Standing

PATIENCE = timedelta(seconds=45)  # less than the lease under which policy is applied
UPTAKE = timedelta(seconds=15)  # within which an agent that is well takes an errand
POLL_SECONDS = 0.05
LONGEST_PIECE, SHORTEST_PIECE = timedelta(days=4), timedelta(minutes=1)  # of usage, in an errand
JOBS_AT_ONCE = 500  # whose runs are asked for in one errand
FORGET_AFTER = timedelta(minutes=10)


class NobodyAtSite(Refusal):
    """No agent of {site} is enrolled, so its cluster can be asked nothing. The operators know how:
    allmende agents enrol {site}"""

    status = 503


class SiteIsCutOff(Refusal):
    """{site} is cut off: its agent has not called in since {instant}, so nothing was changed there
    now. Try again when it calls in."""

    status = 503


class AgentTakesNoErrands(Refusal):
    """The agent of {site} carries jobs and usage only. Install this version of Allmende on its
    machine too."""


class AnswerIsOpen(Refusal):
    """The agent of {site} took this on, and has not told yet what became of it. Look again in a
    minute before you repeat it; a repetition does no harm."""

    status = 503


@dataclass(frozen=True, kw_only=True)
class Messenger:
    """Asks the cluster of one site through its agent."""

    site_id: str
    now: Callable[[], datetime]
    new_id: Callable[[str], str]
    pause: Callable[[float], None]  # waits for some seconds

    def ask(self, kind: ErrandKind, **body: Any) -> Any:
        """Return the answer of the site, or raise what it refused with."""
        agent = self._find_agent()
        errand = Errand(id=self.new_id("er"), kind=kind, body=body)
        asked_at = self.now()
        database.run_whole(lambda: self._add(errand, asked_at))
        try:
            self._wait(errand, asked_at)
        finally:  # whoever is interrupted leaves nothing behind that would be run later
            seen = database.run_whole(lambda: store.end_errand(errand.id))
        return errands.unpack(self._find_answer(seen, agent))

    def _add(self, errand: Errand, asked_at: datetime) -> None:
        store.forget_errands(before=asked_at - FORGET_AFTER)
        store.add_errand(self.site_id, errand, expires_at=asked_at + PATIENCE)

    def _wait(self, errand: Errand, asked_at: datetime) -> None:
        while True:
            seen = store.find_standing(errand.id)
            waited = self.now() - asked_at
            if seen.answer is not None or waited >= (PATIENCE if seen.is_handed_out else UPTAKE):
                return
            self.pause(POLL_SECONDS)

    def _find_agent(self) -> Agent:
        agent = agent_store.find_working_agent(self.site_id)
        if agent is None or agent.last_contact_at is None:
            raise NobodyAtSite(site=self.site_id)
        if agent.is_quiet(self.now()):
            raise SiteIsCutOff(site=self.site_id, instant=agent.last_contact_at)
        if agent.protocol < ERRANDS_SINCE:
            raise AgentTakesNoErrands(site=self.site_id)
        return agent

    def _find_answer(self, seen: Standing, agent: Agent) -> str:
        if seen.answer is not None:
            return seen.answer
        if seen.is_handed_out:
            raise AnswerIsOpen(site=self.site_id)
        agent = agent_store.find_agent(agent.id) or agent
        raise SiteIsCutOff(site=self.site_id, instant=agent.last_contact_at)


@dataclass(frozen=True)
class FarAccounting:
    """Implements `UsageReader` for the cluster of a site with an agent: piece by piece."""

    messenger: Messenger
    cluster: str

    def is_up_to_date(self) -> bool:
        """Say whether the accounting has been told everything that the cluster knows."""
        return self.messenger.ask(ErrandKind.IS_UP_TO_DATE) is True

    def read(self, period: Period) -> Iterator[UsageRecord]:
        """Yield each run that ended in a period, and those that go on; each once."""
        begin = period.starts_at
        while (end := begin + LONGEST_PIECE) < period.ends_at:
            yield from self._read_ended(Period(starts_at=begin, ends_at=end))
            begin = end
        yield from self._read(Period(starts_at=begin, ends_at=period.ends_at))

    def read_jobs(self, job_ids: Sequence[int]) -> Iterator[UsageRecord]:
        """Yield every run of these jobs, whenever it was."""
        for first in range(0, len(job_ids), JOBS_AT_ONCE):
            yield from self._ask(jobs=list(job_ids[first : first + JOBS_AT_ONCE]))

    def _read(self, piece: Period) -> Iterator[UsageRecord]:
        try:
            yield from self._ask(period=errands.period_to_json(piece))
        except errands.AnswerTooLong:
            half = (piece.ends_at - piece.starts_at) / 2
            if half < SHORTEST_PIECE:
                raise
            middle = piece.starts_at + half
            yield from self._read_ended(Period(starts_at=piece.starts_at, ends_at=middle))
            yield from self._read(Period(starts_at=middle, ends_at=piece.ends_at))

    def _read_ended(self, piece: Period) -> Iterator[UsageRecord]:
        """Leave out what has not ended: it is told with the last piece."""
        return (record for record in self._read(piece) if record.ended_at is not None)

    def _ask(self, **which: Any) -> list[UsageRecord]:
        answer = self.messenger.ask(ErrandKind.READ_USAGE, **which)
        records = errands.read_answer(errands.usages_from_json, answer)
        if any(record.cluster != self.cluster for record in records):
            raise OtherCluster(site=self.messenger.site_id, cluster=self.cluster)
        return records


@dataclass(frozen=True)
class FarNodes:
    """Implements `ClusterNodes` for a partition at a site with an agent."""

    messenger: Messenger
    partition_id: str

    def list_nodes(self) -> list[NodeStatus]:
        """Return its nodes in the order of the cluster."""
        answer = self.messenger.ask(ErrandKind.LIST_NODES, partition=self.partition_id)
        return errands.read_answer(errands.nodes_from_json, answer)

    def drain(self, node: str, *, reason: str) -> None:
        """Let the node finish what it runs, and give it nothing new."""
        place = {"partition": self.partition_id, "node": node}
        self.messenger.ask(ErrandKind.DRAIN_NODE, **place, reason=reason)

    def resume(self, node: str) -> None:
        """Put a drained node back into service."""
        place = {"partition": self.partition_id, "node": node}
        self.messenger.ask(ErrandKind.RESUME_NODE, **place)


@dataclass(frozen=True)
class FarPolicies:
    """Implements `PolicyKeeper` for the cluster of a site with an agent."""

    messenger: Messenger

    def read(self) -> ClusterState:
        """Return how the cluster is now; of what is not ours, names alone."""
        answer = self.messenger.ask(ErrandKind.READ_POLICY)
        return errands.read_answer(errands.state_from_json, answer)

    def change(self, change: Change) -> None:
        """Take one step; a step that was taken already changes nothing."""
        self.messenger.ask(ErrandKind.CHANGE_POLICY, change=errands.change_to_json(change))


@dataclass(frozen=True)
class FarWheel:
    """Implements `Wheel` for a partition at a site with an agent."""

    messenger: Messenger
    partition_id: str

    def look(self) -> ClusterLook:
        """Return what runs and waits now."""
        answer = self.messenger.ask(ErrandKind.LOOK, partition=self.partition_id)
        return errands.read_answer(errands.look_from_json, answer)

    def set_levels(self, levels: Sequence[Level]) -> tuple[str, ...]:
        """Tell the cluster what differs from what it was told; return the groups concerned."""
        answer = self.messenger.ask(
            ErrandKind.SET_LEVELS,
            partition=self.partition_id,
            levels=errands.levels_to_json(levels),
        )
        return errands.read_answer(errands.names_from_json, answer)


@dataclass(frozen=True)
class FarReach:
    """Implements `Reach` for the cluster of a site with an agent."""

    site: Site
    messenger: Messenger

    def accounting(self) -> FarAccounting:
        """Return the accounting of the cluster."""
        assert self.site.slurm is not None, "services refuse a site without a cluster"
        return FarAccounting(self.messenger, self.site.slurm.cluster)

    def nodes_of(self, partition: Partition) -> FarNodes:
        """Return the nodes of a partition."""
        return FarNodes(self.messenger, partition.id)

    def policies(self) -> FarPolicies:
        """Return the cluster whose policy is kept."""
        return FarPolicies(self.messenger)

    def wheel_of(self, partition: Partition) -> FarWheel:
        """Return by what a partition is steered."""
        return FarWheel(self.messenger, partition.id)
