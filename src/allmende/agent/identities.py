"""Who an agent is: its key, its name, and the centre that it trusts; files of its home."""

import fcntl
import json
import os
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from allmende.domain.basics.refusals import Refusal
from allmende.domain.trust import signatures

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class NotEnrolled(Refusal):
    """No agent of {site} is enrolled on this machine. The operator makes a code with "allmende
    agents enrol {site}"; use it with "allmende agent enrol --site {site} --centre ADDRESS CODE"."""

    status = 404


class OtherSite(Refusal):
    """The agent of this home speaks for {own}, not for {site}. Choose its home with
    ALLMENDE_HOME."""


class AgentRunsAlready(Refusal):
    """The agent of this home runs already, so this one stands aside."""


class NotEncrypted(Refusal):
    """{address} is not encrypted. Write https://, or run both on one machine."""

    status = 422


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What the agent was told when it was enrolled."""

    agent_id: str
    site_id: str
    centre: str  # its address: "https://ai.example.org"
    centre_key: str  # its public key, in hexadecimal digits


class Safe:
    """The folder in which an agent keeps its keys. Whoever can read it can speak for the site."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make_folder(self) -> None:
        """Make the folder, for its owner only."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def lock(self) -> int:
        """Keep every other agent out of this home until this process ends."""
        self.make_folder()
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise AgentRunsAlready from error
        return descriptor

    def read_identity(self, site_id: str) -> Identity:
        """Return who we are; `NotEnrolled` before an enrolment."""
        try:
            identity = Identity(**json.loads((self.folder / "identity.json").read_text()))
        except FileNotFoundError as error:
            raise NotEnrolled(site=site_id) from error
        if identity.site_id != site_id:
            raise OtherSite(own=identity.site_id, site=site_id)
        return identity

    def read_key(self) -> bytes:
        """Return the private key that the centre knows us by."""
        return bytes.fromhex((self.folder / "agent.key").read_text())

    def find_next_key(self) -> bytes | None:
        """Return the private key that is to take its place, None where none is."""
        with suppress(FileNotFoundError):
            return bytes.fromhex((self.folder / "next.key").read_text())
        return None

    def make_next_key(self) -> bytes:
        """Return the key that is to take the place of the present one, made if there is none."""
        key = self.find_next_key()
        if key is None:
            key = secrets.token_bytes(signatures.KEY_BYTES)
            self._write("next.key", key.hex())
        return key

    def promote_next_key(self) -> None:
        """Let the next key be the key: the centre knows us by it from now on."""
        (self.folder / "next.key").replace(self.folder / "agent.key")
        self._sync()

    def begin(self, identity: Identity, key: bytes) -> None:
        """Be somebody new: the identity comes last, so that it is never without its key."""
        self._write("agent.key", key.hex())
        (self.folder / "next.key").unlink(missing_ok=True)
        self._write("identity.json", json.dumps(asdict(identity)))

    def _write(self, name: str, text: str) -> None:
        draft = self.folder / f".{name}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.folder / name)
        self._sync()

    def _sync(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def check_address(address: str) -> str:
    """Return the address of the centre; refuse one over which anybody could listen in."""
    parts = urlsplit(address.rstrip("/"))
    is_here = parts.scheme == "http" and parts.hostname in LOOPBACK
    if not parts.hostname or not (parts.scheme == "https" or is_here):
        raise NotEncrypted(address=address)
    return parts.geturl()
