"""What the daemon notes of an attempt on a cluster, so that it knows it again after any crash."""

import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from allmende.backends.nodes import files
from allmende.backends.slurm.endings import Order, Traces
from allmende.backends.slurm.places import Place, find_place, split_key
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.usage_records import COMMENT_PREFIX
from allmende.domain.scheduling.backends import AttemptState, EndReason, Launch, Observation

LAST_WORDS_BYTES = 2048
LONGEST_WORDS = 200
# Instant, exit code, kind and node of a command's end. The file is its user's, who may write into
# it what he likes: whatever else stands there says nothing.
END = re.compile(
    r"(\d{1,12}) (\d{1,3}) (exit_code|no_command|no_workdir) ([\w.-]{1,64})\s*", re.ASCII
)


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """An attempt that was started, or was to be: the intent is noted before anything is asked."""

    key: str
    job_id: str
    number: int
    place: Place
    user_name: str
    gpus_per_node: int
    order: Order
    intended_at: datetime
    slurm_id: int | None = None  # None: sbatch gave no answer, or was not yet called
    first: int  # the attempt that was submitted; Slurm made this one of it by a requeue

    @property
    def notes(self) -> Path:
        """Return the folder of these notes."""
        return self.place.notes(self.number)

    @property
    def comment(self) -> str:
        """Return the comment by which its job is found."""
        return f"{COMMENT_PREFIX}{self.job_id}.{self.first}"


def find_attempt(work_folder: Path, key: str) -> Attempt | None:
    """Return what is noted of an attempt; None where nothing is."""
    parts = split_key(key)
    place = find_place(work_folder, parts[0]) if parts else None
    if parts is None or place is None:
        return None
    job_id, number = parts
    intent = files.find_json(place.notes(number) / "intent.json")
    if intent is None:
        return None
    submitted = files.find_json(place.notes(number) / "job.json") or {}
    return Attempt(
        key=key,
        job_id=job_id,
        number=number,
        place=place,
        user_name=intent["user_name"],
        gpus_per_node=intent["gpus_per_node"],
        order=Order(**intent["order"]),
        intended_at=datetime.fromtimestamp(intent["at"], UTC),
        slurm_id=submitted.get("slurm_id"),
        first=submitted.get("first", number),
    )


def note_intent(launch: Launch, place: Place, *, user_name: str, now: datetime) -> None:
    """Note that an attempt is to be submitted. Nothing secret is in it."""
    order = Order(
        time_limit_seconds=launch.time_limit_seconds,
        grace_seconds=launch.grace_seconds,
        memory_bytes_per_node=launch.memory_bytes_per_node,
        command=launch.command[0],
        workdir=launch.workdir,
    )
    intent = {
        "at": now.timestamp(),
        "user_name": user_name,
        "gpus_per_node": launch.gpus_per_node,
        "order": asdict(order),
    }
    files.write_once(place.notes(launch.attempt) / "intent.json", intent)


def note_job(place: Place, number: int, *, slurm_id: int, first: int) -> None:
    """Note which job of the cluster an attempt is."""
    files.write_once(place.notes(number) / "job.json", {"slurm_id": slurm_id, "first": first})


def note_owner(place: Place, number: int, slurm_id: int) -> None:
    """Note which job does the work of a submission: this one, unless another was there before.

    It is claimed first, for of two jobs with one comment either may be the first to begin.
    """
    owner = place.claim(number, str(slurm_id))
    chosen = int(owner) if owner.isdecimal() else slurm_id
    note_job(place, number, slurm_id=chosen, first=number)


def note_stop(attempt: Attempt, reason: EndReason, *, grace_seconds: int, now: datetime) -> None:
    """Note what is asked of the attempt; the batch script reads the grace when it is signalled.

    A cancelled job stays cancelled.
    """
    before = files.find_json(attempt.notes / "stop.json") or {}
    if before.get("reason") == EndReason.CANCELLED:
        reason = EndReason.CANCELLED
    stop = {"reason": reason.value, "grace_seconds": grace_seconds, "at": now.timestamp()}
    if before.get("grace_seconds") == grace_seconds and before["reason"] == reason:
        return
    files.write_whole(attempt.notes / "stop.json", stop)
    files.write_whole(attempt.notes / "grace", grace_seconds)
    (attempt.notes / "grace").chmod(0o644)


def find_stop(attempt: Attempt) -> dict[str, Any] | None:
    """Return reason, grace and instant of the stop that was asked for."""
    return files.find_json(attempt.notes / "stop.json")


def was_asked(attempt: Attempt) -> bool:
    """Say whether the batch script has asked the command to leave."""
    return bool(_read(attempt, f"{attempt.number}.asked"))


def note_end(attempt: Attempt, seen: Observation) -> None:
    """Note the end, which then never changes."""
    assert seen.started_at is None or seen.ended_at is not None, "what ended has an end"
    assert seen.reason is not None, "what ended has a reason"
    assert seen.sentence is not None, "what ended is described"
    end = {
        "started_at": seen.started_at and seen.started_at.timestamp(),
        "ended_at": seen.ended_at and seen.ended_at.timestamp(),
        "reason": seen.reason.value,
        "exit_code": seen.exit_code,
        "sentence": seen.sentence.to_json(),
        "nodes": seen.nodes,
        "allocated_seconds": seen.allocated_seconds,
        "record_key": seen.record_key,
        "cpu_seconds": seen.cpu_seconds,
        "max_memory_bytes": seen.max_memory_bytes,
    }
    files.write_once(attempt.notes / "ended.json", end)


def find_end(attempt: Attempt) -> Observation | None:
    """Return the end that was noted."""
    end = files.find_json(attempt.notes / "ended.json")
    if end is None:
        return None
    return Observation(
        key=attempt.key,
        state=AttemptState.ENDED,
        started_at=_instant(end["started_at"]),
        ended_at=_instant(end["ended_at"]),
        reason=EndReason(end["reason"]),
        exit_code=end["exit_code"],
        sentence=Sentence.from_json(end["sentence"]),
        nodes=tuple(end["nodes"]),
        allocated_seconds=end["allocated_seconds"],
        record_key=end["record_key"],
        # Ends that older versions noted say nothing of these.
        cpu_seconds=end.get("cpu_seconds", 0.0),
        max_memory_bytes=end.get("max_memory_bytes", 0),
    )


def tell_unreadable(key: str, problem: OSError) -> Observation:
    """Return what is seen of an attempt whose files the machine cannot read: nothing has begun.

    So nothing begins again, nor ends, before they can be read.
    """
    wait = Sentence(
        "Its files on the cluster cannot be read now ({problem}), so nobody can say how far it is. "
        "They are looked for again by themselves.",
        {"problem": problem.strerror or type(problem).__name__},
    )
    return Observation(key=key, state=AttemptState.QUEUED, wait=wait)


def read_traces(attempt: Attempt, *, nodes: int) -> Traces:
    """Return what the batch script and its nodes wrote down, and what we asked for."""
    stop = find_stop(attempt)
    asked = _read(attempt, f"{attempt.number}.asked").split()
    ends = _read_ends(attempt, nodes)
    # The first failure is the cause; the commands of other nodes were ended because of it.
    worst = min((end for end in ends if end[1]), default=None) or (ends[0] if ends else None)
    log = _read(attempt, f"{attempt.first}.slurm.log").strip().splitlines()
    return Traces(
        stop=EndReason(stop["reason"]) if stop else None,
        stop_grace_seconds=stop["grace_seconds"] if stop else 0,
        asked=asked[1] if len(asked) > 1 else "",
        was_killed=bool(_read(attempt, f"{attempt.number}.killed")),
        exit_code=worst[1] if worst else None,
        exit_kind=worst[2] if worst else "",
        exit_node=worst[3] if worst else "",
        last_words="".join(filter(str.isprintable, log[-1]))[:LONGEST_WORDS] if log else "",
    )


def _read_ends(attempt: Attempt, nodes: int) -> list[tuple[int, int, str, str]]:
    """Return instant, exit code, kind and node of each node's command, as far as written."""
    ends = []
    for rank in range(nodes):  # and no more, whatever else its user has put there
        if found := END.fullmatch(_read(attempt, f"{attempt.number}.{rank}.end")):
            at, code, kind, node = found.groups()
            ends.append((int(at), int(code), kind, node))
    return sorted(ends)


def _read(attempt: Attempt, name: str) -> str:
    content = attempt.place.read(attempt.place.runs, name, limit=LAST_WORDS_BYTES)
    return content.decode(errors="replace")


def _instant(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
