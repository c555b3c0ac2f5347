"""The content of files that came from sites, each under its number; names stand in the database.

What a site or a job calls a file never becomes a path here.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path


class RelayFolder:
    """A folder of files that grow from their beginning, piece by piece."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, number: int, *, offset: int, content: bytes) -> None:
        """Write a piece and bring it to the disk; the same piece again changes nothing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._place(number), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            view = memoryview(content)
            while view:
                written = os.pwrite(descriptor, view, offset)
                view, offset = view[written:], offset + written
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def read(self, number: int, *, offset: int, limit: int) -> bytes:
        """Return up to `limit` bytes from `offset`; nothing where nothing came."""
        with suppress(FileNotFoundError), self._place(number).open("rb") as file:
            file.seek(max(0, offset))
            return file.read(max(0, limit))
        return b""

    def digest(self, number: int, *, size_bytes: int) -> str:
        """Return the SHA-256 of the first bytes of a file; what lies behind them is cut off."""
        with suppress(FileNotFoundError):
            os.truncate(self._place(number), size_bytes)
            with self._place(number).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        return hashlib.sha256(b"").hexdigest()

    def remove(self, number: int) -> None:
        """Remove a file; one that is gone already is removed."""
        self._place(number).unlink(missing_ok=True)

    def _place(self, number: int) -> Path:
        return self.folder / str(number)
