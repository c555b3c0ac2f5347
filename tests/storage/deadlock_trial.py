"""Two deeds that lock the same two accounts in opposite order, on a server of their own.

Run as a program: `python -m tests.storage.deadlock_trial`. It prints how each of them ended.
"""

import json
import sys
import threading

from allmende import wiring

wiring.start()

from django.db import connection  # noqa: E402 - Django must have started

from allmende.services.deeds import Deed, one_transaction  # noqa: E402
from allmende.storage import ledger as store  # noqa: E402
from tests.storage.ledger_trials import DEED, award, make_tables  # noqa: E402

MEETING = threading.Barrier(2)


def main() -> dict[str, int]:
    """Let the two deeds meet in the middle; return how often each of them was run."""
    make_tables()
    accounts = []
    for number in range(2):
        award(f"aw-{number}", f"pr-{number}", 10)
        accounts.append(f"project:pr-{number}:werkbank:union")
    tries = {"there": 0, "back": 0}

    @one_transaction
    def lock(deed: Deed, name: str, order: list[str]) -> None:
        tries[name] += 1
        store.lock_balances(order[:1])
        if tries[name] == 1:
            MEETING.wait(timeout=120)
        store.lock_balances(order[1:])

    def run(name: str, order: list[str]) -> None:
        lock(DEED, name, order)
        connection.close()

    threads = [
        threading.Thread(target=run, args=("there", accounts)),
        threading.Thread(target=run, args=("back", accounts[::-1])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tries


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main()))
