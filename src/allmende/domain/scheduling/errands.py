"""Errands: what the centre asks of a site's cluster through its agent, and the answers, as JSON.

Each is a method of a port (`UsageReader`, `ClusterNodes`, `PolicyKeeper`, `Wheel`, and one of
`Backend`), which may be repeated at will: an errand that is run twice has the effect of one.
"""

import base64
import binascii
import json
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, TypeVar

from allmende.domain.basics.periods import Period
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.usage_records import UsageRecord
from allmende.domain.scheduling.exchanges import MisshapenReport, usage_from_json, write_json
from allmende.domain.scheduling.nodes import NodeStatus
from allmende.domain.scheduling.site_values import (
    read_instant,
    read_sentence,
    read_text,
    read_whole,
)
from allmende.domain.scheduling.slurm_policies import (
    Change,
    ChangeKind,
    ClusterState,
    ItemKey,
    ItemKind,
    Settings,
)
from allmende.domain.scheduling.steering import ClusterLook, Level, QueuedJob

Result = TypeVar("Result")

LARGEST_PACKED_BYTES = 2**20  # of an answer on its way
LARGEST_UNPACKED_BYTES = 64 * 2**20
MOST_JOBS = 10**6
MISSHAPEN = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError)


class AnswerUnreadable(Refusal):
    """What the agent of the site answered cannot be read: {problem}. Install the same version of
    Allmende on both machines."""

    status = 502


class SaidAtSite(Refusal):
    """At the site: {sentence}"""


class TroubleAtSite(SaidAtSite):
    """Trouble at the site: {sentence}"""

    status = 503


class AnswerTooLong(SaidAtSite):
    """What the cluster says is too long to be passed on at once. Tell the operators of the site."""


class ErrandKind(StrEnum):
    """What can be asked of a site."""

    IS_UP_TO_DATE = "is_up_to_date"
    READ_USAGE = "read_usage"
    LIST_NODES = "list_nodes"
    DRAIN_NODE = "drain_node"
    RESUME_NODE = "resume_node"
    READ_POLICY = "read_policy"
    CHANGE_POLICY = "change_policy"
    LOOK = "look"
    SET_LEVELS = "set_levels"
    REMOVE_OUTPUT = "remove_output"  # of a job, from whatever machine


@dataclass(frozen=True, kw_only=True)
class Errand:
    """One question to a cluster, or one change of it."""

    id: str
    kind: ErrandKind
    body: Mapping[str, Any]


def errand_from_json(value: Mapping[str, Any]) -> Errand:
    """Read an errand; `AnswerUnreadable` is for answers, this raises what `MISSHAPEN` names."""
    return Errand(
        id=read_text(value["id"]), kind=ErrandKind(value["kind"]), body=dict(value["body"])
    )


# ---- answers


def pack_value(value: Any) -> str:
    """Return an answer as it travels: compressed, for a large cluster's policy is long."""
    return _pack({"value": value})


def pack_refusal(refusal: Refusal) -> str:
    """Return the answer that says why not."""
    said = {"refusal": refusal.sentence.to_json(), "status": refusal.status}
    return _pack(said | {"code": refusal.code()})


def unpack(text: str) -> Any:
    """Return the value of an answer, or raise what the site refused with.

    `TroubleAtSite` is one that passes; `AnswerUnreadable` where nothing can be made of it.
    """
    answer = _unpack(text)
    if "value" in answer:
        return answer["value"]
    try:
        sentence = read_sentence(dict(answer["refusal"]))
        is_trouble = read_whole(answer["status"]) >= TroubleAtSite.status
        is_too_long = answer["code"] == AnswerTooLong.code()
    except MISSHAPEN as error:
        raise AnswerUnreadable(problem=type(error).__name__) from error
    if is_too_long:
        raise AnswerTooLong
    raise (TroubleAtSite if is_trouble else SaidAtSite)(sentence=sentence)


def _pack(value: Any) -> str:
    return base64.b64encode(zlib.compress(write_json(value).encode())).decode()


def _unpack(text: str) -> dict[str, Any]:
    try:
        inflater = zlib.decompressobj()
        content = base64.b64decode(text, validate=True)
        found = inflater.decompress(content, LARGEST_UNPACKED_BYTES)
        if not inflater.eof:
            raise ValueError("it is cut, or too long")
        return dict(json.loads(found))
    except (*MISSHAPEN, binascii.Error, zlib.error) as error:
        raise AnswerUnreadable(problem=type(error).__name__) from error


def read_answer(read: Callable[[Any], Result], value: Any) -> Result:
    """Read the value of an answer; `AnswerUnreadable` where it is none."""
    try:
        return read(value)
    except (*MISSHAPEN, MisshapenReport) as error:
        raise AnswerUnreadable(problem=f"{type(error).__name__}: {error}") from error


# ---- accounting


def period_to_json(period: Period) -> list[str]:
    """Return a value that JSON can hold; `period_from_json` reads it back."""
    return [period.starts_at.isoformat(), period.ends_at.isoformat()]


def period_from_json(value: Any) -> Period:
    """Read a period back."""
    starts_at, ends_at = map(read_instant, value)
    if starts_at is None or ends_at is None or starts_at > ends_at:
        raise ValueError("this is no period")
    return Period(starts_at=starts_at, ends_at=ends_at)


def usages_from_json(value: Any) -> list[UsageRecord]:
    """Read usage records back."""
    return [usage_from_json(each) for each in value]


# ---- nodes


def nodes_to_json(nodes: Sequence[NodeStatus]) -> list[Any]:
    """Return a value that JSON can hold; `nodes_from_json` reads it back."""
    return [asdict(node) for node in nodes]


def nodes_from_json(value: Any) -> list[NodeStatus]:
    """Read nodes back."""
    return [
        NodeStatus(
            name=read_text(each["name"]),
            state=read_text(each["state"]),
            is_drained=each["is_drained"] is True,
            is_down=each["is_down"] is True,
            is_busy=each["is_busy"] is True,
            reason=read_text(each["reason"]),
            address=read_text(each.get("address", "")),  # an older agent does not say it
        )
        for each in value
    ]


# ---- policy


def state_to_json(state: ClusterState) -> dict[str, Any]:
    """Return a value that JSON can hold; settings that are not set are left out."""
    return {
        "policy": [
            [_key_to_json(key), {name: each for name, each in settings.items() if each}]
            for key, settings in state.policy.items()
        ],
        "used_minutes": state.used_minutes,
        "configuration": state.configuration,
        "longest_seconds": state.longest_seconds,
        "shared_user": state.shared_user,
    }


def state_from_json(value: Any) -> ClusterState:
    """Read the state of a cluster back."""
    return ClusterState(
        policy={_key_from_json(key): _settings(settings) for key, settings in value["policy"]},
        used_minutes={
            read_text(account): {read_text(tres): read_whole(n) for tres, n in used.items()}
            for account, used in value["used_minutes"].items()
        },
        configuration=_settings(value["configuration"]),
        longest_seconds={  # an older agent does not say it
            read_text(name): _count(seconds)
            for name, seconds in value.get("longest_seconds", {}).items()
        },
        shared_user=read_text(value["shared_user"]),
    )


def change_to_json(change: Change) -> dict[str, Any]:
    """Return a value that JSON can hold; `change_from_json` reads it back."""
    return {
        "kind": change.kind,
        "key": _key_to_json(change.key),
        "before": change.before,
        "after": change.after,
    }


def change_from_json(value: Any) -> Change:
    """Read a change back."""
    return Change(
        kind=ChangeKind(value["kind"]),
        key=_key_from_json(value["key"]),
        before=_settings(value["before"]),
        after=_settings(value["after"]),
    )


def _key_to_json(key: ItemKey) -> list[str]:
    return [key.kind, key.name, key.account, key.partition]


def _key_from_json(value: Any) -> ItemKey:
    kind, name, account, partition = map(read_text, value)
    return ItemKey(kind=ItemKind(kind), name=name, account=account, partition=partition)


def _settings(value: Any) -> Settings:
    return {read_text(name): read_text(setting) for name, setting in value.items()}


# ---- steering


def look_to_json(look: ClusterLook) -> dict[str, Any]:
    """Return a value that JSON can hold: jobs that are alike are told once, with their number."""
    jobs = Counter(look.jobs)
    return {
        "nodes_in_service": look.nodes_in_service,
        "jobs": [[asdict(job), count] for job, count in jobs.items()],
    }


def look_from_json(value: Any) -> ClusterLook:
    """Read a look back; its jobs come in another order, which nobody asks for."""
    counted = [(_job(job), _count(count)) for job, count in value["jobs"]]
    if sum(count for _, count in counted) > MOST_JOBS:
        raise ValueError("more jobs than any queue holds")
    return ClusterLook(
        nodes_in_service=_count(value["nodes_in_service"]),
        jobs=tuple(job for job, count in counted for _ in range(count)),
    )


def _job(value: Any) -> QueuedJob:
    return QueuedJob(
        account=read_text(value["account"]),
        qos=read_text(value["qos"]),
        nodes=_count(value["nodes"]),
        is_running=value["is_running"] is True,
        is_eligible=value["is_eligible"] is True,
    )


def levels_to_json(levels: Sequence[Level]) -> list[Any]:
    """Return a value that JSON can hold; `levels_from_json` reads it back."""
    return [asdict(level) for level in levels]


def levels_from_json(value: Any) -> tuple[Level, ...]:
    """Read levels back."""
    return tuple(
        Level(
            group_id=read_text(each["group_id"]),
            is_raised=each["is_raised"] is True,
            may_stop=tuple(map(read_text, each["may_stop"])),
            most_nodes=None if each["most_nodes"] is None else _count(each["most_nodes"]),
        )
        for each in value
    )


def names_from_json(value: Any) -> tuple[str, ...]:
    """Read names back."""
    return tuple(map(read_text, value))


def _count(value: Any) -> int:
    number = read_whole(value)
    if number < 0:
        raise ValueError("this is below nothing")
    return number
