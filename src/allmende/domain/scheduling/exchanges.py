"""What the centre and a site agent tell each other, as JSON values: orders, reports, files."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.usage_records import UsageRecord
from allmende.domain.scheduling.backends import (
    AttemptState,
    Container,
    EndReason,
    Launch,
    Observation,
)
from allmende.domain.scheduling.site_values import (
    read_instant,
    read_number,
    read_sentence,
    read_text,
    read_whole,
)

# In a command these stand for what only the machine of the agent knows; see `localise`.
PYTHON_OF, FOLDER_OF = "allmende-python:", "allmende-blueprint:"
# And this one in the variables of a launch.
DATA_OF = "allmende-data:"
USAGE_INSTANTS = ("submitted_at", "started_at", "ended_at")
USAGE_AMOUNTS = (
    "job_id",
    "restarts",
    "suspended_seconds",
    "allocated_nodes",
    "allocated_cores",
    "allocated_gpus",
)


class MisshapenReport(Refusal):
    """The report of the agent cannot be read: {problem}. Install the same version of Allmende on
    both machines."""

    status = 422


class FileKind(StrEnum):
    """What an attempt leaves that people read at the centre."""

    LOG = "log"  # of an attempt
    PROGRESS = "progress"  # of a job, over its attempts
    OUTPUT = "output"  # of a job: one file of its output folder


# What is passed on of a file; a longer log or progress is cut, a larger output stays there.
LARGEST_BYTES = {
    FileKind.LOG: 64 * 2**20,
    FileKind.PROGRESS: 16 * 2**20,
    FileKind.OUTPUT: 256 * 2**20,
}
LARGEST_OUTPUTS_BYTES = 1024 * 2**20  # of all output files of a job together
# Of the name of an output file, as JSON has it: databases keep no longer one in an index.
LONGEST_NAME_BYTES = 1000
# Of a call of an agent, which takes a few of them at most: nobody is listened to any longer.
LARGEST_CALL_BYTES = 16 * 2**20


@dataclass(frozen=True, kw_only=True)
class FileName:
    """Which file: `owner` is the key of an attempt for its log, else the id of a job."""

    kind: FileKind
    owner: str
    name: str = ""  # below the output folder


@dataclass(frozen=True, kw_only=True)
class FileFacts:
    """A file at the end of an attempt. One that is too large stays where it is: no `sha256`."""

    file: FileName
    size_bytes: int
    sha256: str = ""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What ought to be: an attempt that runs, or that ends. Orders are levels, never events."""

    key: str
    revision: int  # of the site's orders; the newest of a key holds
    partition_id: str
    launch: Launch
    stop_reason: EndReason | None = None
    stop_grace_seconds: int = 0
    is_closed: bool = False  # the centre has everything; the agent forgets it


def write_json(value: Any) -> str:
    """Return JSON that any database can hold, whatever bytes a job used in a name or a message."""
    return json.dumps(_plain(value), ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\0", "?")
    if isinstance(value, Mapping):
        return {_plain(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value


def order_to_json(order: Order) -> dict[str, Any]:
    """Return a value that JSON can hold; `order_from_json` reads it back."""
    return asdict(order)


def order_from_json(value: Mapping[str, Any]) -> Order:
    """Read an order back."""
    stop = value["stop_reason"]
    launch = launch_from_json(value["launch"])
    return Order(**{**value, "launch": launch, "stop_reason": EndReason(stop) if stop else None})


def launch_from_json(value: Mapping[str, Any]) -> Launch:
    """Read a launch back; what a newer centre says besides is not known here."""
    known = {field.name: value[field.name] for field in fields(Launch) if field.name in value}
    container = known.get("container")
    return Launch(
        **{
            **known,
            "nodes": tuple(known["nodes"]),
            "command": tuple(known["command"]),
            "container": Container(**container) if container else None,
        }
    )


def observation_to_json(seen: Observation) -> dict[str, Any]:
    """Return a value that JSON can hold; `observation_from_json` reads it back."""
    return {
        **asdict(seen),
        "started_at": seen.started_at and seen.started_at.isoformat(),
        "ended_at": seen.ended_at and seen.ended_at.isoformat(),
        "sentence": seen.sentence and seen.sentence.to_json(),
        "wait": seen.wait and seen.wait.to_json(),
    }


def observation_from_json(value: Mapping[str, Any]) -> Observation:
    """Read an observation back; `MisshapenReport` where it is none."""
    try:
        return Observation(
            key=read_text(value["key"]),
            state=AttemptState(value["state"]),
            started_at=read_instant(value.get("started_at")),
            ended_at=read_instant(value.get("ended_at")),
            reason=EndReason(value["reason"]) if value.get("reason") else None,
            exit_code=read_whole(value["exit_code"])
            if value.get("exit_code") is not None
            else None,
            sentence=read_sentence(value.get("sentence")),
            cpu_seconds=read_number(value.get("cpu_seconds", 0)),
            max_memory_bytes=read_whole(value.get("max_memory_bytes", 0)),
            nodes=tuple(read_text(node) for node in value.get("nodes", ())),
            wait=read_sentence(value.get("wait")),
            allocated_seconds=(
                read_whole(value["allocated_seconds"])
                if value.get("allocated_seconds") is not None
                else None
            ),
            record_key=read_text(value.get("record_key", "")),
        )
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise MisshapenReport(problem=f"observation: {error}") from error


def usage_to_json(record: UsageRecord) -> dict[str, Any]:
    """Return a value that JSON can hold; `usage_from_json` reads it back."""
    instants = {name: getattr(record, name) for name in USAGE_INSTANTS}
    return asdict(record) | {name: at and at.isoformat() for name, at in instants.items()}


def usage_from_json(value: Mapping[str, Any]) -> UsageRecord:
    """Read a usage record back; `MisshapenReport` where it is none."""
    try:
        facts: dict[str, Any] = {}
        for field in fields(UsageRecord):
            given = value[field.name]
            if field.name in USAGE_INSTANTS:
                facts[field.name] = read_instant(given)
            elif field.name == "nodes":
                facts[field.name] = tuple(read_text(node) for node in given)
            elif field.name == "exit_code" and given is None:
                facts[field.name] = None
            else:
                facts[field.name] = (
                    read_text(given) if field.type in (str, "str") else read_whole(given)
                )
        if facts["submitted_at"] is None or any(facts[name] < 0 for name in USAGE_AMOUNTS):
            raise ValueError("what it must say is missing, or below nothing")
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise MisshapenReport(problem=f"usage: {error}") from error
    return UsageRecord(**facts)


def file_name_from_json(value: Mapping[str, Any]) -> FileName:
    """Read the name of a file; `MisshapenReport` where it is none."""
    try:
        name = read_text(value["name"])
        if not is_short(name):
            raise ValueError("a name that is too long")
        return FileName(kind=FileKind(value["kind"]), owner=read_text(value["owner"]), name=name)
    except (LookupError, TypeError, ValueError) as error:
        raise MisshapenReport(problem=f"file: {error}") from error


def is_short(name: str) -> bool:
    """Say whether a file of this name can be passed on."""
    return len(write_json(name).encode()) <= LONGEST_NAME_BYTES


def file_facts_from_json(value: Mapping[str, Any]) -> FileFacts:
    """Read what is told of a file; `MisshapenReport` where it is nothing."""
    try:
        size_bytes, sha256 = read_whole(value["size_bytes"]), read_text(value["sha256"])
        if size_bytes < 0 or len(sha256) not in (0, 64):
            raise ValueError("size or hash")
        file = file_name_from_json(value["file"])
    except (LookupError, TypeError, ValueError) as error:
        raise MisshapenReport(problem=f"file: {error}") from error
    return FileFacts(file=file, size_bytes=size_bytes, sha256=sha256)


def place_in_time(seen: Observation, *, ordered_at: datetime, now: datetime) -> Observation:
    """Return an observation on the centre's clock, whatever the clock at the site says.

    Nothing begins before it was ordered, and nothing ends after it was reported; between the two
    the site's own clock counts, and how long something took is always taken from there, as far as
    it fits.
    """
    if seen.started_at is None:
        ended_at = seen.ended_at and min(max(seen.ended_at, ordered_at), now)
        return _with_times(seen, None, ended_at)
    if seen.ended_at is None:
        return _with_times(seen, min(max(seen.started_at, ordered_at), now), None)
    took = max(seen.ended_at - seen.started_at, timedelta())
    started_at = max(min(seen.started_at, now - took), ordered_at)
    return _with_times(seen, started_at, min(started_at + took, now))


def localise(launch: Launch, places: Mapping[str, str]) -> Launch:
    """Return a launch with the places of this machine: `{"allmende-python:tabular": "/opt/…"}`.

    Only at the beginning of a word, and in variables of the platform, where `launches` put them.
    """
    environment = {
        name: places.get(value, value) if name.startswith("ALLMENDE_DATA") else value
        for name, value in launch.environment.items()
    }
    command = tuple(_localise(word, places) for word in launch.command)
    container = launch.container and replace(
        launch.container,
        mounts={
            places.get(inside, inside): places.get(folder, folder)
            for inside, folder in launch.container.mounts.items()
        },
    )
    return replace(launch, command=command, environment=environment, container=container)


def list_data_marks(launch: Launch) -> dict[str, str]:
    """Return by its mark each data set that a launch of the centre names: `NAME@VERSION`."""
    given = [
        value for name, value in launch.environment.items() if name.startswith("ALLMENDE_DATA")
    ]
    given += launch.container.mounts.values() if launch.container else ()
    return {each: each.removeprefix(DATA_OF) for each in given if each.startswith(DATA_OF)}


def _localise(word: str, places: Mapping[str, str]) -> str:
    for mark, place in places.items():
        if word == mark or word.startswith(f"{mark}/"):
            return place + word.removeprefix(mark)
    return word


def _with_times(
    seen: Observation, started_at: datetime | None, ended_at: datetime | None
) -> Observation:
    known = {field.name: getattr(seen, field.name) for field in fields(seen)}
    return Observation(**{**known, "started_at": started_at, "ended_at": ended_at})
