"""A portal with a small factory in full work behind it, for the browser: one process, one home.

Prints one line of JSON when it is ready, and ends when its standard input closes.
"""

import json
import sys
import threading

import pytest

from allmende import wiring

ENDLESS = 13  # the seed of a what-if question that is computed until somebody cancels it


def main() -> None:
    wiring.start()
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import User
    from django.contrib.sessions.backends.db import SessionStore
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application
    from waitress.server import create_server

    from allmende.services.outcomes import answer
    from allmende.services.studio import Studio
    from tests.agent import lines
    from tests.web import factory
    from tests.web.clusters import show_a_cluster, show_usage
    from tests.web.halls import move_an_hour, show_a_hall

    call_command("migrate", verbosity=0)
    world = factory.build_world()
    lines.enrol()
    patch = pytest.MonkeyPatch()
    show_a_cluster(patch)
    show_a_hall(patch)
    world = show_usage(patch, world)
    move_an_hour(world.founder, world.officer, world.project.id)

    def play(prepared, *, progress):
        while prepared.question.seed == ENDLESS:
            answer(prepared, progress=progress)
        return answer(prepared, progress=progress)

    studio = Studio(play)
    patch.setattr(wiring, "studio", lambda: studio)
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
    studio.close()
    factory.stop_world(world)


if __name__ == "__main__":
    main()
