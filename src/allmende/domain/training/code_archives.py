"""A folder of code that a job brings along: one archive, known by the hash of its content."""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence

MEGABYTE = 1_000_000
PREFIX = "sha256:"
HASH = re.compile(r"[0-9a-f]{64}")
MOST_BYTES = 100 * MEGABYTE  # of an archive
MOST_FILES = 10_000  # files, folders and links together
# What an archive adds: a header or two before each, and what fills up the last block.
MOST_ARCHIVE_BYTES = MOST_BYTES + MOST_FILES * 4 * 512
MOST_PROJECT_BYTES = 2_000 * MEGABYTE  # of all archives of a project
# Of a folder that somebody packed, and of what it unpacks to: .gitignore leaves out part of it.
MOST_PACKED_BYTES = 2 * MOST_BYTES
LONGEST_NAME_BYTES, LONGEST_PART_BYTES = 1_000, 255
DEEPEST = 50  # folders in each other; each takes time for every file below
LARGEST_NAMED = 3  # of what is too large, the largest are named
WORDS = re.compile(r"[\s;&|()<>=\"'`\[\]]+")
USUAL_NEEDS = re.compile(
    r"requirements[\w.-]*|pyproject\.toml|setup\.(py|cfg)|environment\.ya?ml|[\w.-]+\.lock|Pipfile"
)
UNSEEN = Sentence("`allmende job submit` names the largest of it.")
NO_CHARACTER = Sentence("It holds a character that is none of a name.")
# The folder below a job's own where its code lies, and where setup and run start.
CODE_FOLDER = "code"


class CodeNotBrought(Refusal):
    """The folder {workdir} lies with you and does not come along by itself. In the portal upload it
    below the job file; in a terminal `allmende job submit` brings it; a program sends it first
    (POST /projects/ID/code) and writes the answer's workdir into the job file."""

    status = 422


class CodeUnknown(Refusal):
    """The project has no code {sha256}: it was never sent, or no job needed it for a while. Submit
    with `allmende job submit`, which brings the folder, or send the archive anew."""

    status = 422


class CodeIsDamaged(Refusal):
    """The code {sha256} is missing, or no longer as it was sent, so nothing runs with it. Send it
    anew: submit once more with `allmende job submit`, or tell the operator to restore the folder
    code from a copy."""

    status = 503


class FolderHasNothing(Refusal):
    """There is nothing to bring in the folder {folder}: it is empty, or .gitignore leaves out all
    of it. Check workdir in the job file."""

    status = 422


class NoSuchFolder(Refusal):
    """There is no folder {folder} to bring along. workdir in the job file is a folder beside or
    below the file, such as . or code."""

    status = 422


class CodeIsTooLarge(Refusal):
    """The code has more than {most_megabytes} MB. {largest} Leave out what is no code with a line
    in .gitignore; data belong into the data catalogue (`data` in the job file)."""

    status = 413


class CodeHasTooManyFiles(Refusal):
    """The code has more than {most} files and folders. {largest} Leave out what is no code with a
    line in .gitignore; data belong into the data catalogue (`data` in the job file)."""

    status = 413


class ProjectKeepsTooMuchCode(Refusal):
    """The project keeps {kept_megabytes} MB of code for its jobs and models, of {most_megabytes}
    MB at most. Code that none of them needs is removed by itself; wait until jobs have ended, or
    bring less with .gitignore."""

    status = 413


class LinkLeadsOutside(Refusal):
    """The link {name} leads out of the folder. Put a copy of what it points to in its place, or
    leave it out with a line in .gitignore."""

    status = 422


class UnfitName(Refusal):
    """The name {name} cannot be brought along: {problem} Rename it, or leave it out with a line in
    .gitignore."""

    status = 422


class NoPlainFile(Refusal):
    """{name} is neither a file nor a folder nor a link, and cannot be brought along. Leave it out
    with a line in .gitignore."""

    status = 422


class FileNotReadable(Refusal):
    """{name} could not be read as it was listed: {problem} Try again, or leave it out with a line
    in .gitignore."""

    status = 422


class NoCodeArchive(Refusal):
    """This is no archive of code: {problem} Send an uncompressed tar of files, folders and links
    with relative names, for example of: tar --create --directory FOLDER ."""

    status = 422


class NoPackedFolder(Refusal):
    """This file cannot be taken as a folder: {problem} Pack the folder as .zip, .tar.gz or .tar,
    without a password."""

    status = 422


class PackedFolderIsTooLarge(Refusal):
    """As it was packed, the folder has more than {most_megabytes} MB, packed or unpacked. Pack it
    anew without what is no code; data belong into the data catalogue (`data` in the job file)."""

    status = 413


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing in a folder: a file, a folder, or a link to something else in it."""

    name: str  # from the folder on: "pkg/train.py"
    is_folder: bool = False
    target: str | None = None  # where a link leads; None for what is none
    size_bytes: int = 0
    is_executable: bool = False

    @property
    def is_file(self) -> bool:
        """Say whether it has a content of its own."""
        return not self.is_folder and self.target is None


@dataclass(frozen=True, kw_only=True)
class CodeArchive:
    """A folder that a project has sent. The same content again is the same archive."""

    project_id: str
    sha256: str
    size_bytes: int
    files: int  # with folders and links
    added_by: str
    added_at: datetime
    used_at: datetime  # when it was last sent, or a job that needs it was submitted

    @property
    def workdir(self) -> str:
        """Return what a job file says of it."""
        return PREFIX + self.sha256


def find_hash(workdir: str) -> str:
    """Return the hash that `workdir` of a job file names; empty where it names none."""
    sha256 = workdir.removeprefix(PREFIX)
    return sha256 if workdir.startswith(PREFIX) and HASH.fullmatch(sha256) else ""


def is_own_folder(workdir: str) -> bool:
    """Say whether that is the folder of the job file or one below, such as . or code."""
    is_below = not workdir.startswith("/") and ".." not in workdir.split("/")
    return is_below and not workdir.startswith(PREFIX)


def check_tree(entries: Collection[Entry]) -> None:
    """Refuse names and links that lead outside, and names that some file system takes for one."""
    if sum(each.size_bytes for each in entries) > MOST_BYTES:
        raise CodeIsTooLarge(most_megabytes=MOST_BYTES // MEGABYTE, largest=UNSEEN)
    folders, others = set[str](), list[str]()
    for each in entries:
        check_entry(each)
        folders.update(_parents(each.name))
        if each.is_folder:
            folders.add(each.name)
        else:
            others.append(each.name)
        if len(folders) + len(others) > MOST_FILES:  # with folders that no entry speaks of
            raise CodeHasTooManyFiles(most=MOST_FILES, largest=UNSEEN)
    taken: dict[str, str] = {}
    for name in (*sorted(folders), *others):
        other = taken.get(fold(name))
        if other == name:
            raise UnfitName(name=name, problem=Sentence("It is there twice."))
        if other is not None:
            problem = Sentence("Some file systems take it for {other}.", {"other": other})
            raise UnfitName(name=name, problem=problem)
        taken[fold(name)] = name


def check_entry(entry: Entry) -> None:
    """Refuse a name or a link that leads outside, or that is too long to be one."""
    check_name(entry.name)
    if entry.target is not None:
        _check_link(entry.name, entry.target)


def choose_for_setup(setup: str, entries: Iterable[Entry]) -> list[Entry]:
    """Return the files of the code that `setup` names, or that lie in a folder that it names.

    `pip install .` names all of it. What usually says what to install counts in any case, for a
    script that `setup` calls may read that.
    """
    words = {word.strip("/").removeprefix("./") for word in WORDS.split(setup)}
    return [
        each
        for each in entries
        if each.is_file
        and (
            not words.isdisjoint({".", each.name, *_parents(each.name)})
            or USUAL_NEEDS.fullmatch(each.name)
        )
    ]


def hash_for_setup(setup: str, entries: Iterable[Entry], hash_file: Callable[[Entry], str]) -> str:
    """Return the hash of those files of the code on which `setup` depends; "" without any."""
    chosen = sorted(choose_for_setup(setup, entries), key=lambda each: each.name)
    lines = "".join(f"{hash_file(each)} {each.name}\n" for each in chosen)
    return hashlib.sha256(lines.encode()).hexdigest() if chosen else ""


def fold(name: str) -> str:
    """Return what a file system takes a name for that knows no case and no composed letters."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def show(name: str) -> str:
    """Return a name as people can read it, whatever bytes it is made of."""
    return "".join(c if c.isprintable() else "?" for c in name)[:200]


def say_largest(amounts: Mapping[str, int], unit: str = "") -> str:
    """Return the largest of some named amounts: "data (3100 MB), runs (40 MB)"."""
    largest = sorted(amounts.items(), key=lambda each: (-each[1], each[0]))[:LARGEST_NAMED]
    return ", ".join(f"{show(name)} ({f'{amount} {unit}'.strip()})" for name, amount in largest)


def check_name(name: str) -> None:
    """Refuse a name that leads out of the folder, or that some file system cannot hold."""
    parts = name.split("/")
    if not name or {"", ".", ".."} & set(parts):
        raise UnfitName(name=show(name), problem=Sentence("It leads out of the folder."))
    try:
        too_long = len(name.encode()) > LONGEST_NAME_BYTES
        too_long |= any(len(part.encode()) > LONGEST_PART_BYTES for part in parts)
    except UnicodeEncodeError as error:
        raise UnfitName(name=show(name), problem=Sentence("It is not written in UTF-8.")) from error
    if too_long:
        raise UnfitName(name=show(name), problem=Sentence("It is too long."))
    if len(parts) > DEEPEST:
        raise UnfitName(name=show(name), problem=Sentence("It lies in too many folders."))
    if any(unicodedata.category(c) == "Cc" for c in name) or "\\" in name:
        raise UnfitName(name=show(name), problem=NO_CHARACTER)


def _check_link(name: str, target: str) -> None:
    """Refuse a link that may lead above the folder: one that goes up does so first, and not far.

    Its own folder is no link, and neither is any above it; so, link by link, all stay inside.
    """
    parts = [part for part in target.split("/") if part not in ("", ".")]
    steps_up = next((at for at, part in enumerate(parts) if part != ".."), len(parts))
    fits = target.isprintable() and "\\" not in target and not target.startswith("/")
    if fits and len(target.encode()) > LONGEST_NAME_BYTES:
        raise UnfitName(name=show(name), problem=Sentence("It leads to a name that is too long."))
    if not target or not fits or ".." in parts[steps_up:] or steps_up > name.count("/"):
        raise LinkLeadsOutside(name=show(name))


def _parents(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]
