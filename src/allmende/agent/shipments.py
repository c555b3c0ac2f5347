"""Files of attempts as they are sent to the centre: described at the end, and piece by piece."""

import base64
import hashlib
import tempfile
import weakref
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from allmende.domain.basics.refusals import NotFound, Refusal
from allmende.domain.scheduling.backends import Backend
from allmende.domain.scheduling.exchanges import (
    LARGEST_BYTES,
    LARGEST_OUTPUTS_BYTES,
    FileFacts,
    FileKind,
    FileName,
    is_short,
)
from allmende.domain.training.sieves import Sieve

PIECE_BYTES = 256 * 1024
READ_BYTES = 2**20
MOST_OUTPUTS = 4000
MOST_SIFTED = 200  # jobs whose progress is at hand
MOST_SIFTED_BYTES = 2**20  # of a job's file, in one call while it runs
CUT = b"\n[allmende: the rest of this output is not passed on; it lies at the site]\n"


class Shipments:
    """Reads the files of one backend's jobs in the form in which the centre gets them."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._progress: OrderedDict[str, SiftedProgress] = OrderedDict()
        # The output file that is just being sent: backends hand out whole ones.
        self._held: tuple[FileName, bytes] | None = None

    def describe(self, key: str, job_id: str) -> list[FileFacts]:
        """Return what is to come of an attempt that has ended."""
        found = [self._describe(FileName(kind=FileKind.LOG, owner=key))]
        found.append(self._describe(FileName(kind=FileKind.PROGRESS, owner=job_id)))
        left_bytes = LARGEST_OUTPUTS_BYTES
        outputs = sorted(self.backend.list_output(job_id).items())
        for name, size_bytes in [each for each in outputs if is_short(each[0])][:MOST_OUTPUTS]:
            file = FileName(kind=FileKind.OUTPUT, owner=job_id, name=name)
            facts = FileFacts(file=file, size_bytes=size_bytes)
            if size_bytes <= min(left_bytes, LARGEST_BYTES[FileKind.OUTPUT]):
                left_bytes -= size_bytes
                try:
                    facts = self._describe(file)
                except NotFound:
                    continue  # it went while we looked
                except Refusal:
                    pass  # it stays where it is
            found.append(facts)
        return found

    def _describe(self, file: FileName) -> FileFacts:
        digest, size_bytes = hashlib.sha256(), 0
        for content in self._read_all(file):
            digest.update(content)
            size_bytes += len(content)
        return FileFacts(file=file, size_bytes=size_bytes, sha256=digest.hexdigest())

    def _read_all(self, file: FileName) -> Iterator[bytes]:
        offset = 0
        while content := self.read(file, offset=offset, limit=READ_BYTES, has_ended=True):
            yield content
            offset += len(content)

    def read(self, file: FileName, *, offset: int, limit: int, has_ended: bool) -> bytes:
        """Return a piece of a file; empty where nothing more is to be sent for now."""
        if file.kind is FileKind.LOG:
            return self._read_log(file.owner, offset=offset, limit=limit, has_ended=has_ended)
        if file.kind is FileKind.PROGRESS:
            return self._read_progress(file.owner, offset=offset, limit=limit, whole=has_ended)
        return self._hold(file, anew=offset == 0)[offset : offset + limit]

    def measure_log(self, key: str) -> int:
        """Return how much of an attempt's output can be sent while it runs."""
        return min(self.backend.measure_log(key), LARGEST_BYTES[FileKind.LOG] - len(CUT))

    def _read_progress(self, job_id: str, *, offset: int, limit: int, whole: bool) -> bytes:
        """Return a piece of the progress that travels, which is no more than people can see."""
        sifted = self._progress.pop(job_id, None) or SiftedProgress(self.backend, job_id)
        self._progress[job_id] = sifted
        if len(self._progress) > MOST_SIFTED:
            self._progress.popitem(last=False)[1].close()
        return sifted.read(offset=offset, limit=limit, whole=whole)

    def _read_log(self, key: str, *, offset: int, limit: int, has_ended: bool) -> bytes:
        """Return a piece of the output; of one that is too long the beginning, and a last line."""
        room = LARGEST_BYTES[FileKind.LOG] - len(CUT)
        if offset < room:
            return self.backend.read_log(key, offset=offset, limit=min(limit, room - offset))
        if not has_ended:
            return b""
        end = self.backend.read_log(key, offset=room, limit=len(CUT) + 1)
        return (end if len(end) <= len(CUT) else CUT)[offset - room :][:limit]

    def _hold(self, file: FileName, *, anew: bool) -> bytes:
        if anew or self._held is None or self._held[0] != file:
            self._held = (file, self.backend.read_output(file.owner, file.name))
        return self._held[1]

    def let_go(self) -> None:
        """Forget the output file that was held, so that it is read anew."""
        self._held = None


class SiftedProgress:
    """A job's progress after the sieve, kept in a temporary file as it grows."""

    def __init__(self, backend: Backend, job_id: str) -> None:
        self.backend = backend
        self.job_id = job_id
        self._copy = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the job is watched
        self.close = weakref.finalize(self, self._copy.close)  # at the latest with this object
        self._begin()

    def read(self, *, offset: int, limit: int, whole: bool) -> bytes:
        """Return a piece; first take in what the job wrote since, or all of it."""
        self._catch_up(most_bytes=None if whole else MOST_SIFTED_BYTES)
        self._copy.seek(offset)
        return self._copy.read(limit)

    def _begin(self) -> None:
        self._sieve, self._taken_bytes, self._kept_bytes = Sieve(), 0, 0
        self._copy.truncate(0)

    def _catch_up(self, *, most_bytes: int | None) -> None:
        if self.backend.measure_progress(self.job_id) < self._taken_bytes:
            self._begin()  # the job began its file anew
        begun_at = self._taken_bytes
        while most_bytes is None or self._taken_bytes - begun_at < most_bytes:
            content = self.backend.read_progress(
                self.job_id, offset=self._taken_bytes, limit=READ_BYTES
            )
            if not content:
                return
            self._taken_bytes += len(content)
            room = LARGEST_BYTES[FileKind.PROGRESS] - self._kept_bytes
            self._copy.seek(self._kept_bytes)
            self._kept_bytes += self._copy.write(self._sieve.sift(content)[: max(0, room)])


def write_piece(file: FileName, *, offset: int, content: bytes, is_gone: bool = False) -> Any:
    """Return a piece as a JSON value. An empty one asks how much of the file the centre has."""
    text = base64.b64encode(content).decode()
    return {"file": asdict(file), "offset": offset, "content": text, "is_gone": is_gone}
