"""Two daemons that both believe to lead, and people who submit and cancel meanwhile.

Run as a program, in a database of its own: `python -m tests.services.job_trials FOLDER 12`. It
prints what it saw as JSON.
"""

import json
import multiprocessing
import random
import sys
import time
from collections import Counter
from pathlib import Path

from allmende import wiring

wiring.start()

from django.conf import settings  # noqa: E402 - Django must have started
from django.core.management import call_command  # noqa: E402
from django.db import DatabaseError, connection  # noqa: E402

from allmende.domain.basics.people import DAEMON  # noqa: E402
from allmende.domain.basics.refusals import Refusal  # noqa: E402
from allmende.domain.scheduling.jobs import LIFECYCLE  # noqa: E402
from allmende.domain.training.job_files import parse_job_file  # noqa: E402
from allmende.services import audit, cycle, jobs, ledger  # noqa: E402
from tests.services.running import PARTITION, Running, a_running_factory  # noqa: E402

OWNERS = ("founder", "startup", "researcher")
LONGEST_SECONDS = 240.0


def main(folder: Path, rounds: int) -> dict:
    """Let everybody work at once; afterwards say what is in the books and what really ran."""
    labels = {path.rpartition(".")[2] for path in settings.INSTALLED_APPS}
    settings.MIGRATION_MODULES = dict.fromkeys(labels)
    call_command("migrate", run_syncdb=True, verbosity=0)
    with a_running_factory(folder) as factory:
        connection.close()
        gate, ended, told = (
            multiprocessing.Barrier(4),
            multiprocessing.Event(),
            multiprocessing.Queue(),
        )
        daemons = [
            multiprocessing.Process(target=beat, args=(factory, gate, ended, told))
            for _ in range(2)
        ]
        clients = [
            multiprocessing.Process(target=submit, args=(factory, folder, rounds, gate, told, seed))
            for seed in range(2)
        ]
        for process in (*daemons, *clients):
            process.start()
        answers = [told.get(timeout=LONGEST_SECONDS) for _ in clients]
        wait_until_all_ended(factory)
        ended.set()
        answers += [told.get(timeout=LONGEST_SECONDS) for _ in daemons]
        for process in (*daemons, *clients):
            process.join()
        return books(factory, folder) | {"answers": answers, "rounds": rounds}


def beat(factory: Running, gate, ended, told) -> None:
    """Run the cycle over and over, without asking who leads."""
    connection.close()
    gate.wait(timeout=60)
    troubles = []
    while not ended.is_set():
        try:
            report = cycle.run_cycle(wiring.deed_of(DAEMON), PARTITION, workshop=factory.workshop)
            troubles += [str(each) for each in report.troubles]
            troubles += [repr(each) for each in report.mistakes]
        except (Refusal, DatabaseError, AssertionError) as error:
            troubles.append(repr(error))
        time.sleep(0.01)
    told.put(troubles)


def submit(factory: Running, folder: Path, rounds: int, gate, told, seed: int) -> None:
    """Submit the same jobs as the other client under the same keys, and cancel some of them."""
    connection.close()
    dice = random.Random(seed)
    gate.wait(timeout=60)
    troubles = []
    for number in range(rounds):
        owner = OWNERS[number % len(OWNERS)]
        file = {
            "name": "trial",
            "max_duration": "60s",
            "run": f"echo $ALLMENDE_JOB_ID.$ALLMENDE_ATTEMPT >> {folder}/ran",
        }
        try:
            (job,) = jobs.submit_job(
                wiring.deed_of(factory.person(owner)),
                parse_job_file(file),
                project_id=factory.story.projects[owner],
                client_key=f"k{number}",
                workshop=factory.workshop,
            )
            if dice.random() < 0.4:
                time.sleep(dice.random() * 0.3)
                jobs.cancel_job(wiring.deed_of(factory.person(owner)), job.id)
        except jobs.JobHasEnded:
            continue
        except (Refusal, DatabaseError) as error:
            troubles.append(repr(error))
    told.put(troubles)


def wait_until_all_ended(factory: Running) -> None:
    ends_by = time.monotonic() + LONGEST_SECONDS
    while not all(map(has_ended, jobs.list_jobs(factory.person("auditor"), limit=1000))):
        assert time.monotonic() < ends_by, "some jobs never end"
        time.sleep(0.2)


def has_ended(job) -> bool:
    return LIFECYCLE.is_final(job.state)


def books(factory: Running, folder: Path) -> dict:
    """Return what is written down, and what the commands themselves wrote."""
    auditor = factory.person("auditor")
    found = jobs.list_jobs(auditor, limit=1000)
    attempts = [each for job in found for each in jobs.get_job(auditor, job.id).attempts]
    ran = Counter((folder / "ran").read_text().split())
    events = [event.action for event in audit.list_events(auditor, limit=100_000)]
    return {
        "jobs": len(found),
        "keys": len({(job.project_id, job.client_key) for job in found}),
        "completed": sorted(a.key for a in attempts if a.reason == "completed"),
        "ran": dict(ran),
        "attempts": [attempt.key for attempt in attempts],
        "unsettled": [attempt.key for attempt in attempts if not attempt.is_settled],
        "settlements": events.count("attempt.settled"),
        "is_ledger_clean": ledger.check(auditor).is_clean,
        "audit_findings": len(audit.check_audit(auditor)),
        "held_seconds": sum(
            each.balance_seconds
            for each in ledger.list_accounts(auditor, limit=1000)
            if each.account.id.startswith("held:")
        ),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))))
