"""The code of jobs, fetched from the centre by the agent's own calls, piece by piece."""

import base64
import hashlib
import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from allmende.agent.spools import Watched
from allmende.domain.basics.refusals import Refusal
from allmende.domain.scheduling.backends import Launch
from allmende.domain.scheduling.exchanges import CODE_OF

PART = ".part"  # the ending of what has not come whole


class CodeOnItsWay(Refusal):
    """The code of this job is on its way from the centre. The job starts once it is here."""

    status = 503


class Codes:
    """A folder of archives, each named by its SHA-256: those that open orders name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.is_busy = False  # a piece came, and there is more to do at once

    def places(self, launch: Launch) -> dict[str, str]:
        """Return what the mark in a launch stands for here; `CodeOnItsWay` until it is here."""
        sha256 = _hash_of(launch)
        if not sha256:
            return {}
        if not (self.folder / sha256).exists():
            raise CodeOnItsWay
        return {launch.code: str(self.folder / sha256)}

    def ask(self, watched: Iterable[Watched]) -> dict[str, Any] | None:
        """Return which archive is missing, and from which byte on; None where none is."""
        self.is_busy = False
        for sha256 in sorted(_list_needed(watched)):
            if not (self.folder / sha256).exists():
                part = self.folder / f"{sha256}{PART}"
                offset = part.stat().st_size if part.exists() else 0
                return {"sha256": sha256, "offset": offset}
        return None

    def take(self, asked: Mapping[str, Any] | None, piece: Mapping[str, Any] | None) -> None:
        """Put a piece to what is here; what is whole and not what was asked for begins anew."""
        if asked is None or piece is None or piece["sha256"] != asked["sha256"]:
            return  # the centre has it no more, or is of an older version
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / f"{asked['sha256']}{PART}"
        with part.open("ab") as file:
            if file.tell() != asked["offset"] or piece["offset"] != asked["offset"]:
                return  # that piece is here already
            file.write(base64.b64decode(piece["content"], validate=True))
            file.flush()
            os.fsync(file.fileno())
            size_bytes = file.tell()
        self.is_busy = size_bytes > asked["offset"]
        if size_bytes >= piece["size_bytes"]:
            with part.open("rb") as file:
                is_right = hashlib.file_digest(file, "sha256").hexdigest() == asked["sha256"]
            part.rename(self.folder / asked["sha256"]) if is_right else part.unlink()
            self.is_busy = is_right  # else the same may come again and again

    def forget_others(self, watched: Collection[Watched]) -> None:
        """Remove the archives that no open order names."""
        needed = {_hash_of(each.order.launch) for each in watched}
        for path in self.folder.glob("*"):
            if path.name.removesuffix(PART) not in needed:
                path.unlink(missing_ok=True)


def _list_needed(watched: Iterable[Watched]) -> set[str]:
    """Return the code of what has not begun."""
    return {
        sha256
        for each in watched
        if each.started_at is None and not each.has_ended and each.order.stop_reason is None
        if (sha256 := _hash_of(each.order.launch))
    }


def _hash_of(launch: Launch) -> str:
    return launch.code.removeprefix(CODE_OF) if launch.code.startswith(CODE_OF) else ""
