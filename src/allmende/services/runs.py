"""Watching a job while it runs: its progress, its metric curves, its log."""

import codecs
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import NotFound, Refusal
from allmende.domain.scheduling.backends import Backend, BackendOf, ProgressFile
from allmende.domain.scheduling.jobs import Job, JobState
from allmende.domain.training.courses import MOST_METRICS, Course, TimeLeft, parse_line, thin
from allmende.services import jobs, projects
from allmende.services.jobs import JobView

LOG_PART_BYTES = 64 * 1024
SEARCHED_BYTES = 64 * 2**20
MOST_FOUND_LINES = 200
LONGEST_FOUND_LINE = 400
# What one look takes in of a progress file; the first may read for about a second, half a day of a
# line each second. Of more, so many parts are taken, evenly spread.
FIRST_LOOK_BYTES = 4 * 2**20
LOOK_BYTES = 2**20
LOOK_PARTS = 64
LATEST_BYTES = 64 * 1024
LAST_LINE_BYTES = 4 * 1024  # of a list, in which the metrics are not shown
MARK_BYTES = 64
MOST_COURSES = 200


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is, as its training code last said."""

    step: int = 0
    total: int = 0
    at: float = 0.0  # unix seconds
    metrics: Mapping[str, float] = field(default_factory=dict)
    seconds_left: int | None = None  # at the pace of this attempt; None while nobody can tell
    time_left: TimeLeft | None = None  # a range; None while too little was seen
    is_thinned: bool = False  # it said more than is read

    @property
    def percent(self) -> int:
        """Return the part done, from 0 to 100."""
        return min(100, 100 * self.step // self.total) if self.total > 0 else 0

    def for_staff(self) -> "Progress":
        """Return what staff may know: not what the job measures."""
        return replace(self, metrics={})


@dataclass(frozen=True, kw_only=True)
class JobRow:
    """A job in a list, and how far it is while it runs."""

    job: Job
    progress: Progress


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One metric over the steps, thinned to a number of points that a page can draw."""

    name: str
    points: tuple[tuple[int, float], ...]


@dataclass(frozen=True, kw_only=True)
class LogPart:
    """A piece of output; ask again from `next_offset`."""

    text: str
    next_offset: int
    is_whole: bool  # nothing more was written yet


@dataclass(frozen=True, kw_only=True)
class FoundLine:
    """A line of output in which the words were found; `offset` is where it begins."""

    offset: int
    text: str


class Bookmark:
    """How far the progress file of a job was read, and by what stood there last which file it is.

    Whoever reads on from it reads what was written since, and nothing twice.
    """

    def __init__(self) -> None:
        self.offset = 0
        self._mark = b""

    def lies_in(self, file: ProgressFile) -> bool:
        """Say whether what was read still lies there."""
        begins, length = self.offset - len(self._mark), len(self._mark)
        return file.size_bytes >= self.offset and self._mark == file.read(
            offset=begins, limit=length
        )

    def read(self, file: ProgressFile, *, limit: int) -> bytes:
        """Return up to `limit` bytes that were not read yet."""
        content = file.read(offset=self.offset, limit=limit)
        self.offset += len(content)
        self._mark = (self._mark + content)[-MARK_BYTES:] if content else self._mark
        return content


class Following:
    """A course and how much of its file was taken, kept between two looks."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.course, self.bookmark = Course(), Bookmark()

    def catch_up(self, backend: Backend, job_id: str) -> None:
        """Take in what was written since the last look: never more than one look takes."""
        (file,) = backend.open_progress([job_id])
        if not self.bookmark.lies_in(file):  # another file lies there now
            self.course, self.bookmark = Course(), Bookmark()
        begin = self.bookmark.offset
        new_bytes, look_bytes = file.size_bytes - begin, LOOK_BYTES if begin else FIRST_LOOK_BYTES
        if new_bytes <= look_bytes:
            self.course.take(self.bookmark.read(file, limit=new_bytes))
            return
        part = look_bytes // LOOK_PARTS
        for number in range(LOOK_PARTS):
            offset = begin + (new_bytes - part) * number // (LOOK_PARTS - 1)
            if offset > self.bookmark.offset:
                self.course.skip(offset - self.bookmark.offset)
                self.bookmark.offset = offset
            self.course.take(self.bookmark.read(file, limit=part))


# What this process has read so far; another one reads for itself. Files decide, not this.
_followed: OrderedDict[str, Following] = OrderedDict()
_lock = threading.Lock()


def get_progress(reader: Person, job_id: str, *, backend_of: BackendOf) -> Progress:
    """Return how far a job is, zero before its first word; its metrics are for its own people."""
    job = jobs.get_job(reader, job_id).job
    progress = read_progress(backend_of(job.partition_id), job_id)
    return progress if is_own(reader, job) else progress.for_staff()


def read_progress(backend: Backend, job_id: str) -> Progress:
    """Return how far a job is, for those who asked for permission already."""
    following = _follow(job_id)
    with following.lock:
        following.catch_up(backend, job_id)
        course = following.course
        last = course.last
        if last is None:
            return Progress()
        return Progress(
            step=last.step,
            total=last.total,
            at=last.at,
            metrics=last.metrics,
            seconds_left=course.seconds_left,
            time_left=course.time_left,
            is_thinned=course.is_part,
        )


def open_progress(found: Sequence[Job], backend_of: BackendOf) -> list[ProgressFile]:
    """Look up the progress of each of the jobs; a place is asked once for all of its jobs."""
    told = {
        place: backend_of(place).open_progress([job.id for job in here])
        for place, here in _by_place(found).items()
    }
    return [next(told[job.partition_id]) for job in found]


def _by_place(found: Iterable[Job]) -> dict[str, list[Job]]:
    by_place: defaultdict[str, list[Job]] = defaultdict(list)
    for job in found:
        by_place[job.partition_id].append(job)
    return by_place


def read_latest(
    found: Sequence[Job], *, backend_of: BackendOf, limit: int = LATEST_BYTES
) -> list[Progress]:
    """Return of each job the step and of each metric the latest value, from the end of its file.

    For many jobs side by side, and for those who asked for permission already.
    """
    return [
        _parse_latest(file.read(offset=max(0, file.size_bytes - limit), limit=limit))
        for file in open_progress(found, backend_of)
    ]


def beside_progress(found: Sequence[Job], *, backend_of: BackendOf) -> list[JobRow]:
    """Return the jobs of a list, which the reader may see, with how far those are that run.

    Where a machine cannot tell, the list does without that machine's.
    """
    running = _by_place(job for job in found if job.state is JobState.RUNNING)
    told: dict[str, Progress] = {}
    for here in running.values():
        with suppress(OSError, Refusal):
            latest = read_latest(here, backend_of=backend_of, limit=LAST_LINE_BYTES)
            told |= {job.id: each.for_staff() for job, each in zip(here, latest, strict=True)}
    return [JobRow(job=job, progress=told.get(job.id, Progress())) for job in found]


def _parse_latest(text: bytes) -> Progress:
    lines = [line for each in text.split(b"\n") if (line := parse_line(each))]
    if not lines:
        return Progress()
    metrics: dict[str, float] = {}
    for name, value in (pair for line in lines for pair in line.metrics.items()):
        if name in metrics or len(metrics) < MOST_METRICS:  # as many as there are curves
            metrics[name] = value
    return Progress(step=lines[-1].step, total=lines[-1].total, at=lines[-1].at, metrics=metrics)


def list_curves(reader: Person, job_id: str, *, backend_of: BackendOf) -> list[Curve]:
    """Return every metric of a job over its steps, to members; a step done again counts once."""
    backend = backend_of(_check_own(reader, job_id).job.partition_id)
    following = _follow(job_id)
    with following.lock:
        following.catch_up(backend, job_id)
        return [
            Curve(name=name, points=thin(points))
            for name, points in sorted(following.course.curves.items())
            if points
        ]


def _follow(job_id: str) -> Following:
    with _lock:
        following = _followed.pop(job_id, None) or Following()
        _followed[job_id] = following
        if len(_followed) > MOST_COURSES:
            _followed.popitem(last=False)
        return following


def read_job_log(
    reader: Person, job_id: str, *, attempt: int = 0, offset: int = 0, backend_of: BackendOf
) -> LogPart:
    """Return a piece of an attempt's output, to members; the newest attempt's if none is named."""
    log = open_log(reader, job_id, attempt=attempt, backend_of=backend_of)
    if log is None:
        return LogPart(text="", next_offset=0, is_whole=True)
    backend, key = log
    content = backend.read_log(key, offset=max(0, offset), limit=LOG_PART_BYTES)
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    text = decoder.decode(content)
    # A character may be cut at the end of a piece: it comes whole with the next one.
    cut_bytes = len(decoder.getstate()[0])
    return LogPart(
        text=text,
        next_offset=max(0, offset) + len(content) - cut_bytes,
        is_whole=len(content) < LOG_PART_BYTES,
    )


def find_log_tail(
    reader: Person, job_id: str, *, attempt: int = 0, most_bytes: int, backend_of: BackendOf
) -> int:
    """Return where to begin to read the last `most_bytes` of an attempt's output."""
    log = open_log(reader, job_id, attempt=attempt, backend_of=backend_of)
    if log is None:
        return 0
    backend, key = log
    begin = max(0, backend.measure_log(key) - most_bytes)
    _, newline, rest = backend.read_log(key, offset=begin, limit=most_bytes).partition(b"\n")
    whole_lines = begin > 0 and newline and rest
    return begin + most_bytes - len(rest) if whole_lines else begin


def stream_log(
    reader: Person, job_id: str, *, attempt: int = 0, backend_of: BackendOf
) -> Iterator[bytes]:
    """Return all of an attempt's output piece by piece; permission is asked for at once."""
    log = open_log(reader, job_id, attempt=attempt, backend_of=backend_of)
    return _stream(*log) if log else iter(())


def search_log(
    reader: Person, job_id: str, words: str, *, backend_of: BackendOf
) -> list[FoundLine]:
    """Return the first lines of the newest output with these words, in whatever case."""
    log, wanted = open_log(reader, job_id, backend_of=backend_of), words.casefold()
    found: list[FoundLine] = []
    if log is None or not wanted:
        return found
    offset, rest = 0, b""
    for content in (*_stream(*log), b"\n"):
        *lines, rest = (rest + content).split(b"\n")
        is_cut = len(rest) > LOG_PART_BYTES  # no line is that long: what there is counts as one
        if is_cut:
            lines, rest = [*lines, rest], b""
        for line in lines:
            text = line.decode("utf-8", "replace")
            if wanted in text.casefold():
                found.append(FoundLine(offset=offset, text=text[:LONGEST_FOUND_LINE]))
                if len(found) == MOST_FOUND_LINES:
                    return found
            offset += len(line) + 1
        offset -= is_cut
        if offset > SEARCHED_BYTES:
            break
    return found


def _stream(backend: Backend, key: str) -> Iterator[bytes]:
    offset, size = 0, backend.measure_log(key)  # one that grows faster than it is read has an end
    while offset < size:
        content = backend.read_log(key, offset=offset, limit=min(LOG_PART_BYTES, size - offset))
        if not content:
            return
        yield content
        offset += len(content)


def open_log(
    reader: Person, job_id: str, *, attempt: int = 0, backend_of: BackendOf
) -> tuple[Backend, str] | None:
    """Return where an attempt's output is read, for members; None before the first attempt."""
    view = _check_own(reader, job_id)
    number = attempt or view.job.attempts
    if number == 0:
        return None
    if not 1 <= number <= view.job.attempts:
        raise NotFound(kind="attempt", id=f"{job_id}.{number}")
    return backend_of(view.job.partition_id), f"{job_id}.{number}"


def is_own(reader: Person, job: Job) -> bool:
    """Say whether a job is the reader's own, by organisation or project."""
    return projects.is_own(reader, organisation_id=job.organisation_id, project_id=job.project_id)


def _check_own(reader: Person, job_id: str) -> JobView:
    """Return the job to its own people: what it writes is theirs, not the staff's."""
    view = jobs.get_job(reader, job_id)
    if not is_own(reader, view.job):
        raise NotFound(kind="log of job", id=job_id)
    return view
