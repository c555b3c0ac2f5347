"""Trainings under fire: workers, nodes and the daemon are killed, and the disk runs full.

Run as a program in a home of its own: `python -m tests.blueprints.survival_trials KILLS SEED`. Its
folder `work` may be a small file system, which is then filled now and then. It prints what stands
in the books at the end, and what the trainings left, as JSON.
"""

import contextlib
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from allmende import wiring

wiring.start()

from django.core.management import call_command  # noqa: E402 - Django must have started
from django.db import connection  # noqa: E402

from allmende.backends.nodes import locks, processes  # noqa: E402
from allmende.domain.scheduling.backends import EndReason  # noqa: E402
from allmende.domain.scheduling.jobs import Job, JobState  # noqa: E402
from allmende.domain.training.job_files import parse_job_file  # noqa: E402
from allmende.services import audit, jobs, ledger, submissions  # noqa: E402
from allmende.storage.cycles import LeaseRow  # noqa: E402
from allmende.wiring import home  # noqa: E402
from tests.services.running import Running, a_running_factory, end_pauses  # noqa: E402

OWNERS = ("founder", "startup", "researcher")
AT_ONCE = 3
KILLS_EACH = 8  # of one training; ten would use up its retries
STEPS = 3000
LONGEST_SECONDS = 600.0
TRAINING = {
    "name": "survivor",
    "blueprint": "medicine",
    "params": {"steps": STEPS, "hidden_units": 8, "folds": 4},
    "max_duration": "2m",
    "checkpoint": {"every": "1s"},
    "retry": {"on": ["preempted", "node_fail", "failed"], "max": 10},
}


class Trial:
    """Trainings, the daemon that runs them, and the one who does them harm."""

    def __init__(self, factory: Running, seed: int) -> None:
        self.factory = factory
        self.dice = random.Random(seed)
        self.work = home.home() / "work"
        self.daemon = begin_daemon()
        self.done: Counter = Counter()
        self.harmed: Counter = Counter()
        self.submitted: list[Job] = []

    def submit(self) -> Job:
        owner = OWNERS[len(self.submitted) % len(OWNERS)]
        (job,) = submissions.submit_job(
            wiring.deed_of(self.factory.person(owner)),
            parse_job_file(TRAINING),
            project_id=self.factory.story.projects[owner],
            client_key=f"k{len(self.submitted)}",
            workshop=self.factory.workshop,
        )
        self.submitted.append(job)
        return job

    def play(self, kills: int) -> None:
        """Train once in peace, then as many as it takes to bear so many kills."""
        self.wait_for([self.submit()])
        while self.count_kills() < kills:
            running = [job for job in self.submitted if not self.factory.job(job.id).ended_at]
            if len(running) < AT_ONCE:
                self.submit()
            self.harm(running)
            end_pauses()
            time.sleep(self.dice.uniform(0.05, 0.5))
        self.wait_for(self.submitted)

    def count_kills(self) -> int:
        return sum(self.done.values())

    def wait_for(self, submitted: list[Job]) -> None:
        give_up_at = time.monotonic() + LONGEST_SECONDS
        while not all(self.factory.job(job.id).ended_at for job in submitted):
            assert time.monotonic() < give_up_at, "a training does not end"
            end_pauses()
            time.sleep(0.2)

    def harm(self, running: list[Job]) -> None:
        if self.dice.random() < 0.15 and self.is_led():
            self.kill_daemon()
            return
        deed = self.dice.choice(["worker", "worker", "node", "group", "disk"])
        victims = [job for job in running if self.harmed[job.id] < KILLS_EACH]
        job = self.dice.choice(victims) if victims else None
        runner = self.find_runner(job) if job else 0
        if job and runner and getattr(self, f"hit_{deed}")(runner):
            self.harmed[job.id] += 1
            self.done[deed] += 1

    def is_led(self) -> bool:
        """Say whether the daemon leads; the one before may have died with the lead."""
        lease = LeaseRow.objects.filter(expires_at__gt=wiring.now()).first()
        return lease is not None and int(lease.holder.split(":")[1]) == self.daemon.pid

    def kill_daemon(self) -> None:
        self.daemon.kill()
        self.daemon.wait()
        self.done["daemon"] += 1
        self.daemon = begin_daemon()

    def find_runner(self, job: Job) -> int:
        """Return the process that holds the newest attempt of a job, if one does; else 0.

        Its lock says so, for the number of a dead runner may be somebody else's by now.
        """
        folders = sorted((self.work / job.id / "attempts").glob("*"), key=lambda at: int(at.name))
        if not folders or (folders[-1] / "ended.json").exists():
            return 0
        return locks.find_holder(folders[-1] / "lock") or 0

    def hit_worker(self, runner: int) -> bool:
        """Kill the training itself."""
        return kill(processes.list_descendants(runner)[-1:])

    def hit_node(self, runner: int) -> bool:
        """Kill the supervisor: the node died, and the kernel ends what ran on it."""
        return kill([runner])

    def hit_group(self, runner: int) -> bool:
        """Kill supervisor and training at once."""
        return kill([runner, *processes.list_descendants(runner)])

    def hit_disk(self, _runner: int) -> bool:
        """Let the disk run full for a while, with checkpoints being written."""
        if not os.path.ismount(self.work):
            return False
        filler = self.work / "filler"
        with filler.open("wb", buffering=0) as file:
            while (free := os.statvfs(self.work)).f_bavail:
                with contextlib.suppress(OSError):  # the trainings write meanwhile
                    size = file.seek(0, os.SEEK_END)
                    os.posix_fallocate(file.fileno(), size, free.f_bavail * free.f_frsize)
        time.sleep(1.2)
        filler.unlink()
        return True

    # ---- what stands in the books

    def books(self) -> dict:
        auditor = self.factory.person("auditor")
        views = [jobs.get_job(auditor, job.id) for job in self.submitted]
        attempts = [each for view in views for each in view.attempts]
        balances = ledger.list_accounts(auditor, limit=1000)
        events = [event.action for event in audit.list_events(auditor, limit=100_000)]
        return {
            "kills": dict(self.done),
            "states": [view.job.state for view in views],
            "unfinished": [v.job.id for v in views if v.job.state is not JobState.COMPLETED],
            "models": [self.digest(job) for job in self.submitted],
            "attempts": len(attempts),
            "reasons": dict(Counter(str(each.reason) for each in attempts)),
            "unsettled": [each.key for each in attempts if not each.is_settled],
            "settlements": events.count("attempt.settled"),
            "charged": {each.key: each.used_seconds for each in attempts},
            "refunded": {a.key: a.refunded_seconds for a in attempts if a.refunded_seconds},
            "node_fails": [each.key for each in attempts if each.reason is EndReason.NODE_FAIL],
            # That is how a training ends by itself when it cannot write; the log is full, too.
            "met_full_disk": sum(each.exit_code == 1 for each in attempts),
            "measured": {
                each.key: (each.ended_at - each.started_at).total_seconds()
                for each in attempts
                if each.ended_at and each.started_at
            },
            "held_seconds": sum(b.balance_seconds for b in balances if b.account.id[:5] == "held:"),
            "is_ledger_clean": ledger.check(auditor).is_clean,
            "audit_findings": len(audit.check_audit(auditor)),
        }

    def digest(self, job: Job) -> str:
        content = self.factory.backend.read_output(job.id, "model.safetensors")
        return hashlib.sha256(content).hexdigest()


def kill(pids: list[int]) -> bool:
    hit = False
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
            hit = True
        except ProcessLookupError:
            continue
    return hit


def begin_daemon() -> "subprocess.Popen[bytes]":
    with Path(home.home(), "daemon.log").open("ab") as log:
        command = [sys.executable, "-m", "allmende", "daemon"]
        return subprocess.Popen(command, stdout=log, stderr=log)


def main(kills: int, seed: int) -> dict:
    call_command("migrate", verbosity=0)
    with a_running_factory(home.home()) as factory:
        connection.close()
        trial = Trial(factory, seed)
        try:
            trial.play(kills)
            return trial.books()
        finally:
            trial.daemon.kill()
            trial.daemon.wait()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]))))
