"""A portal with a small factory in full work behind it, for the browser: one process, one home.

Prints one line of JSON when it is ready, and ends when its standard input closes.
"""

import json
import sys
import threading

from allmende import wiring


def main() -> None:
    wiring.start()
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import User
    from django.contrib.sessions.backends.db import SessionStore
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application
    from waitress.server import create_server

    from tests.agent import lines
    from tests.web import factory

    call_command("migrate", verbosity=0)
    world = factory.build_world()
    lines.enrol()
    show_a_cluster()
    sessions = {}
    for user in User.objects.all():
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()
        sessions[user.email.partition("@")[0]] = session.session_key
    server = create_server(get_wsgi_application(), host="127.0.0.1", port=0, threads=8)
    threading.Thread(target=server.run, daemon=True).start()
    ids = factory.ids_of(world)
    ready = {"url": f"http://127.0.0.1:{server.effective_port}", "sessions": sessions, "ids": ids}
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    factory.stop_world(world)


def show_a_cluster() -> None:
    """Let the pages of clusters show one: policy was applied, and then somebody changed things."""
    from allmende.domain.basics.people import DAEMON
    from allmende.domain.scheduling.slurm_policies import account_key
    from allmende.services import slurm_policies
    from allmende.web.pages import clusters
    from tests.services.slurm_model import FACTORY, SITE, ModelCluster

    cluster = ModelCluster()
    clusters.load_factory = lambda: FACTORY
    clusters.policy_keeper_of = lambda _: cluster
    slurm_policies.apply_policy(
        lambda: wiring.deed_of(DAEMON), SITE, keeper_of=lambda _: cluster, factory=FACTORY
    )
    cluster.set_by_hand(account_key("industry"), Fairshare="900", MaxJobs="3")
    cluster.set_by_hand(account_key("somebodys-own"), Parent="sme")
    cluster.configuration = {**cluster.configuration, "PriorityDecayHalfLife": "7-00:00:00"}
    steer_a_cluster(FACTORY.get_site(SITE).partitions)


def steer_a_cluster(partitions) -> None:
    """Let an hour have been looked at: others had the nodes, then the SMEs got their claim back."""
    from datetime import timedelta

    from allmende.domain.basics.people import DAEMON
    from allmende.services import steering
    from allmende.services.deeds import Deed
    from tests.services.steered_queue import Queue

    now, queue = wiring.now(), Queue()
    for partition in partitions:
        for look in range(600):
            queue.fill("sme", running=3 if 30 < look % 240 < 80 else 5, waiting=9)
            queue.is_silent = 300 < look < 330
            at = now - timedelta(seconds=5 * (600 - look))
            deed = Deed(actor=DAEMON, now=at, new_id=wiring.new_id)
            steering.steer(deed, partition, wheel=queue)


if __name__ == "__main__":
    main()
