"""Trials that take processes of their own: clients that race, clients that are killed.

Run as a program, because a process that is going to fork and kill must own its database:
`python -m tests.storage.ledger_trials kill 200`. It prints what it saw as JSON.
"""

import json
import multiprocessing
import os
import random
import signal
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from functools import partial

from allmende import wiring

wiring.start()

from django.conf import settings  # noqa: E402 - Django must have started
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from allmende.domain.accounting.holds import HoldRequest, Settlement  # noqa: E402
from allmende.domain.basics.people import DAEMON  # noqa: E402
from allmende.domain.basics.refusals import Refusal  # noqa: E402
from allmende.domain.basics.sentences import Sentence  # noqa: E402
from allmende.domain.basics.units import TimeUnit  # noqa: E402
from allmende.services import allocations, ledger  # noqa: E402
from allmende.services.deeds import Deed  # noqa: E402
from allmende.storage import ledger as store  # noqa: E402

DEED = Deed(
    actor=DAEMON, now=datetime(2026, 11, 22, tzinfo=UTC), new_id=lambda prefix: f"{prefix}-1"
)
WHY = Sentence("a trial")
POOL = {
    "partition_id": "werkbank",
    "access_share": "union",
    "mode_id": "playground",
    "unit": TimeUnit.NODE_SECONDS,
}
LAST_HOUR = 3600
PLENTY = 10**9
CLIENTS = 3


def make_tables() -> None:
    """Make the tables straight from the models, as the other tests do."""
    labels = {path.rpartition(".")[2] for path in settings.INSTALLED_APPS}
    settings.MIGRATION_MODULES = dict.fromkeys(labels)
    call_command("migrate", run_syncdb=True, verbosity=0)
    allocations.open_pool(DEED, **POOL, seconds=PLENTY)


def award(award_id: str, project_id: str, seconds: int) -> None:
    allocations.award_to_project(
        DEED, award_id=award_id, project_id=project_id, **POOL, seconds=seconds
    )


def hold(hold_id: str, project_id: str, seconds: int) -> None:
    allocations.hold_for_job(
        DEED, project_id=project_id, hold_id=hold_id, seconds=seconds, reason=WHY
    )


def race(rounds: int) -> dict:
    """Let clients race for the same thing, and count how each round ended."""
    make_tables()
    connection.close()
    gate = multiprocessing.Barrier(CLIENTS)
    answers = multiprocessing.Queue()
    clients = [
        multiprocessing.Process(target=run_client, args=(number, rounds, gate, answers))
        for number in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    seen = [answers.get(timeout=120) for _ in range(CLIENTS * rounds * 4)]
    for client in clients:
        client.join()
    rounds_seen: dict[str, Counter] = {}
    for name, number, answer in seen:
        rounds_seen.setdefault(f"{name}/{number}", Counter())[answer] += 1
    endings: dict[str, Counter] = {}
    for key, answers_of_round in rounds_seen.items():
        ending = ", ".join(f"{n} {answer}" for answer, n in sorted(answers_of_round.items()))
        endings.setdefault(key.partition("/")[0], Counter())[ending] += 1
    return {"endings": endings, "findings": findings(), "transfers": store.count_transfers()}


def run_client(number: int, rounds: int, gate, answers) -> None:
    """Race against the other clients, all starting each attempt at the same moment."""
    close = [allocations.void_hold, settle_all, allocations.expire_hold][number]
    for n in range(rounds):
        project_id, hold_id = f"pr-{n}", f"j-{n}"
        attempts = {
            "same award": partial(award, f"aw-{n}", project_id, LAST_HOUR),
            "last hour": partial(hold, f"{hold_id}.{number}", project_id, LAST_HOUR),
            "same hold": partial(same_hold, n),
            "closing": partial(close, DEED, hold_id=f"s-{n}", reason=WHY),
        }
        for name, attempt in attempts.items():
            gate.wait(timeout=60)
            answers.put((name, n, answer_of(attempt)))


def same_hold(number: int) -> None:
    """Award and hold under ids that every client uses."""
    award(f"second-{number}", f"second-{number}", LAST_HOUR)
    hold(f"s-{number}", f"second-{number}", LAST_HOUR)


def settle_all(deed: Deed, *, hold_id: str, reason: Sentence) -> None:
    """Post a whole hold."""
    allocations.settle_job(deed, hold_id=hold_id, used_seconds=LAST_HOUR, reason=reason)


def answer_of(attempt) -> str:
    """Return "done", or the name of the refusal."""
    try:
        attempt()
    except Refusal as refusal:
        return refusal.code()
    return "done"


JOBS = 3


def kill(rounds: int, seed: int = 1) -> dict:
    """Kill a working client at random points; look at what it leaves, repeat what it began."""
    dice = random.Random(seed)
    make_tables()
    award("aw-1", "pr-1", PLENTY // 2)
    seen = Counter()
    used = 0
    for number in range(rounds):
        acknowledged = work_until_killed(
            number, deeds=dice.randrange(4), seconds=dice.uniform(0, 0.015)
        )
        holds = holds_of(number)
        seen["deeds"] += acknowledged
        seen["lost"] += count_lost(holds, number, acknowledged)
        seen["halves"] += count_halves(holds)
        # Whoever was interrupted starts again from the beginning, and all of it happens once.
        deeds = deeds_of(number)
        for _ in range(acknowledged + 1):
            next(deeds)()
        used += sum(use_of(n) for n in range((acknowledged + 1) // 2))
    consumed = store.get_balances(["consumed:pr-1:werkbank:union"])
    return {
        **seen,
        "consumed_right": consumed == {"consumed:pr-1:werkbank:union": used},
        "findings": findings(),
    }


def work_until_killed(round_number: int, *, deeds: int, seconds: float) -> int:
    """Fork a client that works, kill it a moment after so many deeds, return all it reported."""
    connection.close()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        connection.ensure_connection()
        os.write(writing, b".")
        for deed in deeds_of(round_number):
            deed()
            os.write(writing, b".")
    os.close(writing)
    with os.fdopen(reading, "rb", buffering=0) as reports:
        reported = 0
        while reported < deeds + 1:
            report = reports.read(1)
            assert report, "the client works until it is killed"
            reported += len(report)
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return reported + len(reports.read(1_000_000)) - 1


def deeds_of(round_number: int):
    """Yield deeds without end: hold three jobs, settle the three, and so on."""
    batch = 0
    while True:
        ids = [f"r{round_number}.{batch}.{job}" for job in range(JOBS)]
        requests = [
            HoldRequest(hold_id=hold_id, project_id="pr-1", seconds=60, reason=WHY)
            for hold_id in ids
        ]
        # 30 s of 60: a post and a rest each; six transfers in one deed.
        settlements = [
            Settlement(hold_id=hold_id, used_seconds=use_of(batch) // JOBS, reason=WHY)
            for hold_id in ids
        ]
        yield partial(allocations.hold_for_jobs, DEED, requests)
        yield partial(allocations.settle_jobs, DEED, settlements)
        batch += 1


def use_of(batch: int) -> int:
    """Return what the jobs of a batch use together."""
    return JOBS * (30 + batch % 20)


def holds_of(round_number: int) -> dict[int, Counter]:
    """Return how many transfers of each kind every batch of a round left behind."""
    found: dict[int, Counter] = {}
    rows = store.LedgerTransferRow.objects.filter(hold_id__startswith=f"r{round_number}.")
    for hold_id, kind in rows.values_list("hold_id", "kind"):
        found.setdefault(int(hold_id.split(".")[1]), Counter())[kind] += 1
    return found


def count_halves(holds: dict[int, Counter]) -> int:
    """Return how many batches are neither whole nor absent."""
    whole = (Counter(hold=JOBS), Counter(hold=JOBS, post=JOBS, release=JOBS))
    return sum(kinds not in whole for kinds in holds.values())


def count_lost(holds: dict[int, Counter], round_number: int, acknowledged: int) -> int:
    """Return how many reported deeds are not in the ledger."""
    held, posted = (acknowledged + 1) // 2, acknowledged // 2
    lost = sum(holds.get(batch, Counter())["hold"] != JOBS for batch in range(held))
    return lost + sum(holds.get(batch, Counter())["post"] != JOBS for batch in range(posted))


def findings() -> list[str]:
    """Return what the ledger's own check finds."""
    return [str(finding) for finding in ledger.check(DAEMON).findings]


if __name__ == "__main__":
    trial, count = sys.argv[1], int(sys.argv[2])
    seen = {"race": race, "kill": kill}[trial](count)
    sys.stdout.write(json.dumps(seen))
