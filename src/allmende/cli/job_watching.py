"""Follow a job in the terminal: its events, its log, and a line with how far it is."""

import json as json_format
import sys
import time
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from allmende import wiring
from allmende.cli.acting import acting_person
from allmende.cli.output import AsJson, say, to_json
from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import NotFound, Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.explain import say_duration
from allmende.domain.scheduling.jobs import LIFECYCLE, Job, JobEvent, JobState
from allmende.domain.training.courses import Point, thin
from allmende.services import jobs, runs
from allmende.wiring.languages import translate

POLL_SECONDS = 1.0
TAIL_BYTES = 16_000
BARS = "▁▂▃▄▅▆▇█"
BARS_MOST = 24
METRICS_SHOWN = 3


class JobGoesOn(Refusal):
    """Job {job} is still {state}. Watch it again with: allmende job watch {job}"""


class JobFailed(Refusal):
    """Job {job} ended as {state}. {sentence}"""


class Watcher:
    """Tells what is new since it last told; as sentences, or as one JSON document a line."""

    def __init__(self, reader: Person, job_id: str, *, json: bool) -> None:
        self.reader = reader
        self.job_id = job_id
        self.json = json
        self.backend_of = wiring.workshop().backend_of
        self._told = 0  # of the events
        self._attempt = 0
        self._offset = 0
        self._progress = runs.Progress()

    def look(self) -> Job:
        """Tell what is new, and return the job as it was before that."""
        job, events = self._read()
        # What it printed comes before the word that it ended, or that it begins again.
        ends_now = LIFECYCLE.is_final(job.state) and self._told > 0
        for attempt in range(self._attempt or job.attempts, job.attempts):
            self._tell_log(attempt)
        tellings = (lambda: self._tell_events(events), lambda: self._tell_output(job))
        for tell in reversed(tellings) if ends_now else tellings:
            tell()
        return job

    def _read(self) -> tuple[Job, list[JobEvent]]:
        """Return the job with what happened to it till then: it may begin or end in between."""
        job = jobs.get_job(self.reader, self.job_id).job
        while True:
            events = jobs.list_job_events(self.reader, self.job_id)
            again = jobs.get_job(self.reader, self.job_id).job
            if (again.state, again.attempts) == (job.state, job.attempts):
                return again, events
            job = again

    def _tell_output(self, job: Job) -> None:
        try:
            self._tell_log(job.attempts)
            curves = runs.list_curves(self.reader, self.job_id, backend_of=self.backend_of)
        except NotFound:  # staff see how far a job is, and not what it writes
            curves = []
        self._tell_progress(curves)

    def _tell_events(self, events: Sequence[JobEvent]) -> None:
        for event in events[self._told :]:
            if self.json:
                _write_line("event", event)
            else:
                clock = f"{event.at.astimezone():%H:%M:%S}"
                say(Sentence("{at}  {what}", {"at": clock, "what": event.sentence}))
        self._told = len(events)

    def _tell_log(self, attempt: int) -> None:
        """Tell what an attempt printed since; of much that is new the end."""
        tail = runs.find_log_tail(
            self.reader,
            self.job_id,
            attempt=attempt,
            most_bytes=TAIL_BYTES,
            backend_of=self.backend_of,
        )
        is_new = self._attempt != attempt
        begin = tail if is_new else max(tail, self._offset)
        part = runs.read_job_log(
            self.reader,
            self.job_id,
            attempt=attempt,
            offset=begin,
            backend_of=self.backend_of,
        )
        skipped_bytes = 0 if is_new else begin - self._offset
        self._attempt, self._offset = attempt, part.next_offset
        if self.json and part.text:
            log = {"attempt": attempt, "skipped_bytes": skipped_bytes, "text": part.text}
            _write_line("log", log)
        elif part.text:
            if skipped_bytes:
                say(Sentence("[{bytes} bytes are left out here.]", {"bytes": skipped_bytes}))
            typer.echo(part.text, nl=not part.text.endswith("\n"))

    def _tell_progress(self, curves: Sequence[runs.Curve]) -> None:
        progress = runs.get_progress(self.reader, self.job_id, backend_of=self.backend_of)
        if progress == self._progress:
            return
        self._progress = progress
        if self.json:
            _write_line("progress", progress)
            return
        drawn = [
            f"{each.name} {draw_bars(each.points)} {each.points[-1][1]:.4g}"
            for each in curves[:METRICS_SHOWN]
        ]
        say("  ".join([translate(say_progress(progress)), *drawn]), style="bold")


def say_progress(progress: runs.Progress) -> Sentence:
    """Return how far a job is, and how long it still takes as far as anybody can tell."""
    facts: dict[str, Any] = {"step": progress.step, "total": progress.total}
    if progress.total == 0:
        return Sentence("Step {step}.", facts)
    facts["percent"] = progress.percent
    if progress.time_left is None or progress.step >= progress.total:
        return Sentence("Step {step} of {total}, {percent} %.", facts)
    facts |= {
        "least": say_duration(progress.time_left.least_seconds),
        "most": say_duration(progress.time_left.most_seconds),
    }
    return Sentence("Step {step} of {total}, {percent} %, {least} to {most} left.", facts)


def draw_bars(points: Sequence[Point]) -> str:
    """Return a small curve made of letters."""
    values = [value for _, value in thin(points, BARS_MOST)]
    low, high = min(values), max(values)
    scale = (len(BARS) - 1) / ((high - low) or 1)
    return "".join(BARS[round((value - low) * scale)] for value in values)


def watch_job(
    job_id: str,
    seconds: Annotated[float, typer.Option(help="Give up after this time; 0: never.")] = 0,
    json: AsJson = False,
) -> None:
    """Follow a job until it ends: events, log, progress; exit code 1 when it did not complete.

    With --json each line is one document: an event, a piece of log, progress, at last the job.
    """
    watcher, begun_at = Watcher(acting_person(), job_id, json=json), time.monotonic()
    while True:
        job = watcher.look()
        if LIFECYCLE.is_final(job.state) or 0 < seconds <= time.monotonic() - begun_at:
            break
        time.sleep(POLL_SECONDS)
    if json:
        _write_line("job", job)
    if not LIFECYCLE.is_final(job.state):
        raise JobGoesOn(job=job.id, state=job.state.value)
    if job.state is not JobState.COMPLETED:
        raise JobFailed(job=job.id, state=job.state.value, sentence=job.end or "")


def _write_line(kind: str, value: Any) -> None:
    sys.stdout.write(json_format.dumps({kind: to_json(value)}, ensure_ascii=False) + "\n")
    sys.stdout.flush()
