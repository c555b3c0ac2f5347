"""The clerk writes down why jobs wait, with their figures, once a board has been decided on."""

from collections.abc import Mapping, Sequence

from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling import boards
from allmende.domain.scheduling.boards import NEVER, Board
from allmende.domain.scheduling.demands import Gate
from allmende.domain.scheduling.explain import name_of, say_wait
from allmende.domain.scheduling.plans import PendingJob, Wait, WaitReason
from allmende.domain.scheduling.windows import reduction_figures, waits_for_capacity

Figures = Mapping[str, int | str]

REASONS = {
    boards.HEAD: WaitReason.HEAD,
    boards.HEAD_UNDATED: WaitReason.HEAD_UNDATED,
    boards.CEILING: WaitReason.CEILING,
    boards.NODES_BUSY: WaitReason.NODES_BUSY,
    boards.RESERVED_BEHIND: WaitReason.RESERVATION,
    boards.KEPT: WaitReason.KEPT,
    boards.CAPACITY: WaitReason.CAPACITY,
    boards.OFF: WaitReason.NO_BACKFILL,
}


class Clerk:
    """Gives every job that waits its one reason.

    Most of a long queue waits for the same: such jobs share one sentence and its figures.
    """

    def __init__(self, gate: Gate, jobs: Sequence[PendingJob], board: Board) -> None:
        """`gate` counts what has just been started; `jobs` are those on the board."""
        self.gate, self.jobs, self.board = gate, jobs, board
        rows = board.jobs
        columns = (rows.verdicts.tolist(), rows.starts_at.tolist(), rows.behind.tolist())
        ids = (job.id for job in jobs)
        self._verdicts = dict(zip(ids, zip(*columns, strict=True), strict=False))
        self._said: dict[object, tuple[Sentence, Figures]] = {}

    def say(self, job: PendingJob, bar: WaitReason | None) -> Wait:
        """Return why a job waits; `bar` is what keeps it from being eligible."""
        if bar is not None:
            sentence, figures = self._say(job, bar)
            if bar is WaitReason.HELD:
                sentence = job.hold_reason or sentence
            return Wait(job_id=job.id, reason=bar, sentence=sentence, figures=figures)
        verdict, starts_at, behind = self._verdicts[job.id]
        reason = REASONS[verdict]
        sentence, figures = self._say(job, reason, starts_at, behind)
        return Wait(
            job_id=job.id,
            reason=reason,
            sentence=sentence,
            starts_by=None if starts_at == NEVER else starts_at,
            behind_job_id=None if behind == NEVER else self.jobs[behind].id,
            figures=figures,
        )

    def _say(
        self, job: PendingJob, reason: WaitReason, starts_at: int = NEVER, behind: int = NEVER
    ) -> tuple[Sentence, Figures]:
        ahead = None if behind == NEVER else self._group_of(self.jobs[behind])
        # Only a ceiling is a matter of the job's own place below its group.
        place = job.path if reason is WaitReason.CEILING else self._group_of(job)
        kind = (reason, place, job.nodes, job.time_limit_seconds, job.preemptible, starts_at, ahead)
        if kind not in self._said:
            figures = self._figures(job, reason)
            if starts_at != NEVER:
                figures["time_seconds"] = starts_at - self.gate.snapshot.now_seconds
            if ahead is not None:
                figures["ahead"] = name_of(ahead)
            self._said[kind] = (say_wait(reason, figures), figures)
        return self._said[kind]

    def _figures(self, job: PendingJob, reason: WaitReason) -> dict[str, int | str]:
        """Return what the sentence of a reason rests on."""
        gate = self.gate
        group = gate.snapshot.tree.get_group(job.path)
        figures: dict[str, int | str] = {
            "nodes": job.nodes,
            "free": max(0, int(self.board.settings[boards.FREE])),
            "capacity": gate.capacity,
            "group": name_of(group.path),
            "time_limit_seconds": job.time_limit_seconds,
        }
        is_head = reason is WaitReason.HEAD
        if reason is WaitReason.CAPACITY or (is_head and waits_for_capacity(gate.snapshot, job)):
            figures |= reduction_figures(gate.snapshot, job)
        if reason is WaitReason.TOO_WIDE:
            figures["widest"] = group.widest_job_nodes
        if reason is WaitReason.TOO_LONG:
            figures["limit_seconds"] = gate.longest_seconds[job.preemptible]
        if reason is WaitReason.CEILING:
            share = gate.find_ceiling(job)
            figures["share"] = name_of(share.path)
            figures["used"] = gate.running.get(share.path, 0)
            figures["ceiling"] = share.ceiling_nodes(gate.capacity)
        return figures

    def _group_of(self, job: PendingJob) -> tuple[str, ...]:
        return self.gate.snapshot.tree.group_of(job.path)
