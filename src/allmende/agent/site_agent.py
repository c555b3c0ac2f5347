"""The agent's work: bring the machine to what was ordered, see what became of it, and tell."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from allmende.agent.codes import Codes
from allmende.agent.errands import Errands
from allmende.agent.shipments import PIECE_BYTES, Shipments, write_piece
from allmende.agent.spools import Spool, Watched
from allmende.agent.usage import UsageSource
from allmende.domain.basics.mistakes import MACHINE_TROUBLE, MISTAKES
from allmende.domain.basics.refusals import NotFound, Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.backends import (
    AttemptState,
    BackendOf,
    EndReason,
    Launch,
    Observation,
)
from allmende.domain.scheduling.exchanges import (
    FileFacts,
    FileKind,
    FileName,
    file_name_from_json,
    localise,
    observation_to_json,
    order_from_json,
)
from allmende.domain.trust.agents import PROTOCOLS
from allmende.domain.trust.envelopes import EnvelopeStaysClosed

REPORT_BYTES = 2**20  # of files in one call, before they are written as text
# With files of an ended attempt that the machine cannot read: between two tries, and in all.
PAUSE, PATIENCE = timedelta(minutes=1), timedelta(days=1)
LEAST_BYTES = 1024  # that a piece takes besides its content
MOST_MESSAGES = 100
MOST_MESSAGE_BYTES = 512 * 1024
MOST_LEVELS = 1000

log = structlog.get_logger("allmende.agent")

# Returns a launch with its secrets, which lie sealed in the spool until then.
Unseal = Callable[[Launch], Launch]
# What the marks in a launch of the centre stand for here; see `exchanges.localise`.
Places = Callable[[Launch], Mapping[str, str]]


class SiteAgent:
    """Knows its orders from its spool, so it goes on without the centre for as long as need be."""

    def __init__(
        self,
        spool: Spool,
        *,
        backend_of: BackendOf,
        places: Places,
        unseal: Unseal,
        now: Callable[[], datetime],
        software: str,
        codes: Codes,
        usage: UsageSource | None = None,
        errands: Errands | None = None,
    ) -> None:
        self.spool = spool
        self.backend_of = backend_of
        self.places = places
        self.unseal = unseal
        self.now = now
        self.software = software
        self.codes = codes
        self.usage = usage
        self.errands = errands or Errands(None)
        self.trouble = ""
        self._met: set[str] = set()  # troubles since the machine was last tended
        self._met_before: set[str] = set()
        # Of ended attempts whose files could not be read: why, and before when nobody tries again.
        self._unread: dict[str, tuple[OSError, datetime]] = {}
        self._shipments: dict[str, Shipments] = {}
        self._levels: dict[str, Any] = {}  # what attempts are like now
        self._told: dict[str, Any] = {}  # what the centre knows that they are like
        self._have: dict[FileName, int] = {}  # how much of each file the centre has
        self._wanted: list[FileName] = []  # of attempts that have ended
        self.is_watching = False  # something runs, and people may look at what it writes
        self.is_busy = False  # there is more to tell than went into the last call

    # ---- beside the machine

    def tend(self) -> None:
        """Bring every attempt to what was ordered, and note what became of it.

        A trouble leaves everything as it is, for the next time. Errands go first: somebody waits.
        """
        self.trouble = ""
        self._met_before, self._met = self._met, set()
        self.errands.run()
        watched = self.spool.list_watched()
        self._forget({each.order.key for each in watched})
        self.codes.forget_others(watched)
        by_partition: dict[str, list[Watched]] = {}
        for each in watched:
            if not each.has_ended:
                by_partition.setdefault(each.order.partition_id, []).append(each)
        for partition_id, attempts in by_partition.items():
            try:
                backend = self.backend_of(partition_id)
                seen = backend.observe([each.order.key for each in attempts])
            except (Refusal, *MISTAKES) as error:  # the other partitions are tended all the same
                self._note_trouble(error)
                continue
            for each, found in zip(attempts, seen, strict=True):
                self._tend(each, found)
        if self.usage is not None:
            try:
                self.usage.collect(self.spool)
            except (Refusal, OSError) as error:
                self._note_trouble(error)

    def _tend(self, watched: Watched, seen: Observation) -> None:
        try:
            if seen.state is AttemptState.UNKNOWN:
                seen = self._begin(watched)
            if seen.started_at is not None and watched.started_at is None:
                self.spool.note_start(seen.key, seen.started_at)
            if seen.state is AttemptState.ENDED:
                self._note_end(watched, seen)
                return
            if watched.order.stop_reason is not None:
                self.backend_of(watched.order.partition_id).stop(
                    seen.key,
                    reason=watched.order.stop_reason,
                    grace_seconds=watched.order.stop_grace_seconds,
                )
        except Refusal as refusal:
            self._note_trouble(refusal)
            seen = _queued(seen, refusal.sentence)
        except MISTAKES as error:  # whatever a job made of its files, it stops no other
            self._note_trouble(error)
            if seen.state is not AttemptState.ENDED or seen.started_at is None:
                return
            # Its end is told with its files, once they can be read: so far, it has begun.
            unended = {"ended_at": None, "reason": None, "exit_code": None, "sentence": None}
            seen = replace(seen, state=AttemptState.RUNNING, **unended)
        self._levels[seen.key] = observation_to_json(seen)

    def _begin(self, watched: Watched) -> Observation:
        """Return what becomes of an attempt of which the machine knows nothing."""
        order = watched.order
        unstarted = Observation(key=order.key, state=AttemptState.ENDED, ended_at=self.now())
        if watched.started_at is not None:
            return self._end_untraceable(watched, watched.started_at)
        if order.stop_reason is not None:
            called_off = Sentence("It was called off before it began.")
            return replace(unstarted, reason=order.stop_reason, sentence=called_off)
        try:
            backend = self.backend_of(order.partition_id)
            places = {**self.places(order.launch), **self.codes.places(order.launch)}
            backend.start(self.unseal(localise(order.launch, places)))
        except EnvelopeStaysClosed as refusal:  # not the job's fault: it goes back to the queue
            return replace(unstarted, reason=EndReason.NODE_FAIL, sentence=refusal.sentence)
        except Refusal as refusal:
            if refusal.status >= MACHINE_TROUBLE:
                raise
            # It can never start, and nothing of it has run.
            return replace(unstarted, reason=EndReason.FAILED, sentence=refusal.sentence)
        (seen,) = backend.observe([order.key])
        return _queued(seen, None) if seen.state is AttemptState.UNKNOWN else seen

    def _end_untraceable(self, watched: Watched, started_at: datetime) -> Observation:
        """Return the end of an attempt that did run, and of which nothing is found now."""
        launch = watched.order.launch
        longest = timedelta(seconds=launch.time_limit_seconds + launch.grace_seconds)
        return Observation(
            key=launch.key,
            state=AttemptState.ENDED,
            started_at=started_at,
            ended_at=max(started_at, min(self.now(), started_at + longest)),
            reason=EndReason.FAILED,
            sentence=Sentence(
                "Its runner's files are gone or were changed while it ran, so nobody can say how "
                "it ended. What lies beside the job's own folder is not for the job to touch."
            ),
        )

    def _note_end(self, watched: Watched, seen: Observation) -> None:
        files = self._describe_files(watched, seen)
        body = {"observation": observation_to_json(seen), "files": [asdict(each) for each in files]}
        self.spool.note_end(seen.key, body)
        self._levels.pop(seen.key, None)

    def _describe_files(self, watched: Watched, seen: Observation) -> list[FileFacts]:
        """Return what is to come of an attempt that has ended; raises what is in the way of that.

        After a day it has ended without its files, whatever a disk has lost.
        """
        trouble, not_before = self._unread.get(seen.key, (None, self.now()))
        if trouble is not None and self.now() < not_before:
            raise trouble.with_traceback(None)
        shipments = self._shipments_of(watched.order.partition_id)
        try:
            return shipments.describe(seen.key, watched.order.launch.job_id)
        except OSError as error:
            if seen.ended_at is not None and self.now() - seen.ended_at > PATIENCE:
                return []
            self._unread[seen.key] = (error, self.now() + PAUSE)
            raise
        finally:
            shipments.let_go()

    # ---- towards the centre

    def write_report(self) -> dict[str, Any]:
        """Return what the next call tells."""
        changed = [level for key, level in self._levels.items() if self._told.get(key) != level][
            :MOST_LEVELS
        ]
        messages = self.spool.list_messages(most=MOST_MESSAGES, most_bytes=MOST_MESSAGE_BYTES)
        answers = self.errands.list_answers(most_bytes=REPORT_BYTES)
        left_bytes = REPORT_BYTES - sum(len(each["answer"]) for each in answers)
        return {
            "protocols": PROTOCOLS,
            "software": self.software,
            "revision": self.spool.revision,
            "spool_depth": self.spool.depth,
            "trouble": self.trouble,
            "observations": changed,
            "messages": [asdict(message) for message in messages],
            "answers": answers,
            "pieces": self._write_pieces(left_bytes),
            "code": self.codes.ask(self.spool.list_watched()),
        }

    def take_answer(self, report: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        """Let an answer take effect; what it acknowledges is forgotten, what it orders is kept."""
        orders = [order_from_json(order) for order in answer["orders"]]
        if answer["revision"] < report["revision"]:
            # The centre was restored from a copy: it may know less than it was told.
            self._told.clear()
            self.spool.reopen()
        self.spool.take_orders(orders, revision=answer["revision"])
        self.spool.forget_messages(answer["received"])
        for level in report["observations"]:
            self._told[level["key"]] = level
        for each in answer["offsets"]:
            self._note_offset(each)
        self._wanted = []
        for each in answer["wanted"]:
            self._note_offset(each)
            self._wanted.append(file_name_from_json(each["file"]))
        self.errands.take(answer.get("errands", ()))  # none from a centre of protocol 1
        try:
            self.codes.take(report["code"], answer.get("code"))  # nor this from one of protocol 2
        except OSError as error:
            self._note_trouble(error)
        self.is_busy = bool(
            orders or self._wanted or self.spool.depth or self.errands.is_busy or self.codes.is_busy
        )

    def _note_offset(self, said: Mapping[str, Any]) -> None:
        file, have_bytes = file_name_from_json(said["file"]), said["have_bytes"]
        if have_bytes is None:
            self._have.pop(file, None)
        else:
            self._have[file] = have_bytes

    def _write_pieces(self, left_bytes: int) -> list[Any]:
        """Return pieces of files: of what runs, and then of what has ended.

        Of what runs each file gets its fair part, and who wants less than that leaves the rest to
        others: so a job that says little is heard at once beside those that say too much.
        """
        pieces = []
        watched = self.spool.list_watched()
        growing, wanted = self._list_growing(watched), self._list_wanted(watched)
        self.is_watching = bool(growing)
        room = left_bytes // 2 if wanted else left_bytes
        for number, (file, partition_id) in enumerate(growing):
            part = room // (len(growing) - number) - LEAST_BYTES
            part = min(PIECE_BYTES, max(LEAST_BYTES, part))
            piece, size_bytes = self._write_piece(file, partition_id, limit=part, wanted=False)
            room, left_bytes = room - size_bytes, left_bytes - size_bytes
            pieces += piece
            if room <= 0:
                break
        for file, partition_id in wanted:
            if left_bytes <= 0:
                break
            limit = min(REPORT_BYTES, left_bytes)
            piece, size_bytes = self._write_piece(file, partition_id, limit=limit, wanted=True)
            left_bytes -= size_bytes
            pieces += piece
        return pieces

    def _write_piece(
        self, file: FileName, partition_id: str, *, limit: int, wanted: bool
    ) -> tuple[list[Any], int]:
        """Return the next piece of a file, if there is one, and what it takes of a report."""
        have_bytes = self._have.get(file)
        if have_bytes is None:
            return [write_piece(file, offset=0, content=b"")], LEAST_BYTES
        content, is_gone = self._read(
            file, partition_id, offset=have_bytes, limit=limit, wanted=wanted
        )
        if not content and not is_gone:
            return [], 0
        piece = write_piece(file, offset=have_bytes, content=content, is_gone=is_gone)
        return [piece], len(content) + LEAST_BYTES

    def _list_wanted(self, watched: Iterable[Watched]) -> list[tuple[FileName, str]]:
        """Return the files of ended attempts that the centre waits for, and where each is."""
        partitions: dict[str, str] = {}
        for each in watched:
            order = each.order
            partitions[order.key] = partitions[order.launch.job_id] = order.partition_id
        return [(file, partitions[file.owner]) for file in self._wanted if file.owner in partitions]

    def _list_growing(self, watched: Iterable[Watched]) -> list[tuple[FileName, str]]:
        """Return the files of attempts that run, those first of which least is to be sent."""
        found = []
        for each in watched:
            if each.has_ended or each.started_at is None:
                continue
            order = each.order
            for file in (
                FileName(kind=FileKind.PROGRESS, owner=order.launch.job_id),
                FileName(kind=FileKind.LOG, owner=order.key),
            ):
                rest = self._measure_rest(file, order.partition_id)
                if rest > 0 or file not in self._have:
                    found.append((rest, file, order))
        found.sort(key=lambda each: each[0])
        return [(file, order.partition_id) for _, file, order in found]

    def _measure_rest(self, file: FileName, partition_id: str) -> int:
        """Return how much of a file is still to be sent; of progress, which is short, 1."""
        if file.kind is FileKind.PROGRESS:
            return 1
        try:
            size_bytes = self._shipments_of(partition_id).measure_log(file.owner)
        except (Refusal, OSError) as error:
            self._note_trouble(error)
            return 0
        return size_bytes - self._have.get(file, 0)

    def _read(
        self, file: FileName, partition_id: str, *, offset: int, limit: int, wanted: bool
    ) -> tuple[bytes, bool]:
        """Return a piece of a file, and whether a file that is wanted can be sent no more."""
        try:
            shipments = self._shipments_of(partition_id)
            content = shipments.read(file, offset=offset, limit=limit, has_ended=wanted)
        except NotFound:
            return b"", wanted
        except (Refusal, OSError) as error:
            self._note_trouble(error)
            is_lasting = isinstance(error, Refusal) and error.status < MACHINE_TROUBLE
            return b"", wanted and is_lasting
        return content, wanted and not content

    def _shipments_of(self, partition_id: str) -> Shipments:
        if partition_id not in self._shipments:
            self._shipments[partition_id] = Shipments(self.backend_of(partition_id))
        return self._shipments[partition_id]

    def _forget(self, keys: set[str]) -> None:
        """Forget what is known of attempts that the centre has all of."""
        for known in (self._levels, self._told, self._unread):
            for key in known.keys() - keys:
                del known[key]
        owners = keys | {key.rpartition(".")[0] for key in keys}
        for file in [file for file in self._have if file.owner not in owners]:
            del self._have[file]

    def _note_trouble(self, error: Exception) -> None:
        words = str(error) or type(error).__name__
        if words not in self._met | self._met_before:  # else it goes on, maybe for days
            log.warning("trouble", sentence=words)
        self._met.add(words)
        self.trouble = words


def _queued(seen: Observation, why: Sentence | None) -> Observation:
    """Return an attempt that has not begun as one that waits; one that runs is left as it is."""
    if seen.state is AttemptState.RUNNING:
        return seen
    return Observation(key=seen.key, state=AttemptState.QUEUED, wait=why)
