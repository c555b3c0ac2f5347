"""Exported evidence as a folder of plain files: written, read back, verified."""

import json
from pathlib import Path

from allmende.domain.basics.refusals import Refusal
from allmende.domain.trust import evidence
from allmende.domain.trust.evidence import Verification
from allmende.services.evidence import Export

MANIFEST = "manifest.json"


class NoEvidence(Refusal):
    """There is no evidence in {folder}: {problem}. Write it with: allmende export-evidence DIR"""

    status = 404


class FolderIsNotEmpty(Refusal):
    """{folder} is not empty. Choose a new folder, so that no file of another export stays in it."""


def write(folder: Path, export: Export) -> None:
    """Write an export into a new folder; the manifest last, so that it lists only whole files."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FolderIsNotEmpty(folder=str(folder))
    for name, lines in export.files.items():
        (folder / name).write_text("".join(f"{line}\n" for line in lines))
    manifest = json.dumps(dict(export.manifest), indent=2, ensure_ascii=False)
    (folder / MANIFEST).write_text(manifest + "\n")


def verify(folder: Path, *, head_hash: str = "") -> Verification:
    """Recompute everything in a folder of evidence; no database is asked."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        files = {
            path.name: tuple(path.read_text().splitlines())
            for path in sorted(folder.iterdir())
            if path.name != MANIFEST
        }
    except (OSError, ValueError) as error:
        raise NoEvidence(folder=str(folder), problem=str(error)) from error
    return evidence.verify(files, manifest, head_hash=head_hash)
