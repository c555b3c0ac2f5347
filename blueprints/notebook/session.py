"""JupyterLab for one person: who comes through the gate is let in, nobody else.

The gate shows the token that the platform gave to this attempt alone. The browser never sees it:
there is no sign-in page, no cookie of Jupyter's, and nothing of it in an address.
"""

import argparse
import hmac
import json
import os
import tempfile
import time
from datetime import datetime
from pathlib import Path

from jupyter_server.auth import IdentityProvider, User
from jupyterlab.labapp import LabApp
from tornado.ioloop import PeriodicCallback
from traitlets.config import Config

# Taken out of the environment, so that no kernel and no terminal inherits it.
TOKEN = os.environ.pop("ALLMENDE_SESSION_TOKEN", "")
LOOKS_PER_LIMIT = 20


class Gatekeeper(IdentityProvider):
    """Lets in whoever shows the token in a header, as the owner of the job."""

    token = ""  # what pages would tell the browser
    auth_enabled = True
    login_available = False
    logout_available = False

    def get_user(self, handler):
        """Return the owner, or None for everybody else."""
        shown = handler.request.headers.get("Authorization", "")
        if not TOKEN or not hmac.compare_digest(shown.encode(), f"token {TOKEN}".encode()):
            return None
        return User(username="owner", name=os.environ.get("ALLMENDE_JOB_ID", "owner"))

    def is_token_authenticated(self, handler):
        """Say that no cookie was used, so that the gate's own check of the origin is enough."""
        return self.get_user(handler) is not None


class IdleWatch:
    """Ends the session after some minutes in which nobody ran, typed or saved anything.

    Open pages ask for news every few seconds; that is no sign of a person.
    """

    def __init__(self, app, *, idle_minutes):
        self.app, self.limit_seconds = app, idle_minutes * 60
        self.acted_at = time.time()
        app.web_app.settings["log_function"] = self.note_request
        PeriodicCallback(self.look, self.limit_seconds * 1000 / LOOKS_PER_LIMIT).start()

    def note_request(self, handler):
        """Take everything but looking for an act."""
        if handler.request.method not in ("GET", "HEAD", "OPTIONS"):
            self.acted_at = time.time()

    def look(self):
        """End the session where the last act is too long ago."""
        if time.time() - self.last_act() > self.limit_seconds:
            print("Nothing was done for the idle time: the session ends.", flush=True)
            self.app.stop()

    def last_act(self):
        """Return when something was done last, in unix seconds; a busy kernel does it now."""
        kernels = self.app.kernel_manager.list_kernels()
        if any(kernel["execution_state"] == "busy" for kernel in kernels):
            return time.time()
        terminals = self.app.web_app.settings["terminal_manager"].list()
        acts = [each["last_activity"] for each in (*kernels, *terminals)]
        return max([self.acted_at, *map(_seconds, acts)])


def _seconds(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def configure(folder):
    """Return Jupyter's settings: for one person, from this machine's files alone."""
    settings = Path(tempfile.mkdtemp(prefix="lab-"))
    keep_saving = {"@jupyterlab/docmanager-extension:plugin": {"autosaveInterval": 10}}
    ask_nothing = {
        "@jupyterlab/apputils-extension:notification": {
            "fetchNews": "false",
            "checkForUpdates": False,
        }
    }
    (settings / "overrides.json").write_text(json.dumps(keep_saving | ask_nothing))
    config = Config()
    config.ServerApp.update(
        {
            "identity_provider_class": Gatekeeper,
            "ip": "127.0.0.1",
            "port": 0,
            "base_url": f"/session/{os.environ.get('ALLMENDE_JOB_ID', 'by-hand')}/",
            "root_dir": str(folder),
            "open_browser": False,
            "allow_remote_access": True,  # the gate has checked under which name it was called
            "allow_root": True,  # where the platform itself runs so, as in a container
            "allow_unauthenticated_access": False,
            "terminals_enabled": True,
            "log_level": "WARN",
        }
    )
    config.LabApp.update({"app_settings_dir": str(settings), "news_url": None})
    config.LabApp.extension_manager = "readonly"
    config.ExtensionApp.open_browser = False
    return config


def main():
    """Serve until the job is stopped, or nobody does anything any more."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--idle_minutes", type=float, default=30)
    wanted = parser.parse_args()
    out = Path(os.environ.get("ALLMENDE_OUT", "run/out")).absolute()
    notebooks = out / "notebooks"
    notebooks.mkdir(parents=True, exist_ok=True)
    app = LabApp.initialize_server(argv=[], config=configure(notebooks))
    IdleWatch(app, idle_minutes=wanted.idle_minutes)
    attempt = int(os.environ.get("ALLMENDE_ATTEMPT", "1"))
    draft = out / ".session.json.new"
    draft.write_text(json.dumps({"attempt": attempt, "port": app.port}))
    draft.replace(out / "session.json")
    print("JupyterLab is ready. Open it from the page of this job.", flush=True)
    app.start()


if __name__ == "__main__":
    main()
