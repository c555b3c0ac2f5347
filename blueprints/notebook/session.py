"""JupyterLab for one person: who comes through the gate is let in, nobody else.

The gate shows the token that the platform gave to this attempt alone, over TLS, once this has
shown a certificate that is this attempt's alone, too. The browser never sees the token: there is
no sign-in page, no cookie of Jupyter's, and nothing of it in an address.
"""

import argparse
import hmac
import json
import os
import shutil
import ssl
import tempfile
import time
from datetime import datetime
from pathlib import Path

from jupyter_server.auth import IdentityProvider, User
from jupyterlab.labapp import LabApp
from tornado.ioloop import PeriodicCallback
from traitlets.config import Config

# Taken out of the environment, so that no kernel and no terminal inherits them.
TOKEN = os.environ.pop("ALLMENDE_SESSION_TOKEN", "")
IDENTITY = os.environ.pop("ALLMENDE_SESSION_IDENTITY", "")  # private key and certificate, in PEM
ADDRESS = os.environ.pop("ALLMENDE_SESSION_ADDRESS", "127.0.0.1")  # "": all of this node's
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


def configure(folder, settings):
    """Return Jupyter's settings: for one person, from this machine's files alone."""
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
            "ip": ADDRESS,
            "port": 0,
            "base_url": f"/session/{os.environ.get('ALLMENDE_JOB_ID', 'by-hand')}/",
            "root_dir": str(folder),
            "open_browser": False,
            "allow_remote_access": True,  # the gate has checked under which name it was called
            "allow_root": True,  # where the platform itself runs so, as in a container
            "allow_unauthenticated_access": False,
            "terminals_enabled": True,
            "log_level": "WARN",
            "ssl_options": keep_identity(settings) if IDENTITY else {},
        }
    )
    # Whoever else works on this node could listen in on a kernel that speaks in clear.
    config.KernelManager.transport_encryption = "auto"
    config.LabApp.update({"app_settings_dir": str(settings), "news_url": None})
    config.LabApp.extension_manager = "readonly"
    config.ExtensionApp.open_browser = False
    return config


def keep_identity(settings):
    """Put what the gate knows this session by into a file, and return how it is shown."""
    path = settings / "identity.pem"
    path.touch(mode=0o600)
    path.write_text(IDENTITY)
    return {"certfile": str(path), "ssl_version": ssl.PROTOCOL_TLS_SERVER}


def main():
    """Serve until the job is stopped, or nobody does anything any more."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--idle_minutes", type=float, default=30)
    wanted = parser.parse_args()
    out = Path(os.environ.get("ALLMENDE_OUT", "run/out")).absolute()
    notebooks = out / "notebooks"
    notebooks.mkdir(parents=True, exist_ok=True)
    os.chdir(notebooks)  # where terminals begin
    os.environ.setdefault("SHELL", shutil.which("bash") or "sh")
    with tempfile.TemporaryDirectory(prefix="lab-") as settings:
        serve(out, configure(notebooks, Path(settings)), idle_minutes=wanted.idle_minutes)


def serve(out, config, *, idle_minutes):
    """Start JupyterLab, say where it listens, and stay until it ends."""
    app = LabApp.initialize_server(argv=[], config=config)
    IdleWatch(app, idle_minutes=idle_minutes)
    attempt = int(os.environ.get("ALLMENDE_ATTEMPT", "1"))
    draft = out / ".session.json.new"
    draft.write_text(json.dumps({"attempt": attempt, "port": app.port}))
    draft.replace(out / "session.json")
    print("JupyterLab is ready. Open it from the page of this job.", flush=True)
    app.start()


if __name__ == "__main__":
    main()
