"""Errands at the site: the agent runs what the centre asks of its cluster, as far as the site's own
configuration allows it, and tells the answer until the centre has it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from allmende.agent.removals import Removals
from allmende.domain.basics.characters import check_written
from allmende.domain.basics.mistakes import MISTAKES
from allmende.domain.basics.refusals import NotFound, Refusal
from allmende.domain.basics.sites import Partition
from allmende.domain.scheduling import errands
from allmende.domain.scheduling.errands import AnswerTooLong, Errand, ErrandKind, errand_from_json
from allmende.domain.scheduling.exchanges import usage_to_json
from allmende.domain.scheduling.nodes import LONGEST_REASON, ClusterNodes, check_node
from allmende.domain.scheduling.reaches import Reach
from allmende.domain.scheduling.site_guards import check_change, check_levels, tell_ours
from allmende.domain.scheduling.slurm_policies import (
    Policy,
    apply_change,
    realm_of,
)

# After an errand the centre often has another one, which waits for the answer to the first.
EAGER_CALLS = 4
EAGER_SECONDS = 0.1

log = structlog.get_logger("allmende.agent")


class NoClusterHere(Refusal):
    """The configuration at {site} has no Slurm cluster. Write [sites.slurm] into its factory.toml
    there too."""


class ErrandUnknown(Refusal):
    """The agent cannot do this: {problem}. Install the same version of Allmende on both
    machines."""


class Errands:
    """Runs errands one after the other, in the order of the centre."""

    def __init__(
        self, reach: Reach | None, *, site_id: str = "", removals: Removals | None = None
    ) -> None:
        self.reach = reach
        self.removals = removals
        self.site_id = site_id
        self._open: list[Any] = []
        self._answers: dict[str, str] = {}  # until the centre asks no more
        self._policy: Policy | None = None  # of the cluster, as last read and changed here
        self._eager_calls = 0
        self._deeds: Mapping[ErrandKind, Callable[[Reach, Mapping[str, Any]], Any]] = {
            ErrandKind.IS_UP_TO_DATE: lambda reach, _: reach.accounting().is_up_to_date(),
            ErrandKind.READ_USAGE: self._read_usage,
            ErrandKind.LIST_NODES: self._list_nodes,
            ErrandKind.DRAIN_NODE: self._drain_node,
            ErrandKind.RESUME_NODE: self._resume_node,
            ErrandKind.READ_POLICY: self._read_policy,
            ErrandKind.CHANGE_POLICY: self._change_policy,
            ErrandKind.LOOK: self._look,
            ErrandKind.SET_LEVELS: self._set_levels,
        }

    @property
    def is_busy(self) -> bool:
        """Say whether something waits to be run, and then to be told."""
        return bool(self._open)

    @property
    def is_eager(self) -> bool:
        """Say whether another errand is likely to come at once."""
        return self._eager_calls > 0

    def take(self, asked: Sequence[Mapping[str, Any]]) -> None:
        """Take what the centre asks now; what it asks no more is forgotten."""
        ids = {each["id"] for each in asked}
        self._answers = {key: answer for key, answer in self._answers.items() if key in ids}
        self._open = [each for each in asked if each["id"] not in self._answers]
        self._eager_calls = EAGER_CALLS if asked else max(0, self._eager_calls - 1)

    def run(self) -> None:
        """Run what waits. Whatever goes wrong with one is its answer."""
        for each in self._open:
            self._answers[each["id"]] = self._answer(each)
        self._open = []

    def list_answers(self, *, most_bytes: int) -> list[dict[str, str]]:
        """Return the answers that the centre does not have yet; one at least."""
        found: list[dict[str, str]] = []
        for key, answer in self._answers.items():
            most_bytes -= len(answer)
            if found and most_bytes < 0:
                break
            found.append({"id": key, "answer": answer})
        return found

    def _answer(self, asked: Mapping[str, Any]) -> str:
        try:
            answer = errands.pack_value(self._run(asked))
            if len(answer) > errands.LARGEST_PACKED_BYTES:
                raise AnswerTooLong
        except Refusal as refusal:
            log.info("errand refused", kind=asked.get("kind"), sentence=str(refusal))
            return errands.pack_refusal(refusal)
        except MISTAKES as error:
            log.warning("errand left out", kind=asked.get("kind"), exc_info=error)
            return errands.pack_refusal(ErrandUnknown(problem=repr(error)[:200]))
        return answer

    def _run(self, asked: Mapping[str, Any]) -> Any:
        errand: Errand = errand_from_json(asked)
        if errand.kind is ErrandKind.REMOVE_OUTPUT and self.removals is not None:
            return self.removals.remove(errand.body)
        if self.reach is None:
            raise NoClusterHere(site=self.site_id)
        return self._deeds[errand.kind](self.reach, errand.body)

    def _read_usage(self, reach: Reach, body: Mapping[str, Any]) -> Any:
        """Return the runs of a period, or of some jobs."""
        accounting = reach.accounting()
        if "jobs" in body:
            records = accounting.read_jobs([int(job) for job in body["jobs"]])
        else:
            records = accounting.read(errands.period_from_json(body["period"]))
        return [usage_to_json(record) for record in records]

    def _list_nodes(self, reach: Reach, body: Mapping[str, Any]) -> Any:
        nodes = reach.nodes_of(_find_partition(reach, body)).list_nodes()
        return errands.nodes_to_json(nodes)

    def _drain_node(self, reach: Reach, body: Mapping[str, Any]) -> None:
        reason = str(body["reason"])
        check_written("reason", reason, most=LONGEST_REASON)
        nodes, node = _find_node(reach, body)
        nodes.drain(node, reason=reason)

    def _resume_node(self, reach: Reach, body: Mapping[str, Any]) -> None:
        nodes, node = _find_node(reach, body)
        nodes.resume(node)

    def _read_policy(self, reach: Reach, _body: Mapping[str, Any]) -> Any:
        state = reach.policies().read()
        self._policy = state.policy
        told = tell_ours(state, realm_of(reach.site), partitions=_list_partitions(reach))
        return errands.state_to_json(told)

    def _change_policy(self, reach: Reach, body: Mapping[str, Any]) -> None:
        change, keeper = errands.change_from_json(body["change"]), reach.policies()
        policy = keeper.read().policy if self._policy is None else self._policy
        ours = realm_of(reach.site)
        check_change(change, policy, ours, partitions=_list_partitions(reach))
        self._policy = None  # should this fail, nobody knows
        keeper.change(change)
        self._policy = apply_change(policy, change)

    def _look(self, reach: Reach, body: Mapping[str, Any]) -> Any:
        return errands.look_to_json(reach.wheel_of(_find_partition(reach, body)).look())

    def _set_levels(self, reach: Reach, body: Mapping[str, Any]) -> Any:
        partition = _find_partition(reach, body)
        levels = errands.levels_from_json(body["levels"])
        check_levels(levels, groups=[group.id for group in partition.groups])
        return reach.wheel_of(partition).set_levels(levels)


def _list_partitions(reach: Reach) -> list[str]:
    """Return the partitions on which the centre's jobs run, by their names in the cluster."""
    return [each.name_on_slurm for each in reach.site.partitions_on_slurm]


def _find_partition(reach: Reach, body: Mapping[str, Any]) -> Partition:
    """Return a partition of this site, by what its own configuration says."""
    for partition in reach.site.partitions:
        if partition.id == body["partition"] and partition.is_on_slurm:
            return partition
    raise NotFound(kind="partition", id=str(body["partition"]))


def _find_node(reach: Reach, body: Mapping[str, Any]) -> tuple[ClusterNodes, str]:
    """Return a node that the cluster has in the partition; never a list of them, nor a pattern."""
    partition, node = _find_partition(reach, body), str(body["node"])
    nodes = reach.nodes_of(partition)
    known = tuple(each.name for each in nodes.list_nodes())
    check_node(partition.name, node, known=known)
    return nodes, node
