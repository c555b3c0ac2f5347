"""The agent's loop: tend the machine, call the centre, wait; until it is told to stop."""

import contextlib
import os
import random
import signal
import sqlite3
import threading
import time
from types import FrameType
from typing import Any

import structlog

from allmende import __version__, wiring
from allmende.agent import calls
from allmende.agent.codes import Codes
from allmende.agent.errands import EAGER_SECONDS, Errands
from allmende.agent.identities import Safe
from allmende.agent.removals import Removals
from allmende.agent.site_agent import SiteAgent
from allmende.agent.spools import Spool
from allmende.agent.usage import UsageSource
from allmende.domain.basics.refusals import Refusal
from allmende.domain.scheduling.backends import BackendOf
from allmende.domain.scheduling.reaches import Reach
from allmende.domain.trust import envelopes, signatures
from allmende.domain.trust.agents import AgentIsRevoked, CallIsRepeated, ProtocolsDoNotMeet
from allmende.wiring import home, machines

HEARTBEAT_SECONDS = 1.0
# Between two calls while something runs: a page looks each second, and has it within two.
WATCH_SECONDS = 0.5

log = structlog.get_logger("allmende.agent")


class Backoff:
    """How long to wait after calls that failed: twice as long each time, and never all at once."""

    def __init__(self, *, first_seconds: float = 1.0, most_seconds: float = 60.0) -> None:
        self.first_seconds = first_seconds
        self.most_seconds = most_seconds
        self.failures = 0

    def succeed(self) -> None:
        """Begin anew."""
        self.failures = 0

    def fail(self) -> float:
        """Return the seconds to wait now."""
        longest = min(self.most_seconds, self.first_seconds * 2.0**self.failures)
        self.failures = min(self.failures + 1, 30)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - nobody gains by guessing it


class SomebodyElseSpeaks(Refusal):
    """Somebody else speaks for {site} with the key of this agent: the centre has taken call
    {theirs}, and the last one from here was {own}. A second agent runs with a copy of this home,
    or this home is an old copy. Find out which, and enrol the right one anew."""


class SentAway(Refusal):
    """The centre sent this agent away: {sentence}"""

    status = 403


class Loop:
    """One agent at work. Killed at any instant, the next one carries on."""

    def __init__(
        self,
        site_id: str,
        *,
        backend_of: BackendOf = machines.machine_of,
        reach: Reach | None = None,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        most_seconds: float = 60.0,
    ) -> None:
        self.safe = Safe(home.home() / "agent")
        self.identity = self.safe.read_identity(site_id)
        self.lock = self.safe.lock()
        self.key = self.safe.read_key()
        self.spool = Spool(self.safe.folder / "spool.sqlite3")
        self.agent = SiteAgent(
            self.spool,
            backend_of=backend_of,
            places=lambda launch: machines.places(launch, site_id=site_id),
            unseal=lambda launch: envelopes.open_with(self._list_keys(), launch),
            now=wiring.now,
            software=__version__,
            codes=Codes(self.safe.folder / "code"),
            usage=UsageSource(reach.accounting(), now=wiring.now) if reach else None,
            errands=Errands(reach, site_id=site_id, removals=self._remove_with(backend_of)),
        )
        self.backoff = Backoff(first_seconds=heartbeat_seconds, most_seconds=most_seconds)
        self.heartbeat_seconds = heartbeat_seconds
        self.calls_at = self.tends_at = float("-inf")
        self.stopping = threading.Event()
        self._said = ""

    def _remove_with(self, backend_of: BackendOf) -> Removals:
        return Removals(
            self.spool,
            backend_of=backend_of,
            site_id=self.identity.site_id,
            now=wiring.now,
            sign=lambda message: signatures.sign(self.key, message),
        )

    def run(self) -> None:
        """Work until a signal arrives; a refusal that lasts ends it."""
        while not self.stopping.is_set():
            started = time.monotonic()
            self.beat()
            self.stopping.wait(max(0.0, started + self._pace() - time.monotonic()))

    def _pace(self) -> float:
        """Return the seconds from one beat to the next."""
        if self.backoff.failures:
            return self.heartbeat_seconds
        if self.agent.is_busy:
            return 0.0
        if self.agent.errands.is_eager:
            return min(EAGER_SECONDS, self.heartbeat_seconds)
        watches = self.agent.is_watching
        return min(WATCH_SECONDS, self.heartbeat_seconds) if watches else self.heartbeat_seconds

    def close(self) -> None:
        """Let another agent have this home."""
        self.spool.close()
        os.close(self.lock)

    def beat(self) -> None:
        """Tend the machine, and call the centre if it is time to."""
        try:
            if self.agent.is_busy or time.monotonic() >= self.tends_at:
                self.tends_at = time.monotonic() + self.heartbeat_seconds
                self.agent.tend()
            if time.monotonic() >= self.calls_at:
                self._call()
        except sqlite3.Error as error:
            # Mostly a full disk. Nothing is lost: what could not be noted is seen again.
            self._fail(f"the spool cannot be written: {error}")

    def _call(self) -> None:
        next_key = self.safe.find_next_key()
        # After a failure it may be known by the next key already: then that answer got lost.
        is_next = next_key is not None and self.backoff.failures % 2 == 1
        report = self.agent.write_report()
        report["sealing_key"] = envelopes.public_key_of(self._list_keys()[-1]).hex()
        if next_key is not None:
            report["next_key"] = self._offer(next_key)
        key = next_key if next_key is not None and is_next else self.key
        counter = self.spool.count_on()
        try:
            answer = calls.exchange(self.identity, key, counter=counter, report=report)
        except calls.Refused as refused:
            self._take_refusal(refused, counter=counter)
        except calls.NoAnswer as refusal:
            self._fail(str(refusal))
        else:
            self._take(report, answer, next_key=next_key)

    def _take(self, report: Any, answer: Any, *, next_key: bytes | None) -> None:
        try:
            self.agent.take_answer(report, answer)
        except (LookupError, TypeError, ValueError) as error:
            self._fail(f"the answer of the centre cannot be read: {error!r}")
            return
        if next_key is not None and answer["fingerprint"] == _fingerprint(next_key):
            self.safe.promote_next_key()
            self.key = next_key
            log.info("the key was changed", fingerprint=answer["fingerprint"])
        if self.backoff.failures or not self._said:
            self._said = "connected"
            log.info("connected", centre=self.identity.centre, site=self.identity.site_id)
        self.backoff.succeed()

    def _list_keys(self) -> list[bytes]:
        """Return the key that the centre knows us by, and the one that is to take its place."""
        next_key = self.safe.find_next_key()
        return [self.key] if next_key is None else [self.key, next_key]

    def _offer(self, next_key: bytes) -> dict[str, str]:
        public_key = signatures.public_key_of(next_key)
        message = signatures.succession_message(
            agent_id=self.identity.agent_id, public_key=public_key
        )
        return {"public_key": public_key.hex(), "proof": signatures.sign(next_key, message)}

    def _take_refusal(self, refused: calls.Refused, *, counter: int) -> None:
        if refused.answer_code == AgentIsRevoked.code():
            raise SentAway(sentence=str(refused.facts["sentence"]))
        if refused.answer_code == CallIsRepeated.code():
            theirs = int(refused.answer_facts["counter"])
            if theirs > counter:
                raise SomebodyElseSpeaks(site=self.identity.site_id, theirs=theirs, own=counter)
            return  # this call was taken, and its answer went astray: the next one tells as much
        if refused.answer_code == ProtocolsDoNotMeet.code():
            self.backoff.failures = max(self.backoff.failures, 6)  # that takes a person
        self._fail(str(refused))

    def _fail(self, words: str) -> None:
        self.calls_at = time.monotonic() + self.backoff.fail()
        if words != self._said:
            self._said = words
            log.warning("waiting", sentence=words)

    def stop(self, *_: int | FrameType | None) -> None:
        """End after the current beat."""
        self.stopping.set()


def run(site_id: str, **choices: Any) -> None:
    """Run an agent in the foreground until SIGTERM or Ctrl-C."""
    choices.setdefault("reach", machines.find_reach(site_id))
    loop = Loop(site_id, **choices)
    signal.signal(signal.SIGTERM, loop.stop)
    signal.signal(signal.SIGINT, loop.stop)
    with contextlib.closing(loop):
        loop.run()


def enrol(*, site_id: str, centre: str, code: str) -> str:
    """Let the agent of this home be enrolled; return the fingerprint of its key."""
    safe = Safe(home.home() / "agent")
    lock = safe.lock()
    try:
        calls.enrol(safe, site_id=site_id, centre=centre, code=code, software=__version__)
        return _fingerprint(safe.read_key())
    finally:
        os.close(lock)


def rotate(site_id: str) -> str:
    """Make a new key, which the agent uses from its next call on; return its fingerprint."""
    safe = Safe(home.home() / "agent")
    safe.read_identity(site_id)
    return _fingerprint(safe.make_next_key())


def _fingerprint(key: bytes) -> str:
    return signatures.fingerprint_of(signatures.public_key_of(key))
