"""What the kernel is told and what it answers: values only, decisions that others carry out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.fairness import FairnessState, GroupState
from allmende.domain.scheduling.machine import Closure, Machine, Window
from allmende.domain.scheduling.shares import Path, ShareTree


@dataclass(frozen=True, kw_only=True)
class PendingJob:
    """A job that waits. One that is not eligible waits for something other than nodes."""

    id: str
    path: Path  # group, project, person
    nodes: int
    time_limit_seconds: int
    submitted_at_seconds: int
    eligible: bool = True
    hold_reason: Sentence | None = None  # of a job that is not eligible: budget, residency …
    preemptible: bool = True
    window_id: str = ""  # of a job that runs inside a window only

    def __post_init__(self) -> None:
        assert self.nodes > 0, "a job takes nodes"
        assert self.time_limit_seconds > 0, "a job takes time"


@dataclass(frozen=True, kw_only=True)
class RunningJob:
    """A job on its nodes; it `ends_by` its limit, or by its grace once it was asked to stop."""

    id: str
    path: Path
    node_indices: tuple[int, ...]
    submitted_at_seconds: int
    started_at_seconds: int
    ends_by_seconds: int
    preemptible: bool = False
    is_stopping: bool = False
    grace_seconds: int = 0
    checkpoint_at_seconds: int | None = None  # work before it survives preemption
    window_id: str = ""

    def __post_init__(self) -> None:
        assert self.node_indices, "a running job has nodes"

    @property
    def saved_at_seconds(self) -> int:
        """Return the instant up to which its work survives."""
        return max(self.started_at_seconds, self.checkpoint_at_seconds or 0)


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Everything that a plan depends on, at one instant.

    The machine's capacity is what windows leave to everybody else.
    """

    now_seconds: int
    machine: Machine
    tree: ShareTree
    pending: tuple[PendingJob, ...]
    running: tuple[RunningJob, ...]
    fairness: FairnessState
    windows: tuple[Window, ...] = ()  # that are open now
    closures: tuple[Closure, ...] = ()  # now or to come
    demoted: frozenset[Path] = frozenset()  # projects that go after the others of their group

    def is_demoted(self, path: Path) -> bool:
        """Say whether the jobs at a leaf of the tree go after the others of their group."""
        return any(path[: len(place)] == place for place in self.demoted)


class WaitReason(StrEnum):
    """Why a job does not start now; exactly one per job that waits."""

    HELD = "held"  # budget, residency, dependency: the hold says which
    TOO_WIDE = "too_wide"  # wider than the guarantee of its group covers
    TOO_LONG = "too_long"  # limit above that of the partition
    OUT_OF_SERVICE = "out_of_service"  # more nodes than are in service
    CEILING = "ceiling"  # its group, project or person uses all that it may at once
    HEAD = "head"  # next of its group; its nodes are reserved
    HEAD_UNDATED = "head_undated"  # next of its group; when its nodes come free cannot be said
    NODES_BUSY = "nodes_busy"  # fewer nodes are free than it needs
    RESERVATION = "reservation"  # it would delay a reserved start
    KEPT = "kept"  # the free nodes are kept for a group whose claim is pressing
    CAPACITY = "capacity"  # it would still run when capacity is reduced
    NO_BACKFILL = "no_backfill"  # the policy lets nobody overtake


@dataclass(frozen=True)
class Start:
    """Start a job on these nodes now."""

    job_id: str
    node_indices: tuple[int, ...]


@dataclass(frozen=True)
class Preempt:
    """Ask a borrower to stop at its checkpoint, within its grace."""

    job_id: str
    for_job_id: str


@dataclass(frozen=True, kw_only=True)
class Wait:
    """A job waits, for one reason, in words and in figures."""

    job_id: str
    reason: WaitReason
    sentence: Sentence
    starts_by: int | None = None  # seconds; the reserved start, where there is one
    behind_job_id: str | None = None  # whose reservation; show it to operators only
    figures: Mapping[str, int | str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """Nodes kept for the head of a group from an instant on."""

    job_id: str
    starts_at_seconds: int
    ends_at_seconds: int
    nodes: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The answer to a snapshot: every pending job starts or has its reason."""

    now_seconds: int
    starts: tuple[Start, ...]
    preempts: tuple[Preempt, ...]
    waits: tuple[Wait, ...]
    reservations: tuple[Reservation, ...]
    group_states: tuple[GroupState, ...]  # once the starts are done
    running_nodes: Mapping[Path, int]  # by leaf path, once the starts are done
