"""A client that is killed while it takes usage in, again and again, on a database of its own.

Run as a program: `python -m tests.services.usage_trials kill 60`. It prints what it saw as JSON.
"""

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from datetime import timedelta

from allmende import wiring

wiring.start()

from django.conf import settings  # noqa: E402 - Django must have started
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from allmende.domain.basics.people import DAEMON  # noqa: E402
from allmende.services import ledger, usage  # noqa: E402
from allmende.storage import usage as store  # noqa: E402
from tests.services.usage_worlds import (  # noqa: E402
    CLUSTER,
    DEED,
    NOW,
    SITE,
    a_record,
    add_project,
    consumed,
    open_pools,
)

RECORDS_PER_BATCH = 40
BATCHES = 8
LONGEST_SECONDS = 0.1  # which a batch takes, more or less


def kill(rounds: int, seed: int = 1) -> dict:
    """Kill a client at random points; look at what it leaves, and let the next one carry on."""
    labels = {path.rpartition(".")[2] for path in settings.INSTALLED_APPS}
    settings.MIGRATION_MODULES = dict.fromkeys(labels)
    call_command("migrate", run_syncdb=True, verbosity=0)
    open_pools()
    add_project("pr-1")
    dice, seen, oracle = random.Random(seed), Counter(), 0
    for number in range(rounds):
        batches = batches_of(number, dice)
        acknowledged = work_until_killed(
            batches, least=dice.randrange(BATCHES), seconds=dice.uniform(0, LONGEST_SECONDS)
        )
        seen["batches"] += acknowledged
        seen["halves"] += booked() != consumed()
        told = {r.key for batch in batches[:acknowledged] for r in batch}
        seen["lost"] += len(told - store.find_usages(told).keys())
        for batch in batches:  # the next reading tells all of it again
            usage.ingest(DEED, SITE, batch, read_at=NOW + timedelta(hours=number))
        oracle += sum(r.allocated_seconds(counts_gpus=True) for b in batches for r in b)
        seen["wrong"] += consumed() != oracle
    findings = [str(finding) for finding in ledger.check(DAEMON).findings]
    return {"lost": 0, **seen, "findings": findings, "seconds": oracle}


def batches_of(number: int, dice: random.Random) -> list[list]:
    first = number * RECORDS_PER_BATCH * BATCHES
    records = [
        a_record(first + n, minutes=dice.randrange(60)) for n in range(RECORDS_PER_BATCH * BATCHES)
    ]
    dice.shuffle(records)
    return [records[n::BATCHES] for n in range(BATCHES)]


def work_until_killed(batches: list[list], *, least: int, seconds: float) -> int:
    """Fork a client, kill it a moment after so many batches; return how many it reported."""
    connection.close()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        connection.ensure_connection()
        os.write(writing, b"!")
        for batch in batches:
            usage.ingest_batch(DEED, SITE, batch, read_at=NOW)
            os.write(writing, b".")
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb", buffering=0) as reports:
        for _ in range(1 + least):
            assert reports.read(1), "the client works until it is killed"
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return least + len(reports.read(1_000_000))


def booked() -> int:
    return sum(each.booked_seconds for each in store.sum_usages(CLUSTER))


if __name__ == "__main__":
    assert sys.argv[1] == "kill", "the only trial"
    sys.stdout.write(json.dumps(kill(int(sys.argv[2]))))
