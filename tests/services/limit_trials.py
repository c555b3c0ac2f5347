"""Officers who race against a ceiling, and officers who are killed, in a database of their own.

Run as a program: `python -m tests.services.limit_trials race 10`. It prints what it saw as JSON.
"""

import json
import multiprocessing
import os
import random
import signal
import sys
import time
from collections import Counter
from dataclasses import replace
from decimal import Decimal

from allmende import wiring

wiring.start()

from django.conf import settings  # noqa: E402 - Django must have started
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from allmende.domain.access.calls import AccessRules  # noqa: E402
from allmende.domain.access.ownership import Holding  # noqa: E402
from allmende.domain.accounting.ledger import TransferKind  # noqa: E402
from allmende.domain.basics.people import DAEMON, PUBLIC  # noqa: E402
from allmende.domain.basics.refusals import Refusal  # noqa: E402
from allmende.domain.basics.rules import RuleBook  # noqa: E402
from allmende.services import aid, awards, calls, ceilings, organisations  # noqa: E402
from allmende.services.ledger import check as check_ledger  # noqa: E402
from allmende.storage import ledger, projects  # noqa: E402
from tests.services.access import (  # noqa: E402
    CALL_ID,
    NOON,
    RULES,
    assessed,
    deed,
    figures,
    founder,
    officer,
)

CLIENTS = 3
PLAYGROUND = RULES.get_call(CALL_ID)
FAST = replace(PLAYGROUND, id="fast", mode_id="fast-lane")
BRIDGE = replace(PLAYGROUND, id="bridge", mode_id="national-bridge", access_share="national")


def rules_for(*, hours: int, euros: int) -> AccessRules:
    """Return rules under which Playground and Fast Lane together, and all aid, have so much."""
    values = {
        "share.playground_and_fast_lane": Decimal(hours) * 100 / 26_280 + Decimal("1e-9"),
        "aid.de_minimis_ceiling": Decimal(euros),
    }
    rows = tuple(replace(r, value=values.get(r.rule, r.value)) for r in RULES.book.rules)
    return replace(RULES, book=RuleBook(rows), calls=(PLAYGROUND, FAST, BRIDGE))


def make_tables(rules: AccessRules) -> None:
    """Make the tables straight from the models, as the other tests do, and open the calls."""
    labels = {path.rpartition(".")[2] for path in settings.INSTALLED_APPS}
    settings.MIGRATION_MODULES = dict.fromkeys(labels)
    call_command("migrate", run_syncdb=True, verbosity=0)
    for call in rules.calls:
        calls.open_call(deed(DAEMON), call.id, rules=rules)


def race(rounds: int) -> dict:
    """Let officers award what only some of them can: two modes, and firms of one undertaking."""
    # Each award asks for four hours: seven fit under the ceiling of the machine, five are aid.
    rules = rules_for(hours=7 * 4, euros=5 * 4 * 2)
    make_tables(rules)
    owners = [founder(f"f{number}") for number in range(CLIENTS)]
    firms = [figures(firm.id, 12, 2, 1).firms[0] for _, firm in owners]
    for (ada, firm), own in zip(owners, firms, strict=True):
        mother = replace(own, id="m", name="Mutter AG", register_number="HRB 1")
        graph = replace(
            figures(firm.id, 12, 2, 1), firms=(own, mother), holdings=(whole(mother.id, firm.id),)
        )
        organisations.update_figures(deed(ada), firm.id, ownership=graph, rules=rules)
    wanted = {
        number: [
            (kind, assessed(*owners[number], call_id=call_id, rules=rules, **changes).id)
            for _ in range(rounds)
            for kind, call_id, changes in (
                ("machine", (CALL_ID, "fast")[number % 2], {"experience": "familiar"}),
                ("aid", "bridge", {"aid_received_cents": "0"}),
            )
        ]
        for number in range(CLIENTS)
    }
    offices = [officer() for _ in range(CLIENTS)]
    connection.close()
    gate, answers = multiprocessing.Barrier(CLIENTS), multiprocessing.Queue()
    clients = [
        multiprocessing.Process(
            target=run_officer, args=(offices[number], wanted[number], rules, gate, answers)
        )
        for number in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    seen = Counter(answers.get(timeout=120) for _ in range(CLIENTS * rounds * 2))
    for client in clients:
        client.join()
    left = {
        each.rule: each.left_seconds
        for each in ceilings.list_contingents(PUBLIC, rules=rules, now=NOON)
    }
    return {
        "endings": sorted([*key, number] for key, number in seen.items()),
        "left": left["share.playground_and_fast_lane"],
        "aid_cents": sum(each.cents for each in aid.list_entries(officer())),
        "is_clean": check_ledger(officer()).is_clean,
    }


def whole(owner_id: str, owned_id: str) -> Holding:
    return Holding(owner_id=owner_id, owned_id=owned_id, capital_basis_points=10_000)


def run_officer(office, wanted, rules, gate, answers) -> None:
    """Award one application after the other, each at the same moment as the other officers."""
    connection.close()
    for number, (kind, application_id) in enumerate(wanted):
        gate.wait(timeout=60)
        try:
            give(office, application_id, rules, suffix=f"{office.id}-{number}")
            ending = "awarded"
        except Refusal as refusal:
            ending = refusal.code()
        answers.put((kind, ending))


def give(office, application_id: str, rules: AccessRules, *, suffix: str) -> None:
    own = replace(deed(office), new_id=lambda kind: f"{kind}-{suffix}")
    awards.award_application(own, application_id, rules=rules)


def kill(kills: int) -> dict:
    """Kill officers at random points of their awards, and let others repeat them to the end."""
    rules = rules_for(hours=10_000, euros=10**6)
    make_tables(rules)
    ada, firm = founder()
    wanted = [
        assessed(ada, firm, call_id="bridge", rules=rules, aid_received_cents="0").id
        for _ in range(2 * kills)
    ]
    office, dice = officer(), random.Random(7)
    connection.close()
    killed = 0
    for number in range(kills):
        child = multiprocessing.Process(target=award_all, args=(office, wanted, rules, number))
        child.start()
        time.sleep(dice.uniform(0.0, 0.12))
        if child.is_alive():
            os.kill(child.pid, signal.SIGKILL)
            killed += 1
        child.join()
    started = len(aid.list_entries(office, limit=10**6))
    award_all(office, wanted, rules, kills)
    entries = aid.list_entries(office, limit=10**6)
    given = [awards.find_award_of_application(office, each) for each in wanted]
    booked = [each for each in ledger.iterate_transfers() if each.kind is TransferKind.AWARD]
    return {
        "killed": killed,
        "started": started,
        "wanted": len(wanted),
        "awards": len({each.id for each in given if each}),
        "entries": sorted(each.award_id for each in entries) == sorted(e.id for e in given if e),
        "booked": sorted(each.id for each in booked)
        == sorted(f"award:{each.id}" for each in given if each),
        "projects": len(projects.list_projects(limit=10**6)),
        "aid_cents": sum(each.cents for each in entries),
        "is_clean": check_ledger(officer()).is_clean,
    }


def award_all(office, wanted: list[str], rules: AccessRules, round_number: int) -> None:
    """Award everything; what an earlier, killed round gave already stays as it is."""
    connection.close()
    for number, application_id in enumerate(wanted):
        give(office, application_id, rules, suffix=f"{round_number}-{number}")


if __name__ == "__main__":
    trial = {"race": race, "kill": kill}[sys.argv[1]]
    sys.stdout.write(json.dumps(trial(int(sys.argv[2]))))
