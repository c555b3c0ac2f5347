"""A portal and a gate with one session that runs, for the browser: one home of its own.

Prints one line of JSON when it is ready, and ends when its standard input closes.
"""

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

from allmende import wiring


def main() -> None:
    wiring.start()
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import User
    from django.contrib.sessions.backends.db import SessionStore
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application
    from waitress.server import create_server

    from allmende.services import people
    from tests.backends.contract import wait_until
    from tests.gate.halls import Hall
    from tests.services.running import a_running_factory

    call_command("migrate", verbosity=0)
    with a_running_factory(Path(os.environ["ALLMENDE_HOME"])) as factory:
        job = Hall(factory).start(data_class="public")
        founder = people.get_person(job.person_id)
        user = User.objects.get(email=founder.email)
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()
        command = [sys.executable, "-c", "from allmende.gate.program import main; main()"]
        gate = subprocess.Popen(command)
        wait_until(is_gate_open)  # a terminal may be there before it
        server = create_server(get_wsgi_application(), host="127.0.0.1", port=0, threads=4)
        threading.Thread(target=server.run, daemon=True).start()
        url = f"http://127.0.0.1:{server.effective_port}"
        ids = {"job": job.id, "project": job.project_id}
        ready = {"url": url, "sessions": {"founder": session.session_key}, "ids": ids}
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        sys.stdin.read()
        gate.terminate()
        gate.wait()


def is_gate_open() -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(os.environ["ALLMENDE_GATE_PORT"]))) == 0


if __name__ == "__main__":
    main()
