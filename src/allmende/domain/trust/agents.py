"""A site agent: a program beside a machine that calls in, takes orders, and reports."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from allmende.domain.basics.refusals import Refusal
from allmende.domain.trust import signatures

# What this version of Allmende speaks, the newest last. Centre and agent each keep at least one
# older version, so that they need not be upgraded on the same day.
PROTOCOLS = (1, 2, 3)
ERRANDS_SINCE = 2  # agents of this protocol run errands on their cluster
WHOLE_JOBS_SINCE = 3  # and those of this one know all that a job file may say of its place
CODE_LIFE = timedelta(hours=1)
CODE_MARK = "allmende-agent"
ENROL_PATH, EXCHANGE_PATH = "/api/agents/enrol", "/api/agents/exchange"
AGENT_HEADER, COUNTER_HEADER = "Allmende-Agent", "Allmende-Counter"
SIGNATURE_HEADER, KEY_HEADER = "Allmende-Signature", "Allmende-Key"
QUIET_AFTER = timedelta(minutes=2)


class AgentIsUnknown(Refusal):
    """No agent of that name and key is enrolled here. The operator makes a code with
    "allmende agents enrol SITE", and it is used with "allmende agent enrol"."""

    status = 401


class AgentIsRevoked(Refusal):
    """The agent of {site} was revoked. Enrol it again with a new code of the operator."""

    status = 403


class CallIsRepeated(Refusal):
    """A call with this counter was answered before; the last one was {counter}. Repeated calls
    change nothing."""

    status = 409


class CodeIsUnknown(Refusal):
    """This enrolment code does not work: it was used, it has expired, or it is for another site.
    The operator makes a new one with "allmende agents enrol SITE"."""

    status = 401


class CodeIsMisspelt(Refusal):
    """This is no enrolment code. Copy all of what "allmende agents enrol SITE" printed."""

    status = 422


class ProtocolsDoNotMeet(Refusal):
    """The agent speaks version {theirs} of the protocol and the centre {ours}. Install Allmende
    {software} on the machine of the agent, or the newer of the two on both."""

    status = 426


class AgentIsTooOld(Refusal):
    """The agent of {site} is of an older version, which would leave out {key} of the job file.
    Choose another partition, or ask the operators of that site to install the newer version."""

    status = 422


class SiteHasNoAgent(Refusal):
    """Jobs at {site} do not run through an agent. Write agent = true at the site in factory.toml
    first."""


class BadKey(Refusal):
    """The new key is none, or whoever sent it does not have it. Nothing was changed."""

    status = 422


@dataclass(frozen=True, kw_only=True)
class EnrolmentCode:
    """What the centre keeps of a one-time code, until it was used or has expired."""

    id: str
    site_id: str
    secret: bytes
    expires_at: datetime
    used_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Agent:
    """What the centre knows of an agent. Its private key never leaves its machine."""

    id: str
    site_id: str
    public_key: bytes
    enrolled_at: datetime
    sealing_key: bytes = b""  # what secrets for it are sealed with, as it last said; none: b""
    revoked_at: datetime | None = None
    counter: int = 0  # of the last call that was taken
    received: int = 0  # the last message that was taken; all before it were, too
    protocol: int = 0
    software: str = ""
    last_contact_at: datetime | None = None
    spool_depth: int = 0  # messages that wait at the agent, as it last said
    trouble: str = ""  # what keeps it from its work, as it last said

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint of its key."""
        return signatures.fingerprint_of(self.public_key)

    @property
    def takes_secrets(self) -> bool:
        """Say whether it has named a key that secrets can be sealed for."""
        return bool(self.sealing_key)

    def is_quiet(self, now: datetime) -> bool:
        """Say whether it should have called in again by now."""
        return self.last_contact_at is None or now - self.last_contact_at > QUIET_AFTER


def write_code(code: EnrolmentCode, *, centre_key: bytes) -> str:
    """Return the code as it is shown once: its name, its secret, and whom the agent will trust."""
    fingerprint = signatures.fingerprint_of(centre_key)
    return f"{CODE_MARK}.{code.id}.{code.secret.hex()}.{fingerprint}"


def read_code(text: str) -> tuple[str, bytes, str]:
    """Return name, secret and the centre's fingerprint from a code; `CodeIsMisspelt` otherwise."""
    parts = text.strip().split(".")
    if len(parts) != 4 or parts[0] != CODE_MARK or len(parts[3]) != 64:
        raise CodeIsMisspelt
    try:
        return parts[1], bytes.fromhex(parts[2]), parts[3]
    except ValueError as error:
        raise CodeIsMisspelt from error


def check_code(
    code: EnrolmentCode | None, proof: str, *, site_id: str, public_key: bytes, now: datetime
) -> EnrolmentCode:
    """Return the code if it was used rightly; what is wrong with it is not told to strangers."""
    if (
        code is None
        or code.used_at is not None
        or now >= code.expires_at
        or code.site_id != site_id
        or len(public_key) != signatures.KEY_BYTES
        or not signatures.is_proof(proof, code.secret, site_id=site_id, public_key=public_key)
    ):
        raise CodeIsUnknown
    return code


def check_signature(
    agent: Agent | None, signature: str, *, path: str, counter: int, body: bytes
) -> Agent:
    """Return the agent if it is the one that says this here; strangers learn nothing."""
    if agent is None:
        raise AgentIsUnknown
    message = signatures.request_message(path=path, agent_id=agent.id, counter=counter, body=body)
    if not signatures.is_signed(agent.public_key, message, signature):
        raise AgentIsUnknown
    return agent


def check_call(agent: Agent, *, counter: int) -> None:
    """Refuse what was revoked, and what was said before."""
    if agent.revoked_at is not None:
        raise AgentIsRevoked(site=agent.site_id)
    if counter <= agent.counter:
        raise CallIsRepeated(counter=agent.counter)


def choose_protocol(offered: Iterable[int], *, software: str) -> int:
    """Return the newest protocol that both speak, or refuse with what to install."""
    theirs = sorted(set(offered))
    common = set(theirs) & set(PROTOCOLS)
    if not common:
        raise ProtocolsDoNotMeet(
            theirs=", ".join(map(str, theirs)) or "?",
            ours=", ".join(map(str, PROTOCOLS)),
            software=software,
        )
    return max(common)


def succeed(agent: Agent, public_key: bytes, proof: str) -> Agent:
    """Return the agent with a new key, which its owner has proven to have."""
    message = signatures.succession_message(agent_id=agent.id, public_key=public_key)
    if not signatures.is_signed(public_key, message, proof):
        raise BadKey
    return replace(agent, public_key=public_key)


def revoke(agent: Agent, *, now: datetime) -> Agent:
    """Return the agent revoked; revoking again changes nothing."""
    return agent if agent.revoked_at else replace(agent, revoked_at=now)
