"""Write the evidence as plain files, and recompute it anywhere."""

import json as json_format
from pathlib import Path
from typing import Annotated, Any

import typer

from allmende.cli.exits import ExitCode
from allmende.cli.output import AsJson, say, show
from allmende.domain.basics.refusals import InvalidInput, NotFound, Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.trust import evidence, records

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the evidence.")]


class FolderIsNotEmpty(Refusal):
    """The folder {folder} is not empty. Choose a new one: evidence is never overwritten."""


def export_evidence(directory: Folder, json: AsJson = False) -> None:
    """Write events, ledger, jobs, plans and promise results as plain files into a new folder."""
    # What needs a database is loaded here alone: `verify` must run without one.
    from allmende.cli.acting import acting_deed  # noqa: PLC0415 - see above
    from allmende.services import evidence as service  # noqa: PLC0415 - see above
    from allmende.wiring.access_rules import load_access_rules  # noqa: PLC0415 - see above
    from allmende.wiring.factory import load_factory  # noqa: PLC0415 - see above

    check_empty(directory)
    export = service.export_evidence(
        acting_deed(), factory=load_factory(), rules=load_access_rules()
    )
    write_folder(directory, export.files, export.manifest)
    if json:
        show({"directory": str(directory), **export.manifest}, json=True)
        return
    facts = {"lines": sum(map(len, export.files.values())), "folder": str(directory)}
    say(Sentence("{lines} records written to {folder}.", facts))
    say(
        Sentence(
            "Note the head of the chain, event {number}: {hash}",
            {"number": export.head.number, "hash": export.head.hash},
        )
    )


def verify(
    directory: Folder,
    head: Annotated[str, typer.Option(help="The head that you noted from elsewhere.")] = "",
    json: AsJson = False,
) -> None:
    """Recompute everything in an exported folder. Exit code 1 if anything does not fit."""
    files, manifest = read_folder(directory)
    verification = evidence.verify(files, manifest, head_hash=head)
    if json:
        show({"is_clean": verification.is_clean, **vars(verification)}, json=True)
    else:
        _print(verification, is_head_known=bool(head))
    if not verification.is_clean:
        raise typer.Exit(ExitCode.REFUSED)


def check_empty(directory: Path) -> None:
    """Refuse a folder in which files of something else could stay."""
    if directory.exists() and any(directory.iterdir()):
        raise FolderIsNotEmpty(folder=str(directory))


def write_folder(directory: Path, files: evidence.Files, manifest: dict[str, Any]) -> None:
    """Write an export into a new folder; the manifest comes last and lists only whole files."""
    check_empty(directory)
    directory.mkdir(parents=True, exist_ok=True)
    for name, lines in files.items():
        text = "".join(f"{line}\n" for line in lines)
        (directory / name).write_text(text, encoding="utf-8", newline="\n")
    text = json_format.dumps(manifest, indent=2, ensure_ascii=False)
    (directory / evidence.MANIFEST).write_text(text + "\n", encoding="utf-8")


def read_folder(directory: Path) -> tuple[dict[str, list[str]], dict[str, Any]]:
    """Return the lines of every file in the folder, and its manifest.

    What is no plain file, such as a folder or a link, stands there without lines under its name and
    a slash: no evidence is called so, and `verify` finds it as something that does not belong.
    """
    if not (directory / evidence.MANIFEST).is_file():
        raise NotFound(kind="manifest", id=str(directory / evidence.MANIFEST))
    files: dict[str, list[str]] = {}
    for path in sorted(directory.iterdir()):
        if path.is_symlink() or not path.is_file():
            files[f"{path.name}/"] = []
        elif path.name != evidence.MANIFEST:
            files[path.name] = split_lines(path.read_bytes())
    return files, _read_manifest(directory / evidence.MANIFEST)


def split_lines(content: bytes) -> list[str]:
    """Return the lines of a file; what the export never writes is made visible, so it is found."""
    # Bytes that are no UTF-8, and a last line without its end, get a sign that no record has.
    *lines, rest = content.decode("utf-8", errors="replace").split("\n")
    return [*lines, rest + "\N{REPLACEMENT CHARACTER}"] if rest else lines


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json_format.loads(path.read_bytes())
    except ValueError:
        manifest = None
    if not isinstance(manifest, dict):
        raise InvalidInput(field=str(path), problem=Sentence("This is no JSON document."))
    return manifest


def _print(verification: evidence.Verification, *, is_head_known: bool) -> None:
    rows = [{"file": name, "lines": verification.lines.get(name, 0)} for name in records.FILES]
    show(rows)
    show(verification.results, columns=("promise_id", "verdict", "value"))
    if verification.findings:
        show(verification.findings)
        count = {"findings": len(verification.findings)}
        say(Sentence("{findings} findings: this is not what was exported.", count))
        return
    say(Sentence("Everything was recomputed, and all of it fits."))
    if not is_head_known:
        facts = {"hash": verification.head.hash}
        say(Sentence("Compare the head with one that you noted elsewhere: {hash}", facts))
