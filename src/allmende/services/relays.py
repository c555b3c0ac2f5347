"""The backend of a site with an agent: orders are rows, and what it shows is what was reported.

Nothing here waits for a site. An order is taken up when the agent calls; what has come from there
is served from the home. An attempt ends here when its files have come, so whoever reads them then
reads all of them.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from allmende.domain.basics.mistakes import MACHINE_TROUBLE
from allmende.domain.basics.refusals import NotFound, Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling import errands
from allmende.domain.scheduling.backends import (
    MOST_PROGRESS_BYTES,
    AttemptState,
    EndReason,
    Launch,
    Observation,
    ProgressFile,
)
from allmende.domain.scheduling.errands import ErrandKind
from allmende.domain.scheduling.exchanges import FileKind, FileName, Order
from allmende.domain.scheduling.site_values import read_text
from allmende.domain.trust import envelopes, signatures
from allmende.services.errands import Messenger
from allmende.storage import agents as agent_store
from allmende.storage import database
from allmende.storage import relays as store
from allmende.storage.relay_files import RelayFolder
from allmende.storage.relays import Relayed, RelayedFile


class NobodyTakesSecrets(Refusal):
    """The secrets of the job cannot be sealed: no agent of {site} takes them now. The job starts
    when one does."""

    status = 503


class LeftAtSite(Refusal):
    """{name} has {bytes} bytes, too many to be passed on from {site}. Copy it from the job's
    folder there."""

    status = 413


class Relay:
    """Implements `Backend` for the partitions of a site that an agent drives."""

    def __init__(
        self,
        *,
        site_id: str,
        partition_id: str,
        folder: RelayFolder,
        new_key: Callable[[], bytes],
        messenger: Messenger,
    ) -> None:
        self.site_id = site_id
        self.partition_id = partition_id
        self.folder = folder
        self.now = messenger.now
        self.new_key = new_key  # 32 random bytes
        self.messenger = messenger

    def start(self, launch: Launch) -> None:
        """Order the attempt, or do nothing when its key was ordered before.

        An order is a row of the database: secrets stand in it sealed for the agent of the site.
        """
        if launch.secrets:
            launch = self._seal(launch)
        database.run_whole(lambda: self._order(launch))

    def _seal(self, launch: Launch) -> Launch:
        agent = agent_store.find_working_agent(self.site_id)
        if agent is None or not agent.takes_secrets:
            raise NobodyTakesSecrets(site=self.site_id)
        return envelopes.close(launch, agent.sealing_key, one_time_key=self.new_key())

    def _order(self, launch: Launch) -> None:
        if store.find_relayed(launch.key) is not None:
            return
        order = Order(
            key=launch.key,
            revision=store.next_revision(self.site_id),
            partition_id=self.partition_id,
            launch=launch,
        )
        store.save_relayed(
            Relayed(
                order=order,
                site_id=self.site_id,
                job_id=launch.job_id,
                ordered_at=self.now(),
            )
        )

    def stop(self, key: str, *, reason: EndReason, grace_seconds: int) -> None:
        """Order the attempt to end. Unknown or ended: do nothing."""
        database.run_whole(lambda: self._order_stop(key, reason, grace_seconds))

    def _order_stop(self, key: str, reason: EndReason, grace_seconds: int) -> None:
        relayed = store.find_relayed(key)
        if relayed is None or relayed.file_ids is not None:
            return
        wanted = {"stop_reason": reason, "stop_grace_seconds": grace_seconds}
        if not relayed.is_handed_out:
            # Nobody there has heard of it, and nobody will: so it has ended.
            ended = Observation(
                key=key,
                state=AttemptState.ENDED,
                ended_at=self.now(),
                reason=reason,
                sentence=Sentence("It was called off before it began."),
            )
            relayed = store.reopen(relayed, **wanted, is_closed=True)
            store.save_relayed(replace(relayed, seen=ended, file_ids=()))
        elif (relayed.order.stop_reason, relayed.order.stop_grace_seconds) != (
            reason,
            grace_seconds,
        ):
            store.save_relayed(store.reopen(relayed, **wanted))

    def set_nice(self, wanted: Mapping[str, int]) -> None:
        """Do nothing: an order that was given keeps its priority."""

    def observe(self, keys: Iterable[str]) -> list[Observation]:
        """Report every key asked for, in that order; `UNKNOWN` for one never ordered."""
        wanted = list(keys)
        known = store.list_relayed(self.site_id, wanted)
        unseen = any(each.seen is None for each in known.values())
        why = self._why_it_waits() if unseen else None
        return [self._observe(key, known.get(key), why) for key in wanted]

    def _observe(self, key: str, relayed: Relayed | None, why: Sentence | None) -> Observation:
        if relayed is None:
            return Observation(key=key, state=AttemptState.UNKNOWN)
        seen = relayed.seen
        if seen is None or (seen.started_at is None and not relayed.order.is_closed):
            return Observation(key=key, state=AttemptState.QUEUED, wait=seen.wait if seen else why)
        if seen.state is AttemptState.ENDED and not relayed.order.is_closed:
            # Its files are still coming.
            return Observation(key=key, state=AttemptState.RUNNING, started_at=seen.started_at)
        return seen

    def _why_it_waits(self) -> Sentence:
        agent = agent_store.find_working_agent(self.site_id)
        if agent is None:
            return Sentence(
                "No agent of {site} is enrolled, so nothing can start there. The operators know "
                "how: allmende agents enrol {site}",
                {"site": self.site_id},
            )
        if agent.last_contact_at and agent.is_quiet(self.now()):
            return Sentence(
                "{site} is cut off: its agent has not called in since {instant}. The job starts "
                "when it does.",
                {"site": self.site_id, "instant": agent.last_contact_at},
            )
        return Sentence("The agent of {site} starts it at its next call.", {"site": self.site_id})

    def read_log(self, key: str, *, offset: int, limit: int) -> bytes:
        """Return up to `limit` bytes of the output that has come, from `offset`."""
        return self._read(FileName(kind=FileKind.LOG, owner=key), offset=offset, limit=limit)

    def measure_log(self, key: str) -> int:
        """Return how many bytes of the output have come."""
        return self._measure(FileName(kind=FileKind.LOG, owner=key))

    def read_progress(
        self, job_id: str, *, offset: int = 0, limit: int = MOST_PROGRESS_BYTES
    ) -> bytes:
        """Return up to `limit` bytes of the job's progress, as far as it has come."""
        file = FileName(kind=FileKind.PROGRESS, owner=job_id)
        return self._read(file, offset=offset, limit=limit)

    def measure_progress(self, job_id: str) -> int:
        """Return how many bytes of the job's progress have come."""
        return self._measure(FileName(kind=FileKind.PROGRESS, owner=job_id))

    def open_progress(self, job_ids: Iterable[str]) -> Iterator[ProgressFile]:
        """Look up each job's progress, as far as it has come, and that of all jobs at once."""
        wanted = list(job_ids)
        found = store.find_progress_files(self.site_id, wanted)
        for file in map(found.get, wanted):
            yield ProgressFile(
                size_bytes=file.have_bytes if file else 0, read=partial(self._read_found, file)
            )

    def list_output(self, job_id: str) -> dict[str, int]:
        """Return the files that the job's last attempt left, and their sizes in bytes."""
        found = store.list_output_files(self.site_id, job_id)
        return {each.file.name: each.size_bytes for each in found}

    def read_output(
        self, job_id: str, name: str, *, offset: int = 0, limit: int | None = None
    ) -> bytes:
        """Return up to `limit` bytes of one file of the output folder; empty at its end."""
        if "\0" in name:
            raise NotFound(kind="file", id=name)
        file = FileName(kind=FileKind.OUTPUT, owner=job_id, name=name)
        found = store.find_file(self.site_id, file)
        if found is None:
            raise NotFound(kind="file", id=name)
        if found.stays_there:
            raise LeftAtSite(name=name, bytes=found.size_bytes, site=self.site_id)
        left = max(0, found.have_bytes - max(0, offset))
        most = left if limit is None else min(limit, left)
        return self.folder.read(found.id, offset=offset, limit=most)

    def has_environment(self, environment_id: str, *, account: str, user_name: str) -> bool | None:  # noqa: ARG002 - nobody is asked
        """Say nothing of the environments there: only the site knows, and nobody waits for it."""
        return None

    def list_environments(self) -> list[str]:
        """Return nothing: what lies there is for the site to remove."""
        return []

    def remove_environments(self, account: str) -> int:  # noqa: ARG002 - as above
        """Remove nothing."""
        return 0

    def remove_output(self, job_id: str) -> Mapping[str, str]:
        """Let the agent delete what a job left, and delete what came here; return its signed word.

        `SiteIsCutOff` and others with a status of 503 where it is not known whether it was done:
        then what came here is gone all the same.
        """
        try:
            said = self.messenger.ask(
                ErrandKind.REMOVE_OUTPUT, partition=self.partition_id, job=job_id
            )
            word = self._check_word(said, job_id)
        except Refusal as refusal:
            if refusal.status >= MACHINE_TROUBLE:
                self.forget_output(job_id)
            raise
        self.forget_output(job_id)
        return word

    def _check_word(self, said: Any, job_id: str) -> dict[str, str]:
        """Return what the agent of the site says under its signature, for whoever checks it."""
        statement, signature = errands.read_answer(
            lambda value: (read_text(value["statement"]), read_text(value["signature"])), said
        )
        facts = errands.read_answer(lambda value: dict(json.loads(value)), statement)
        agent = agent_store.find_working_agent(self.site_id)
        message = signatures.deletion_message(statement)
        is_about_it = (facts.get("site"), facts.get("job")) == (self.site_id, job_id)
        if (
            agent is None
            or not is_about_it
            or not signatures.is_signed(agent.public_key, message, signature)
        ):
            raise errands.AnswerUnreadable(problem="the word of another")
        return {
            "site": self.site_id,
            "site_statement": statement,
            "site_signature": signature,
            "site_public_key": agent.public_key.hex(),
        }

    def forget_output(self, job_id: str) -> None:
        """Delete what came here of what a job left."""
        files = store.list_output_files(self.site_id, job_id)
        for file in files:
            self.folder.remove(file.id)
        store.forget_files([file.id for file in files])

    def _measure(self, file: FileName) -> int:
        found = store.find_file(self.site_id, file)
        return found.have_bytes if found else 0

    def _read(self, file: FileName, *, offset: int, limit: int) -> bytes:
        return self._read_found(store.find_file(self.site_id, file), offset=offset, limit=limit)

    def _read_found(self, found: RelayedFile | None, *, offset: int, limit: int) -> bytes:
        if found is None:
            return b""
        left = max(0, found.have_bytes - max(0, offset))
        return self.folder.read(found.id, offset=offset, limit=min(limit, left))
