"""What came from a site with a call: observations, ends, and files piece by piece."""

from dataclasses import asdict, replace
from typing import Any

from allmende.domain.scheduling.backends import AttemptState, Observation
from allmende.domain.scheduling.exchanges import (
    LARGEST_BYTES,
    LARGEST_OUTPUTS_BYTES,
    FileFacts,
    FileKind,
    FileName,
    MisshapenReport,
    file_facts_from_json,
    place_in_time,
)
from allmende.services import audit
from allmende.services.deeds import Deed
from allmende.storage import relays as store
from allmende.storage.relay_files import RelayFolder
from allmende.storage.relays import Relayed, RelayedFile

# A file that comes three times as something else than was said has changed since: it is kept so.
MOST_TRIES = 3
MOST_FILES = 5000  # of one attempt


class Incoming:
    """Takes what an agent says of its own site, inside the transaction of its call.

    Whatever it says of an attempt that is not there, or that has ended, changes nothing.
    """

    def __init__(self, deed: Deed, site_id: str, *, folder: RelayFolder) -> None:
        self.deed = deed
        self.site_id = site_id
        self.folder = folder

    def take_observation(self, seen: Observation) -> None:
        """Note what an attempt that has not ended is like."""
        relayed = self._find(seen.key)
        if relayed is None or relayed.file_ids is not None:
            return
        placed = place_in_time(seen, ordered_at=relayed.ordered_at, now=self.deed.now)
        if relayed.seen and relayed.seen.started_at:
            # It began when it was first seen to have begun.
            placed = replace(placed, started_at=relayed.seen.started_at)
        store.save_relayed(replace(relayed, seen=placed))

    def take_end(self, seen: Observation, files: list[Any]) -> None:
        """Note that an attempt has ended, and which files of it are to come."""
        relayed = self._find(seen.key)
        if relayed is None or relayed.file_ids is not None:
            return
        if seen.state is not AttemptState.ENDED or seen.ended_at is None or seen.reason is None:
            raise MisshapenReport(problem="an end without its instant or reason")
        if len(files) > MOST_FILES:
            raise MisshapenReport(problem="too many files")
        facts = [file_facts_from_json(each) for each in files]
        if not all(_is_of(relayed, each.file) for each in facts):
            raise MisshapenReport(problem="files of others")
        if sum(each.size_bytes for each in facts if _is_sent(each)) > LARGEST_OUTPUTS_BYTES:
            raise MisshapenReport(problem="more output than is passed on")
        placed = place_in_time(seen, ordered_at=relayed.ordered_at, now=self.deed.now)
        self._forget_others(relayed, {each.file for each in facts})
        awaited = [file.id for each in facts if (file := self._await(each))]
        store.save_relayed(replace(relayed, seen=placed, file_ids=tuple(awaited)))
        audit.record(
            self.deed, action="attempt.end_reported", subject=seen.key, reason=seen.reason.value
        )

    def take_piece(self, name: FileName, *, offset: int, content: bytes) -> int | None:
        """Add a piece to a file that is still growing; return how much of it is here.

        None: nobody asked for it. An empty piece asks where to go on.
        """
        file = self._find_growing(name)
        if file is None:
            return None
        most = LARGEST_BYTES[name.kind] if file.size_bytes < 0 else file.size_bytes
        new = content[max(0, file.have_bytes - offset) : max(0, most - offset)]
        if new and 0 <= offset <= file.have_bytes and not file.is_whole:
            self.folder.write(file.id, offset=file.have_bytes, content=new)
            file = self._settle(replace(file, have_bytes=file.have_bytes + len(new)))
        return file.have_bytes

    def give_up(self, name: FileName) -> None:
        """Expect no more of a file that is gone from its site, such as scratch that was cleared."""
        file = store.find_file(self.site_id, name)
        if file and not file.is_whole and file.size_bytes >= 0:
            is_output = name.kind is FileKind.OUTPUT  # part of a model is none
            store.save_file(replace(file, is_whole=True, stays_there=is_output))

    def close_whole(self) -> None:
        """End every attempt whose files have all come."""
        for relayed in store.list_ending(self.site_id):
            if all(file.is_whole for file in store.list_files(relayed.file_ids or ())):
                store.save_relayed(store.reopen(relayed, is_closed=True))

    def list_wanted(self, *, limit: int) -> list[dict[str, Any]]:
        """Return the files that are still to come from attempts that have ended, and from where."""
        files = [
            file
            for relayed in store.list_ending(self.site_id)
            for file in store.list_files(relayed.file_ids or ())
            if not file.is_whole
        ]
        return [
            {"file": asdict(file.file), "have_bytes": file.have_bytes} for file in files[:limit]
        ]

    def _find(self, key: str) -> Relayed | None:
        relayed = store.find_relayed(key)
        return relayed if relayed and relayed.site_id == self.site_id else None

    def _find_growing(self, name: FileName) -> RelayedFile | None:
        """Return a file of an attempt that is not closed; one that is new gets its number."""
        job_id = name.owner.rpartition(".")[0] if name.kind is FileKind.LOG else name.owner
        attempts = store.list_open(self.site_id, job_id)
        if name.kind is FileKind.LOG:
            attempts = [each for each in attempts if each.order.key == name.owner]
        if not attempts:
            return None
        if name.kind is FileKind.OUTPUT:
            return store.find_file(self.site_id, name)
        file = store.get_or_add_file(self.site_id, name)
        if file.is_whole and any(each.file_ids is None for each in attempts):
            # The progress of a job goes on with its next attempt.
            file = replace(file, is_whole=False, size_bytes=-1, sha256="")
        return file

    def _await(self, facts: FileFacts) -> RelayedFile | None:
        """Return the file of which something is still to come, None where nothing is."""
        file = store.get_or_add_file(self.site_id, facts.file)
        if facts.sha256 and file.is_whole and file.sha256 == facts.sha256:
            return None
        grows = facts.file.kind is not FileKind.OUTPUT and file.have_bytes <= facts.size_bytes
        file = replace(
            file,
            size_bytes=facts.size_bytes,
            sha256=facts.sha256,
            have_bytes=file.have_bytes if grows else 0,
            is_whole=False,
            stays_there=not facts.sha256,
            tries=0,
        )
        if not file.stays_there and facts.size_bytes > LARGEST_BYTES[facts.file.kind]:
            raise MisshapenReport(problem="a file that is too large")
        file = self._settle(file)
        return None if file.stays_there or file.is_whole else file

    def _settle(self, file: RelayedFile) -> RelayedFile:
        """Compare a file that is all here with what was said of it; begin anew if it differs."""
        if file.have_bytes == file.size_bytes and file.sha256:
            found = self.folder.digest(file.id, size_bytes=file.size_bytes)
            tries = file.tries + (found != file.sha256)
            is_whole = found == file.sha256 or tries >= MOST_TRIES
            have_bytes = file.have_bytes if is_whole else 0
            file = replace(file, is_whole=is_whole, tries=tries, have_bytes=have_bytes)
        store.save_file(file)
        return file

    def _forget_others(self, relayed: Relayed, names: set[FileName]) -> None:
        """Forget the output of earlier attempts that is gone."""
        outputs = store.list_output_files(self.site_id, relayed.job_id)
        gone = [file.id for file in outputs if file.file not in names]
        store.forget_files(gone)
        for number in gone:
            self.folder.remove(number)


def _is_sent(file: FileFacts) -> bool:
    return file.file.kind is FileKind.OUTPUT and bool(file.sha256)


def _is_of(relayed: Relayed, file: FileName) -> bool:
    owner = relayed.order.key if file.kind is FileKind.LOG else relayed.job_id
    return file.owner == owner and "\0" not in file.name
