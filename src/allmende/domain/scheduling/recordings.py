"""A cycle on paper: snapshot, policy and plan as plain JSON, so that anybody can replay it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.fairness import FairnessState
from allmende.domain.scheduling.kernel import plan
from allmende.domain.scheduling.machine import CapacityChange, Closure, Machine, Window
from allmende.domain.scheduling.plans import PendingJob, Plan, RunningJob, Snapshot, Wait
from allmende.domain.scheduling.policies import Backfill, Policy
from allmende.domain.scheduling.shares import Share, ShareTree


def record_snapshot(snapshot: Snapshot, policy: Policy) -> dict[str, Any]:
    """Return everything that the plan depended on."""
    machine = snapshot.machine
    return {
        "now_seconds": snapshot.now_seconds,
        "policy": asdict(policy) | {"backfill": policy.backfill.value},
        "machine": {
            "nodes": list(machine.nodes),
            "drained": sorted(machine.drained),
            "capacity_changes": [asdict(change) for change in machine.capacity_changes],
        },
        "tree": {
            "group_depth": snapshot.tree.group_depth,
            "shares": [asdict(s) | {"path": list(s.path)} for s in snapshot.tree.shares],
        },
        "pending": [_record_pending(job) for job in snapshot.pending],
        "running": [
            asdict(job) | {"path": list(job.path), "node_indices": list(job.node_indices)}
            for job in snapshot.running
        ],
        "fairness": snapshot.fairness.to_json(),
        "windows": [asdict(window) for window in snapshot.windows],
        "closures": [asdict(each) | {"nodes": sorted(each.nodes)} for each in snapshot.closures],
        "demoted": sorted(list(path) for path in snapshot.demoted),
    }


def _record_pending(job: PendingJob) -> dict[str, Any]:
    reason = job.hold_reason.to_json() if job.hold_reason else None
    return {
        "id": job.id,
        "path": list(job.path),
        "nodes": job.nodes,
        "time_limit_seconds": job.time_limit_seconds,
        "submitted_at_seconds": job.submitted_at_seconds,
        "eligible": job.eligible,
        "hold_reason": reason,
        "preemptible": job.preemptible,
        "window_id": job.window_id,
    }


def read_snapshot(value: Mapping[str, Any]) -> tuple[Snapshot, Policy]:
    """Read back what `record_snapshot` wrote."""
    machine, tree = value["machine"], value["tree"]
    snapshot = Snapshot(
        now_seconds=value["now_seconds"],
        machine=Machine(
            nodes=tuple(machine["nodes"]),
            drained=frozenset(machine["drained"]),
            capacity_changes=tuple(CapacityChange(**c) for c in machine["capacity_changes"]),
        ),
        tree=ShareTree(
            shares=tuple(Share(**{**s, "path": tuple(s["path"])}) for s in tree["shares"]),
            group_depth=tree["group_depth"],
        ),
        pending=tuple(_read_pending(job) for job in value["pending"]),
        running=tuple(
            RunningJob(**{**j, "path": tuple(j["path"]), "node_indices": tuple(j["node_indices"])})
            for j in value["running"]
        ),
        fairness=FairnessState.from_json(value["fairness"]),
        # Cycles that were recorded before there were windows have neither.
        windows=tuple(Window(**window) for window in value.get("windows", ())),
        closures=tuple(
            Closure(**{**each, "nodes": frozenset(each["nodes"])})
            for each in value.get("closures", ())
        ),
        demoted=frozenset(tuple(path) for path in value.get("demoted", ())),  # nor quotas
    )
    policy = value["policy"]
    return snapshot, Policy(**{**policy, "backfill": Backfill(policy["backfill"])})


def _read_pending(value: Mapping[str, Any]) -> PendingJob:
    reason = Sentence.from_json(value["hold_reason"]) if value["hold_reason"] else None
    return PendingJob(**{**value, "path": tuple(value["path"]), "hold_reason": reason})


def record_memory(snapshot: Snapshot, decided: Plan) -> dict[str, Any]:
    """Return what the next cycle goes on from."""
    return {"fairness": snapshot.fairness.to_json()} | _record_state(decided)


def record_plan(decided: Plan) -> dict[str, Any]:
    """Return everything that was decided."""
    return {
        "now_seconds": decided.now_seconds,
        "starts": [[start.job_id, list(start.node_indices)] for start in decided.starts],
        "preempts": [[each.job_id, each.for_job_id] for each in decided.preempts],
        "waits": _record_waits(decided.waits),
        "reservations": [asdict(reservation) for reservation in decided.reservations],
    } | _record_state(decided)


def _record_state(decided: Plan) -> dict[str, Any]:
    return {
        "groups": [asdict(g) | {"path": list(g.path)} for g in decided.group_states],
        "running_nodes": [[list(path), nodes] for path, nodes in decided.running_nodes.items()],
    }


def _record_waits(waits: Sequence[Wait]) -> list[dict[str, Any]]:
    said = {id(wait.sentence): wait.sentence for wait in waits}  # many jobs share one sentence
    written = {key: sentence.to_json() for key, sentence in said.items()}
    return [
        {
            "job_id": wait.job_id,
            "reason": wait.reason.value,
            "sentence": written[id(wait.sentence)],
            "starts_by": wait.starts_by,
            "behind_job_id": wait.behind_job_id,
            "figures": dict(wait.figures),
        }
        for wait in waits
    ]


def replays(snapshot_record: Mapping[str, Any], plan_record: Mapping[str, Any]) -> bool:
    """Say whether the recorded snapshot gives the recorded plan once more."""
    snapshot, policy = read_snapshot(snapshot_record)
    return record_plan(plan(snapshot, policy)) == plan_record
