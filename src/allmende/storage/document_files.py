"""Files that people hand in, each under the hash of its content: documents, archives of code."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from allmende.domain.access.documents import DocumentIsTooLarge
from allmende.domain.basics.refusals import Refusal

MEGABYTE = 1_000_000


class DocumentIsDamaged(Refusal):
    """The file {sha256} is missing, or no longer as it was handed in. It is not handed out; the
    operator restores it from a copy of the folder documents."""

    status = 503


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """A file that was received whole and judged, and has no place yet."""

    path: Path
    sha256: str
    size_bytes: int
    counted: int  # by whoever judged it: pages, files


class Shelf:
    """A folder of files named by their SHA-256, with a corner for what is just coming in.

    `judge` returns the number of pages of a file, or refuses it. Archives of code have their own
    refusals for what is too large and for what is damaged.
    """

    def __init__(
        self,
        folder: Path,
        *,
        judge: Callable[[Path], int],
        most_bytes: int,
        too_large: Callable[..., Refusal] = DocumentIsTooLarge,
        damaged: Callable[..., Refusal] = DocumentIsDamaged,
    ) -> None:
        self.folder = folder
        self.incoming = folder / "incoming"
        self.judge = judge
        self.most_bytes = most_bytes
        self.too_large = too_large
        self.damaged = damaged

    @contextmanager
    def receive(self, chunks: Iterable[bytes]) -> Iterator[Incoming]:
        """Yield a file as it came; a refusal as soon as it is too large, with nothing left of it.

        It is on the disk when this yields, and gone afterwards unless it was kept.
        """
        self.incoming.mkdir(parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(dir=self.incoming)
        try:
            digest, size = hashlib.sha256(), 0
            with os.fdopen(descriptor, "wb") as file:
                for chunk in chunks:
                    size += len(chunk)
                    if size > self.most_bytes:
                        raise self.too_large(most_megabytes=self.most_bytes // MEGABYTE)
                    digest.update(chunk)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            path = Path(draft)
            yield Incoming(
                path=path, sha256=digest.hexdigest(), size_bytes=size, counted=self.judge(path)
            )
        finally:
            with suppress(FileNotFoundError):  # it has got its place
                Path(draft).unlink()

    def keep(self, incoming: Incoming) -> None:
        """Give a file its place, all at once; the same content again changes nothing."""
        place = self.find(incoming.sha256)
        place.parent.mkdir(exist_ok=True)
        with suppress(FileNotFoundError):  # a deed that is run again has moved it already
            incoming.path.replace(place)
        for folder in (place.parent, self.folder):
            _sync(folder)
        if not place.exists():
            raise self.damaged(sha256=incoming.sha256)

    def open(self, sha256: str) -> BinaryIO:
        """Return a file to read from its start, after it was compared with its hash."""
        try:
            file = self.find(sha256).open("rb")
        except FileNotFoundError as error:
            raise self.damaged(sha256=sha256) from error
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            file.close()
            raise self.damaged(sha256=sha256)
        file.seek(0)
        return file

    def read_part(self, sha256: str, *, offset: int, limit: int) -> bytes:
        """Return up to `limit` bytes from `offset`; whoever has all compares it with the hash."""
        try:
            with self.find(sha256).open("rb") as file:
                file.seek(offset)
                return file.read(limit)
        except FileNotFoundError as error:
            raise self.damaged(sha256=sha256) from error

    def list_older(self, instant: datetime) -> list[str]:
        """Return the hashes of the files that got their place before an instant."""
        return [path.name for path in self.folder.glob("??/*") if _is_older(path, instant)]

    def remove(self, sha256: str) -> None:
        """Remove a file; one that is gone already is removed."""
        self.find(sha256).unlink(missing_ok=True)

    def sweep_incoming(self, instant: datetime) -> int:
        """Remove what was left half received before an instant; return how many files."""
        left = [path for path in self.incoming.glob("*") if _is_older(path, instant)]
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)

    def find(self, sha256: str) -> Path:
        """Return where a file lies, whether it is there or not."""
        return self.folder / sha256[:2] / sha256


def _is_older(path: Path, instant: datetime) -> bool:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC) < instant
    except FileNotFoundError:  # it got its place, or was removed, this moment
        return False


def _sync(folder: Path) -> None:
    """Make the names in a folder last, so that a row never outlives its file."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
