"""Two real daemons: the leader is stopped, woken up and killed while people submit jobs.

Run as a program, in a database of its own: `python -m tests.services.standby_trials lead 1`. It
prints what it saw as JSON.
"""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from allmende import wiring

wiring.start()

from django.core.management import call_command  # noqa: E402 - Django must have started
from django.db import DatabaseError, OperationalError, connection, transaction  # noqa: E402

from allmende.domain.basics.people import DAEMON  # noqa: E402
from allmende.domain.scheduling.jobs import Job  # noqa: E402
from allmende.domain.training.job_files import parse_job_file  # noqa: E402
from allmende.services import audit, jobs, leases, ledger  # noqa: E402
from allmende.storage import database  # noqa: E402
from allmende.storage.cycles import LeaseRow  # noqa: E402
from allmende.wiring import home, troubles  # noqa: E402
from tests.services.running import Running, a_running_factory  # noqa: E402

LONGEST_SECONDS = 120.0
IN_TIME_SECONDS = 10.0
TRIES = 3
MOST_WAITING = 12


def lead(rounds: int) -> dict:
    """Take the lead away from two daemons in turn; return how long nobody led, and what ran.

    A machine that does something else meanwhile may make any daemon late, so it gets further tries.
    """
    call_command("migrate", verbosity=0)
    with a_running_factory(home.home()) as factory:
        connection.close()
        people = Submitter(factory)
        daemons = [begin_daemon() for _ in range(2)]
        gaps = []
        try:
            first, second = find_leader(daemons)
            gaps.append(change_leaders(people, first, second, rounds=rounds))
            while max(gaps[-1].values()) >= IN_TIME_SECONDS and len(gaps) < TRIES:
                daemons.append(begin_daemon())
                hand_over(people, first, daemons[-1])
                first.send_signal(signal.SIGCONT)
                gaps.append(change_leaders(people, daemons[-1], first, rounds=rounds))
                first = daemons[-1]
            people.wait_until_all_ended()
        finally:
            for daemon in daemons:
                daemon.kill()
                daemon.wait()
        return {"gaps": gaps, **people.books()}


Process = subprocess.Popen[bytes]


def change_leaders(
    people: "Submitter", first: Process, second: Process, *, rounds: int
) -> dict[str, float]:
    """Stop the daemon that leads, then kill its successor: the first one leads again."""
    people.submit_for(1.0 * rounds)
    gaps = {"stopped": hand_over(people, first, second)}
    started = people.submit_one()
    people.submit_until(lambda: people.has_begun(started))
    first.send_signal(signal.SIGCONT)
    people.submit_for(2.0 * rounds)  # it wakes up in the middle of what it did
    second.kill()
    return gaps | {"killed": people.submit_until(lambda: holder_pid() == first.pid)}


def hand_over(people: "Submitter", leader: Process, standby: Process) -> float:
    """Stop the daemon that leads; return after how many seconds the other one does."""
    pause(leader)
    return people.submit_until(lambda: holder_pid() == standby.pid)


def stall(seconds: int) -> dict:
    """Fall silent in the middle of a plan; say what a daemon makes of it, and who leads then."""
    call_command("migrate", verbosity=0)
    assert leases.take_lead(wiring.deed_of(DAEMON), holder="sleeper")
    try:
        with transaction.atomic():
            leases.keep_lead("sleeper")
            database.give_up_when_stalled(seconds)
            time.sleep(2 * seconds)
            leases.keep_lead("sleeper")
    except DatabaseError as error:
        trouble = troubles.explain(error)
    connection.close()
    later = replace(wiring.deed_of(DAEMON), now=wiring.now() + timedelta(seconds=60))
    return {"trouble": type(trouble).__name__, "leads": leases.take_lead(later, holder="standby")}


class Submitter:
    """People who submit small jobs all the time, each of which writes down that it ran."""

    def __init__(self, factory: Running) -> None:
        self.factory = factory
        self.ran = home.home() / "ran"
        self.submitted: list[str] = []

    def submit_one(self) -> str:
        owner = ("founder", "startup", "researcher")[len(self.submitted) % 3]
        file = {
            "name": "trial",
            "max_duration": "60s",
            "run": f"echo $ALLMENDE_JOB_ID.$ALLMENDE_ATTEMPT >> {self.ran}",
        }
        (job,) = jobs.submit_job(
            wiring.deed_of(self.factory.person(owner)),
            parse_job_file(file),
            project_id=self.factory.story.projects[owner],
            client_key=f"k{len(self.submitted)}",
            workshop=self.factory.workshop,
        )
        self.submitted.append(job.id)
        return job.id

    def submit_for(self, seconds: float) -> None:
        ends_at = time.monotonic() + seconds
        self.submit_until(lambda: time.monotonic() >= ends_at)

    def submit_until(self, is_reached: Callable[[], bool]) -> float:
        """Go on submitting until something is reached; return how many seconds that took."""
        began = time.monotonic()
        while not is_reached():
            assert time.monotonic() - began < LONGEST_SECONDS, "it takes too long"
            # A busy machine starts fewer than come: they must not pile up before the last one.
            if sum(job.ended_at is None for job in self.all_jobs()) < MOST_WAITING:
                self.submit_one()
            time.sleep(0.5)
        return time.monotonic() - began

    def has_begun(self, job_id: str) -> bool:
        return self.ran.exists() and f"{job_id}." in self.ran.read_text()

    def all_jobs(self) -> list[Job]:
        return jobs.list_jobs(self.factory.person("auditor"), limit=1000)

    def wait_until_all_ended(self) -> None:
        ends_by = time.monotonic() + LONGEST_SECONDS
        while not all(job.ended_at for job in self.all_jobs()):
            assert time.monotonic() < ends_by, "some jobs never end"
            time.sleep(0.2)

    def books(self) -> dict:
        auditor = self.factory.person("auditor")
        found = self.all_jobs()
        attempts = [each for job in found for each in jobs.get_job(auditor, job.id).attempts]
        events = [event.action for event in audit.list_events(auditor, limit=100_000)]
        return {
            "submitted": sorted(self.submitted),
            "completed": sorted(job.id for job in found if job.state == "completed"),
            "before_submission": [j.id for j in found if j.started_at < j.submitted_at],
            "attempts": sorted(attempt.key for attempt in attempts),
            "ran": dict(Counter(self.ran.read_text().split())),
            "settlements": events.count("attempt.settled"),
            "is_ledger_clean": ledger.check(auditor).is_clean,
            "audit_findings": len(audit.check_audit(auditor)),
        }


def begin_daemon() -> Process:
    with Path(home.home(), "daemons.log").open("ab") as log:
        command = [sys.executable, "-m", "allmende", "daemon"]
        return subprocess.Popen(command, stdout=log, stderr=log)


def holder_pid() -> int:
    """Return the process of the daemon that leads, or 0 while the lease is nobody's."""
    lease = LeaseRow.objects.filter(expires_at__gt=wiring.now()).first()
    return int(lease.holder.split(":")[1]) if lease else 0


def find_leader(daemons: list[Process]) -> tuple[Process, Process]:
    ends_by = time.monotonic() + LONGEST_SECONDS
    while not (pid := holder_pid()):
        assert time.monotonic() < ends_by, "nobody leads"
        time.sleep(0.1)
    first, second = sorted(daemons, key=lambda daemon: daemon.pid != pid)
    return first, second


def pause(daemon: Process) -> None:
    """Stop a process wherever it is; on SQLite not while it writes, for nobody else can then."""
    while True:
        daemon.send_signal(signal.SIGSTOP)
        if connection.vendor == "postgresql" or is_writable():
            return
        daemon.send_signal(signal.SIGCONT)
        time.sleep(0.01)


def is_writable() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 100")
    try:
        with transaction.atomic():
            return True
    except OperationalError:
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    trials = {"lead": lead, "stall": stall}
    sys.stdout.write(json.dumps(trials[sys.argv[1]](int(sys.argv[2]))))
