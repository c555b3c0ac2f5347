"""Operators who are killed while they apply policy to a real cluster.

Run as a program, in a database of its own: `python -m tests.slurm.policy_trials SLURM_CONF 1`, with
a number for the dice. It prints what it saw as JSON.
"""

import json
import os
import random
import signal
import sys
import time
from itertools import count

from allmende import wiring

wiring.start()

from django.conf import settings  # noqa: E402 - Django must have started
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from allmende.backends.slurm.client import SlurmClient  # noqa: E402
from allmende.backends.slurm.policies import SlurmPolicies  # noqa: E402
from allmende.domain.basics.sites import SlurmCluster  # noqa: E402
from allmende.services.slurm_policies import LEASE  # noqa: E402
from allmende.storage import audit as audit_store  # noqa: E402
from tests.services.slurm_model import LATER, World  # noqa: E402

LONGEST_LIFE = 3  # of an operator who is killed, in times that reading the cluster takes


def main(conf: str, seed: int) -> dict:
    """Kill operators until there is nothing left to apply; then say how everything stands."""
    labels = {path.rpartition(".")[2] for path in settings.INSTALLED_APPS}
    settings.MIGRATION_MODULES = dict.fromkeys(labels)
    call_command("migrate", run_syncdb=True, verbosity=0)
    cluster = SlurmCluster(cluster="lab", conf=conf, work_folder="/nowhere")
    world = World(SlurmPolicies(SlurmClient(cluster)))
    planned = [change.key.text for change in world.plan().changes]
    # The shortest of some, for a reading that was held up would let the first of them finish.
    longest_seconds = LONGEST_LIFE * min(measure_reading(world) for _ in range(3))
    dice, kills = random.Random(seed), 0
    for minute in count():
        now = LATER + 2 * minute * LEASE
        left = len(world.plan().changes)
        if not left:
            break
        kills += is_killed(world, now=now, after_seconds=dice.uniform(0, longest_seconds))
    world.apply(now=now + 2 * LEASE)
    events = audit_store.list_events(after=0, limit=1000, subject="")
    changed = [event.subject for event in events if event.action == "cluster_policy.changed"]
    return {
        "planned": planned,
        "kills": kills,
        "left": len(world.plan().changes),
        "drift": [change.key.text for change in world.drift().changes],
        "audited": changed,
    }


def measure_reading(world: World) -> float:
    """Return the seconds that it takes to read the cluster and to see what is to do."""
    began = time.monotonic()
    world.plan()
    return time.monotonic() - began


def is_killed(world: World, *, now, after_seconds: float) -> bool:
    """Let somebody apply in a process of its own; return whether they died before the end.

    The kernel kills them, on time however late this process gets its turn.
    """
    connection.close()
    child = os.fork()
    if not child:
        signal.setitimer(signal.ITIMER_REAL, after_seconds)  # SIGALRM, which nobody handles here
        world.apply(now=now)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


if __name__ == "__main__":
    json.dump(main(sys.argv[1], int(sys.argv[2])), sys.stdout)
