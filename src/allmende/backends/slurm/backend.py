"""The Slurm backend: states an attempt once, finds it again by its comment, believes accounting."""

import os
import pwd
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from allmende.backends.jobs.wrapping import wrap_command
from allmende.backends.nodes import logs, outcomes
from allmende.backends.slurm import notes
from allmende.backends.slurm.accounting import PATIENCE, is_final
from allmende.backends.slurm.client import (
    ANSWER_SECONDS,
    ClusterUnreachable,
    CommandRefused,
    SlurmClient,
)
from allmende.backends.slurm.endings import describe_ending
from allmende.backends.slurm.nice import note_nice, tell_nice
from allmende.backends.slurm.notes import Attempt
from allmende.backends.slurm.outputs import Outputs
from allmende.backends.slurm.places import (
    NOBODY,
    REQUEUED,
    Place,
    find_environments,
    find_place,
)
from allmende.backends.slurm.queue import LiveJob, parse_squeue, squeue_options
from allmende.backends.slurm.runs import list_runs
from allmende.backends.slurm.starts import describe_queued
from allmende.backends.slurm.steps import StepUse, name_of, parse_steps, step_options
from allmende.backends.slurm.submission import Tools, render_script, render_secrets, sbatch_options
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sites import RunAs, SlurmCluster
from allmende.domain.basics.usage_records import UsageRecord
from allmende.domain.scheduling.backends import (
    AttemptState,
    EarlierAttemptRuns,
    EndReason,
    Launch,
    Observation,
)

# How long a stopped attempt may linger after its grace before Slurm is asked to end it itself.
LINGER_SECONDS = 30


class ReservationNotThere(Refusal):
    """The cluster does not keep reservation {id} yet: {problem}. It is asked to every minute, and
    the job is submitted as soon as it does."""

    status = 503


class SlurmBackend(Outputs):
    """Runs jobs on one Slurm cluster, each as the person whose it is."""

    def __init__(
        self, client: SlurmClient, cluster: SlurmCluster, clock: Callable[[], datetime]
    ) -> None:
        super().__init__(Path(cluster.work_folder))
        self.client = client
        self.cluster = cluster
        self.clock = clock
        self.tools = Tools(cluster.bin_folder)
        self.answer_seconds = ANSWER_SECONDS
        self.output_limit_bytes = logs.LIMIT_BYTES

    def start(self, launch: Launch) -> None:
        """Start the attempt, or do nothing when its key was started before.

        Where an earlier call had no answer, the cluster is asked for the job first. Neither the
        controller nor accounting to be asked: `ClusterUnreachable`, and nothing is submitted.
        """
        place = find_place(self.work_folder, launch.job_id)
        assert place is not None, "a job's id is made of plain letters, digits, - and _"
        assert launch.key == f"{launch.job_id}.{launch.attempt}", "the key names the attempt"
        attempt = notes.find_attempt(self.work_folder, launch.key)
        if attempt is not None and attempt.slurm_id is not None:
            return
        if attempt is not None and (found := self._look_up(attempt)):
            notes.note_owner(place, launch.attempt, found)
            return
        earlier = self._find_earlier(launch) if launch.attempt > 1 else None
        user_name = self._account_of(launch.user_name)
        place.prepare(launch.attempt, user_name=user_name, code=launch.code)
        if launch.setup:
            place.prepare_environments(launch.account, user_name=user_name)
        notes.note_intent(launch, place, user_name=user_name or _own_name(), now=self.clock())
        if earlier is not None:
            slurm_id, first = earlier
            # Had it begun before this was decided, it left at once, and there is a new one.
            if place.claim(launch.attempt, f"{slurm_id}", kind=REQUEUED) == f"{slurm_id}":
                notes.note_job(place, launch.attempt, slurm_id=slurm_id, first=first)
                return
        notes.note_owner(place, launch.attempt, self._submit(launch, place))
        note_nice(place, launch.attempt, launch.nice)

    def _submit(self, launch: Launch, place: Place) -> int:
        """Return the number of the job that the cluster made of an attempt."""
        wrapped = replace(
            launch,
            command=wrap_command(launch, self.find_environments(launch.account, launch.user_name)),
        )
        if launch.secrets:
            place.put_secrets(launch.attempt, render_secrets(launch))
        try:
            said = self._run(
                "sbatch",
                *sbatch_options(launch, place),
                user_name=launch.user_name,
                stdin=render_script(
                    wrapped, place, tools=self.tools, log_bytes=self.output_limit_bytes
                ),
            )
        except CommandRefused as refusal:
            problem = refusal.facts["problem"]
            if not launch.reservation or "reservation" not in problem:
                raise
            raise ReservationNotThere(id=launch.reservation, problem=problem) from refusal
        return int(said.strip().split(";")[0])

    def find_environments(self, account: str, user_name: str) -> Path:
        """Return the folder of those that a person's jobs of a project use."""
        user_name = self._account_of(user_name)
        return find_environments(self.work_folder, account, user_name=user_name)

    def _account_of(self, user_name: str) -> str:
        """Return whose account a person's jobs run under; "" where it is our own."""
        return user_name if self.cluster.run_as is not RunAs.NOBODY else ""

    def stop(self, key: str, *, reason: EndReason, grace_seconds: int) -> None:
        """Ask the attempt to end: SIGTERM, the grace, SIGKILL. Unknown or ended: do nothing."""
        attempt = notes.find_attempt(self.work_folder, key)
        if attempt is None or notes.find_end(attempt):
            return
        if attempt.slurm_id is None:
            attempt = self._identify(attempt, self._list_live())
            if attempt.slurm_id is None:
                # A submission that had no answer may take effect yet: such a job leaves at once.
                attempt.place.claim(attempt.number, NOBODY)
                attempt.place.forget_secrets(attempt.number)
                return
        notes.note_stop(attempt, reason, grace_seconds=grace_seconds, now=self.clock())
        self._cancel(attempt, "--state=PENDING")
        self._cancel(attempt, "--batch", "--signal=USR2")

    def set_nice(self, wanted: Mapping[str, int]) -> None:
        """Lower the priority of waiting attempts by so much; told before: do nothing."""
        tell_nice(self._run, self.work_folder, wanted)

    def observe(self, keys: Iterable[str]) -> list[Observation]:
        """Report every key asked for, in that order.

        Ended attempts are read from notes; for all others the controller is asked once, and then
        accounting. One whose files cannot be read now is told as queued.
        """
        wanted = list(keys)
        seen: dict[str, Observation] = {}
        unsettled: list[Attempt] = []
        for key in dict.fromkeys(wanted):
            try:
                attempt = notes.find_attempt(self.work_folder, key)
                end = notes.find_end(attempt) if attempt else None
            except OSError as problem:
                seen[key] = notes.tell_unreadable(key, problem)
                continue
            if attempt and not end:
                unsettled.append(attempt)
            seen[key] = end or Observation(key=key, state=AttemptState.UNKNOWN)
        if unsettled:
            seen |= self._ask(unsettled)
        return [seen[key] for key in wanted]

    def _run(self, command: str, *options: str, user_name: str = "", stdin: str = "") -> str:
        seconds = self.answer_seconds
        return self.client.run(
            command, *options, user_name=user_name, stdin=stdin, timeout_seconds=seconds
        )

    def _list_live(self) -> list[LiveJob]:
        return parse_squeue(self._run("squeue", *squeue_options()))

    def _list_runs(self, attempts: Collection[Attempt]) -> list[UsageRecord]:
        """Return every run that accounting has of the jobs of some attempts."""
        numbers = ",".join(sorted({str(attempt.slurm_id) for attempt in attempts}))
        since = _since(min(attempt.intended_at for attempt in attempts))
        return list_runs(partial(self._run, "sacct"), f"--jobs={numbers}", since)

    def _look_up(self, attempt: Attempt) -> int | None:
        """Return the job of an attempt whose submission had no answer; None: there is none."""
        live = self._list_live()
        found = self._identify(attempt, live).slurm_id
        if found is not None:
            return found
        which = (f"--name={attempt.key}", _since(attempt.intended_at))
        runs = list_runs(partial(self._run, "sacct"), *which)
        mine = [run.job_id for run in runs if run.user_name == attempt.user_name]
        return min(mine, default=None)

    def _identify(self, attempt: Attempt, live: Iterable[LiveJob]) -> Attempt:
        """Return the attempt with the number of its job, if that was not known and now is."""
        if attempt.slurm_id is None:
            claimed = attempt.place.find_claim(attempt.number)
            mine = [
                job.job_id
                for job in live
                if job.comment == attempt.comment and job.user_name == attempt.user_name
            ]
            slurm_id = int(claimed) if claimed.isdecimal() else min(mine, default=None)
            if slurm_id is not None:
                notes.note_owner(attempt.place, attempt.number, slurm_id)
                found = notes.find_attempt(self.work_folder, attempt.key)
                assert found is not None, "it was noted before"
                return found
        return attempt

    def _find_earlier(self, launch: Launch) -> tuple[int, int] | None:
        """Return the job that Slurm itself made this attempt of by a requeue, and its first key.

        Raises `EarlierAttemptRuns` while an earlier attempt has not ended.
        """
        place = find_place(self.work_folder, launch.job_id)
        assert place is not None, "its id was checked"
        known: dict[int, Attempt] = {}
        for number in place.list_attempts():
            attempt = notes.find_attempt(self.work_folder, f"{launch.job_id}.{number}")
            if attempt is not None and number < launch.attempt and attempt.slurm_id:
                known[attempt.slurm_id] = attempt
        for job in self._list_live() if known else ():
            attempt = known.get(job.job_id)
            if attempt is None or job.user_name != attempt.user_name:
                continue
            number = attempt.first + job.restarts
            if number == launch.attempt:
                return job.job_id, attempt.first
            if number < launch.attempt and not job.is_over:
                raise EarlierAttemptRuns(number=number)
        if not known or not launch.requeue:
            return None
        for run in self._list_runs(known.values()):  # it may have ended and been forgotten
            attempt = known[run.job_id]
            is_ours = run.user_name == attempt.user_name
            if is_ours and attempt.first + run.restarts == launch.attempt:
                return run.job_id, attempt.first
        return None

    def _cancel(self, attempt: Attempt, *options: str) -> None:
        """Call scancel as the owner. What is over meanwhile cannot be cancelled, and need not."""
        try:
            user_name = attempt.user_name
            self._run("scancel", *options, str(attempt.slurm_id), user_name=user_name)
        except CommandRefused:
            return

    def _ask(self, unsettled: list[Attempt]) -> dict[str, Observation]:
        live = self._list_live()
        known = {(job.job_id, job.comment, job.user_name): job for job in live}
        seen, attempts, gone = dict[str, Observation](), list[Attempt](), list[Attempt]()
        for unsure in unsettled:
            try:
                attempt = self._identify(unsure, live)
                job = known.get((attempt.slurm_id or 0, attempt.comment, attempt.user_name))
                seen[attempt.key] = self._describe_live(attempt, job)
            except OSError as problem:
                seen[unsure.key] = notes.tell_unreadable(unsure.key, problem)
                continue
            attempts.append(attempt)
            gone += [attempt] if attempt.slurm_id and _has_left(attempt, job) else []
        self._cancel_doubles(attempts, live)
        return seen | self._find_ends(gone, seen, known_to_controller={job.job_id for job in live})

    def _describe_live(self, attempt: Attempt, job: LiveJob | None) -> Observation:
        """Return what the controller says. An end is believed only once accounting has it."""
        if attempt.slurm_id is None:
            return Observation(key=attempt.key, state=AttemptState.UNKNOWN)
        if job is None or _has_left(attempt, job):
            has_begun = attempt.place.has_run(f"{attempt.number}.log")
            state = AttemptState.RUNNING if has_begun else AttemptState.QUEUED
            return Observation(key=attempt.key, state=state)
        self._pursue_stop(attempt, job)
        if job.is_waiting:
            wait = describe_queued(job.reason, job.started_at, now=self.clock())
            return Observation(key=attempt.key, state=AttemptState.QUEUED, wait=wait)
        return Observation(
            key=attempt.key,
            state=AttemptState.RUNNING,
            started_at=job.started_at,
            nodes=job.nodes,
        )

    def _pursue_stop(self, attempt: Attempt, job: LiveJob) -> None:
        """Ask again where a stop has had no effect: a signal to a job that just starts is lost."""
        stop = notes.find_stop(attempt)
        if stop is None:
            return
        patience = stop["grace_seconds"] + LINGER_SECONDS
        if job.is_waiting or self.clock().timestamp() > stop["at"] + patience:
            self._cancel(attempt)
        elif not notes.was_asked(attempt):
            self._cancel(attempt, "--batch", "--signal=USR2")

    def _cancel_doubles(self, attempts: Iterable[Attempt], live: Iterable[LiveJob]) -> None:
        """Cancel jobs that bear the comment of another one: late effects of a repeated sbatch."""
        mine = {(attempt.comment, attempt.user_name): attempt for attempt in attempts}
        for job in live:
            attempt = mine.get((job.comment, job.user_name))
            if attempt is None or attempt.slurm_id is None or job.is_over:
                continue
            if job.job_id != attempt.slurm_id:
                self._cancel(replace(attempt, slurm_id=job.job_id))

    def _find_ends(
        self, gone: list[Attempt], seen: Mapping[str, Observation], *, known_to_controller: set[int]
    ) -> dict[str, Observation]:
        """Return the ends that accounting has; without it, nothing has ended, nor got lost."""
        if not gone:
            return {}
        try:
            listed = self._list_runs(gone)
        except ClusterUnreachable:
            return {}
        runs = {(run.job_id, run.restarts, run.user_name): run for run in listed}
        heard = known_to_controller | {run.job_id for run in listed}
        final: list[tuple[Attempt, UsageRecord]] = []
        found: dict[str, Observation] = {}
        for attempt in gone:
            assert attempt.slurm_id is not None, "only jobs with a number are asked for"
            which = (attempt.slurm_id, attempt.number - attempt.first, attempt.user_name)
            run = runs.get(which)
            has_run = seen[attempt.key].state is AttemptState.RUNNING  # it has a log
            if run is not None and is_final(run, has_run=has_run, now=self.clock()):
                final.append((attempt, run))
            elif attempt.slurm_id not in heard and self.clock() - attempt.intended_at > PATIENCE:
                found[attempt.key] = Observation(key=attempt.key, state=AttemptState.UNKNOWN)
        if not final:
            return found
        try:
            used = parse_steps(self._run("sacct", *step_options({run.job_id for _, run in final})))
        except ClusterUnreachable:
            return found
        for attempt, run in final:
            use = used.get(name_of(run), StepUse())
            try:
                found[attempt.key] = self._settle(attempt, run, use)
            except OSError as problem:
                found[attempt.key] = notes.tell_unreadable(attempt.key, problem)
        return found

    def _settle(self, attempt: Attempt, run: UsageRecord, use: StepUse) -> Observation:
        """Return the end of a run, noted for good."""
        place = attempt.place
        if attempt.number == attempt.first:
            place.claim(attempt.first, NOBODY)
        place.forget_secrets(attempt.first)
        since = run.started_at.timestamp() if run.started_at else 0.0
        ending = describe_ending(
            run,
            notes.read_traces(attempt, nodes=len(run.nodes)),
            attempt.order,
            has_finished=lambda: outcomes.has_finished_its_work(
                state=place.read_newest_state(since=since),
                progress=place.read_progress_tail(),
                since=since,
            ),
        )
        seen = Observation(
            key=attempt.key,
            state=AttemptState.ENDED,
            started_at=run.started_at,
            ended_at=run.ended_at,
            reason=ending.reason,
            exit_code=ending.exit_code,
            sentence=ending.sentence,
            nodes=run.nodes,
            allocated_seconds=run.allocated_seconds(counts_gpus=attempt.gpus_per_node > 0),
            record_key=run.key,
            cpu_seconds=use.cpu_seconds,
            max_memory_bytes=use.max_memory_bytes,
        )
        notes.note_end(attempt, seen)
        return notes.find_end(attempt) or seen


def _has_left(attempt: Attempt, job: LiveJob | None) -> bool:
    """Say whether the controller no longer runs an attempt, nor will."""
    return job is None or job.is_over or job.restarts != attempt.number - attempt.first


def _own_name() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


def _since(intended_at: datetime) -> str:
    """Return the option by which sacct, asked in UTC, begins a day before an instant."""
    return f"--starttime={(intended_at - PATIENCE).astimezone(UTC):%Y-%m-%dT%H:%M:%S}"
