"""Two officers award the same application at once, in processes and a database of their own.

Run as a program: `python -m tests.services.award_trials 10`. It prints what it saw as JSON.
"""

import json
import multiprocessing
import sys
from collections import Counter
from dataclasses import replace

from allmende import wiring

wiring.start()

from django.conf import settings  # noqa: E402 - Django must have started
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from allmende.domain.basics.people import Person  # noqa: E402
from allmende.domain.basics.refusals import Refusal  # noqa: E402
from allmende.services import awards, projects  # noqa: E402
from allmende.storage import ledger  # noqa: E402
from tests.services.access import (  # noqa: E402
    RULES,
    assessed,
    deed,
    founder,
    officer,
    open_playground,
)


def main(rounds: int) -> dict:
    """Let two officers race, once with one award id and once with two."""
    labels = {path.rpartition(".")[2] for path in settings.INSTALLED_APPS}
    settings.MIGRATION_MODULES = dict.fromkeys(labels)
    call_command("migrate", run_syncdb=True, verbosity=0)
    open_playground()
    ada, firm = founder()
    application_ids = [assessed(ada, firm).id for _ in range(2 * rounds)]
    offices = [officer(), officer()]
    connection.close()
    gate, answers = multiprocessing.Barrier(2), multiprocessing.Queue()
    clients = [
        multiprocessing.Process(
            target=run_officer, args=(office, application_ids, gate, answers), daemon=True
        )
        for office in offices
    ]
    for client in clients:
        client.start()
    seen = [answers.get(timeout=60) for _ in range(2 * len(application_ids))]
    for client in clients:
        client.join()
    endings: dict[str, Counter] = {}
    for application_id, ending in seen:
        endings.setdefault(application_id, Counter())[ending] += 1
    return {
        "same": [sorted(endings[each].items()) for each in application_ids[::2]],
        "other": [sorted(endings[each].items()) for each in application_ids[1::2]],
        "projects": len(projects.list_projects(ada, limit=1000)),
        "pool": ledger.get_balances(["pool:werkbank:union:playground"]).popitem()[1],
    }


def run_officer(office: Person, application_ids: list[str], gate, answers) -> None:
    """Award every application at the same moment as the other officer."""
    connection.close()
    for number, application_id in enumerate(application_ids):
        award_id = f"award-{application_id}-{office.id if number % 2 else 'same'}"
        gate.wait(timeout=60)
        try:
            # After the fork both count from the same number: the officer makes the ids differ.
            suffix = f"{office.id}-{number}"
            own = replace(deed(office), new_id=lambda kind, suffix=suffix: f"{kind}-{suffix}")
            awards.award_application(own, application_id, rules=RULES, award_id=award_id)
            ending = "awarded"
        except Refusal as refusal:
            ending = refusal.code()
        answers.put((application_id, ending))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(int(sys.argv[1]))))
