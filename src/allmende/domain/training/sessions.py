"""Sessions: jobs that their owner opens in a browser while they run, through the gate."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from allmende.domain.basics.refusals import Refusal

# From the button of the portal to the gate; used once.
TICKET_LIFE = timedelta(seconds=60)
# How long a browser may come and go before somebody who is signed in lets it in again.
PASS_LIFE = timedelta(hours=12)
# What a session writes into its output folder once it listens.
DOOR_FILE = "session.json"
LARGEST_DOOR_BYTES = 1000
# Where people save, in the output folder: JupyterLab shows no other.
NOTEBOOKS = "notebooks/"
THIS_MACHINE = "127.0.0.1"
# The blueprint of a session that nobody wrote a job file for.
USUAL_SESSION = "notebook"
LOWEST_PORT, HIGHEST_PORT = 1024, 65535


class NoSession(Refusal):
    """Job {job} is no session: it runs by itself and cannot be opened. Its page shows what it
    does."""

    status = 422


class NotYourSession(Refusal):
    """Whoever opens a session acts as the person who started it, so only they open it. Start a
    session of your own instead of {job}."""

    status = 403


class SessionNotReady(Refusal):
    """The session {job} cannot be opened yet. Wait until it runs; its page says what it waits
    for."""


class SessionIsOver(Refusal):
    """The session {job} has ended, and what was saved lies with it. Start another one to go on."""

    status = 410


class PassRefused(Refusal):
    """This window is not open for you, or no longer. Press Open on the page of the job."""

    status = 403


class NoSessionsThere(Refusal):
    """The gate does not reach the nodes of {partition}, which are behind an agent. Choose a
    partition of another site, or send a job that needs nobody at the screen."""

    status = 422


class SeveralSessions(Refusal):
    """The job file makes {jobs} sessions, and somebody has to sit at each. Give every parameter one
    value, and start another session when one is not enough."""

    status = 422


@dataclass(frozen=True, kw_only=True)
class SessionPass:
    """What is kept of a ticket or a cookie: enough to recognise it, never the secret itself."""

    digest: str
    job_id: str
    person_id: str
    is_ticket: bool  # it lets one browser in, once
    expires_at: datetime


def address_of(job_id: str, gate: str) -> str:
    """Return the origin of a session: a host name of its own below that of the gate.

    What one session shows thereby reaches no other, even where one browser has opened both.
    """
    scheme, _, name = gate.partition("://")
    return f"{scheme}://{job_id}.{name}"


@dataclass(frozen=True, kw_only=True)
class Door:
    """Where a session listens, what it wants to be shown, and by what it is known itself."""

    host: str
    port: int
    token: str = field(repr=False)
    certificate: str  # in PEM


def read_port(content: bytes, *, attempt: int) -> int | None:
    """Return where the session of an attempt says that it listens; None while it does not.

    It is written by the job, so that anything may stand in it.
    """
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or said.get("attempt") != attempt:
        return None
    port = said.get("port")
    is_port = isinstance(port, int) and LOWEST_PORT <= port <= HIGHEST_PORT
    return port if is_port else None
