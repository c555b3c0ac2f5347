"""A trained model: its card, its record, its files."""

import hashlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from allmende.client.calls import Caller


class FileDiffers(Exception):
    """A file did not arrive as it was registered. Nothing of it was kept."""


class Model:
    """A model that you may see. `facts` is what the API said of it."""

    def __init__(self, caller: Caller, facts: dict[str, Any]) -> None:
        self._caller = caller
        self.facts = facts
        self.id: str = facts["id"]

    def __repr__(self) -> str:
        return f"<Model {self.id} {self.facts['name']!r}, version {self.facts['version']}>"

    def card(self) -> str:
        """Return its card, as Markdown with front matter."""
        return str(self._caller.ask("GET", f"/models/{self.id}")["card"])

    def record(self) -> dict[str, Any]:
        """Return its training record: compute, energy, data, thresholds."""
        return dict(self._caller.ask("GET", f"/models/{self.id}")["record"])

    def download(self, folder: Path | str) -> list[Path]:
        """Fetch its files into a folder, each compared with its checksum; return where they lie.

        What lies there unchanged from before is not fetched again.
        """
        return [self._fetch(each, Path(folder)) for each in self.facts["files"]]

    def _fetch(self, file: dict[str, Any], folder: Path) -> Path:
        name = PurePosixPath(file["name"])
        if name.is_absolute() or ".." in name.parts:
            raise FileDiffers(f"{name} would lie outside of {folder}.")
        place = folder / name
        if place.is_file() and _hash(place) == file["sha256"]:
            return place  # from before
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = place.with_name(f".{place.name}.part")
        try:
            if self._caller.fetch(f"/models/{self.id}/files/{name}", draft) != file["sha256"]:
                raise FileDiffers(f"{name} differs from what was registered. Fetch it again.")
            draft.replace(place)
        finally:
            draft.unlink(missing_ok=True)
        return place


def _hash(place: Path) -> str:
    with place.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def list_models(caller: Caller, *, project_id: str | None = None) -> Iterator[Model]:
    """Yield the models that one may see, the newest first."""
    for facts in each_of(caller, "/models", project_id=project_id):
        yield Model(caller, facts)


def each_of(caller: Caller, path: str, **query: Any) -> Iterator[dict[str, Any]]:
    """Yield what a list has, page by page where it comes so."""
    after = None
    while True:
        page = caller.ask("GET", path, query={**query, "after": after})
        if isinstance(page, list):  # short ones come whole
            yield from page
            return
        yield from page["items"]
        after = page["next"]
        if after is None:
            return
