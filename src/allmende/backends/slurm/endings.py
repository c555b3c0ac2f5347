"""How an attempt ended: Slurm's accounting first, then what the batch script wrote down.

What the script writes lies in the user's folder, so it never earns its user anything: a failure of
the node, memory and preemption are Slurm's word, and a stop counts if we asked for it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from allmende.backends.jobs import sentences
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.usage_records import UsageRecord
from allmende.domain.scheduling.backends import EndReason

MEBIBYTE = 2**20
# What the signals that ask the batch script to end it make of a job that has not yet begun.
ASKED_TOO_EARLY = frozenset({128 + 10, 128 + 12, 128 + 15})

CANCELLED_IN_SLURM = Sentence("The job was cancelled in Slurm itself, by its owner or an operator.")
NEVER_STARTED = Sentence("The job was cancelled before it started.")
NOT_STARTED = Sentence(
    "Slurm started the job, but not its command: {problem}. Submit it again; if that ends the same "
    "way, tell the operator of the cluster."
)
OUT_OF_MEMORY = Sentence(
    "A node has {mebibytes} MiB of memory for this job, and it asked for more. "
    "Ask for more memory, or work on smaller pieces."
)
NODE_FAILED = Sentence("Slurm lost a node on which the job ran. The job is not at fault.")


@dataclass(frozen=True, kw_only=True)
class Order:
    """What was asked of an attempt, as far as its end is measured by it."""

    time_limit_seconds: int
    grace_seconds: int
    memory_bytes_per_node: int
    command: str  # the program, without its arguments
    workdir: str


@dataclass(frozen=True, kw_only=True)
class Traces:
    """What is known of the end besides Slurm's record."""

    stop: EndReason | None = None  # what we asked for
    stop_grace_seconds: int = 0
    asked: str = ""  # why the script asked the command to leave: timeout, requested, preempted
    was_killed: bool = False
    exit_code: int | None = None  # of the first node that failed, else of all
    exit_kind: str = ""  # exit_code, no_command or no_workdir
    exit_node: str = ""
    last_words: str = ""  # of Slurm itself


@dataclass(frozen=True, kw_only=True)
class Ending:
    """Why an attempt ended."""

    reason: EndReason
    sentence: Sentence
    exit_code: int | None = None


def describe_ending(
    record: UsageRecord, traces: Traces, order: Order, *, has_finished: Callable[[], bool]
) -> Ending:
    """Return why a run ended, in the words of all backends.

    `has_finished` says whether a job that ended with exit code 0 after it had been asked to leave
    had done all of its work.
    """
    match record.state:
        case "NODE_FAIL" | "BOOT_FAIL" | "LAUNCH_FAILED" | "RECONFIG_FAIL":
            return Ending(reason=EndReason.NODE_FAIL, sentence=NODE_FAILED)
        case "OUT_OF_MEMORY":
            mebibytes = order.memory_bytes_per_node // MEBIBYTE
            sentence = Sentence(OUT_OF_MEMORY.template, {"mebibytes": mebibytes})
            return Ending(reason=EndReason.OUT_OF_MEMORY, sentence=sentence)
        case "TIMEOUT" | "DEADLINE":
            return _end(EndReason.TIMEOUT, traces, order)
        case "PREEMPTED" | "REQUEUED":
            return _end(EndReason.PREEMPTED, traces, order)
        case "CANCELLED" | "REVOKED":
            return _describe_cancelled(record, traces, order)
    reason = _find_request(record, traces)
    code = record.exit_code if traces.exit_code is None else traces.exit_code
    if reason and (code or not has_finished()):
        return _end(reason, traces, order)
    if code:
        return _describe_failure(code, traces, order)
    return Ending(
        reason=EndReason.COMPLETED, sentence=sentences.describe_end("completed", {}), exit_code=0
    )


def _find_request(record: UsageRecord, traces: Traces) -> EndReason | None:
    """Return what interrupted a command that left by itself; None where nothing did.

    The script notes a request only while the command runs: what had ended before, ended by itself.
    """
    if traces.asked == "timeout":
        return EndReason.TIMEOUT
    if traces.asked == "preempted":
        return EndReason.PREEMPTED
    if traces.asked or record.exit_code in ASKED_TOO_EARLY:
        return traces.stop
    return None


def _describe_cancelled(record: UsageRecord, traces: Traces, order: Order) -> Ending:
    if record.started_at is None:
        reason = traces.stop or EndReason.CANCELLED
        return Ending(reason=reason, sentence=NEVER_STARTED)
    if traces.stop:
        return _end(traces.stop, traces, order)
    return Ending(reason=EndReason.CANCELLED, sentence=CANCELLED_IN_SLURM)


def _end(reason: EndReason, traces: Traces, order: Order) -> Ending:
    code = f"{reason}_killed" if traces.was_killed else f"{reason}"
    facts: dict[str, Any] = {
        "limit_seconds": order.time_limit_seconds,
        "grace_seconds": traces.stop_grace_seconds if traces.stop else order.grace_seconds,
    }
    return Ending(
        reason=reason, sentence=sentences.describe_end(code, facts), exit_code=traces.exit_code
    )


def _describe_failure(code: int, traces: Traces, order: Order) -> Ending:
    facts: dict[str, Any] = {"exit_code": code, "node": traces.exit_node}
    facts |= {"command": order.command, "workdir": order.workdir}
    if not traces.exit_kind:
        problem = traces.last_words or f"exit code {code}"
        sentence = Sentence(NOT_STARTED.template, {"problem": problem})
    else:
        facts["problem"] = "it is not there"
        sentence = sentences.describe_end(traces.exit_kind, facts)
    return Ending(reason=EndReason.FAILED, sentence=sentence, exit_code=code)
