"""Reads the pages of the documentation: their links, headings and walkthroughs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
HIDDEN = re.compile(r"^<!-- before: (.*?) -->$", re.M)
MARK = re.compile(r"<!-- (not run|beside|until|exit|file): ?(.*?) ?-->\n\Z")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Step:
    """One thing that a reader of a page does, and what the page says comes of it."""

    line: int
    kind: str  # "run", "until", "beside", "not run", "file"
    text: str
    expected: tuple[str, ...] = ()
    exit_code: int = 0


def list_pages() -> list[Path]:
    """Return every page that people read."""
    found = [*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md")]
    return sorted([*found, *PROJECT.glob("blueprints/*/*.md")])


def list_walkthroughs() -> list[Path]:
    """Return the pages whose commands are run."""
    folders = ("docs/tutorial", "docs/howto")
    pages = [page for folder in folders for page in sorted((PROJECT / folder).glob("*.md"))]
    return [page for page in pages if any(read_steps(page))]


def read_links(page: Path) -> list[str]:
    """Return the addresses that a page links to, without those in code."""
    return LINK.findall(re.sub(r"`[^`\n]*`", "", FENCE.sub("", page.read_text())))


def read_anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.M)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).replace("`", "") for title in titles)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in plain}


def read_steps(page: Path) -> Iterator[Step]:
    """Return the steps of a walkthrough, in the order of the page.

    A comment above a block changes what it means: `file: NAME` writes it down, `not run: WHY`
    leaves it out, `beside:` starts it and lets it run, `exit: N` expects this exit code, `until:`
    runs it again and again until it prints what the page says. A comment `before: COMMAND` is run
    and not shown: what a reader of this page has done already.
    """
    text = page.read_text()
    parts = [*FENCE.finditer(text), *HIDDEN.finditer(text)]
    for block in sorted(parts, key=lambda part: part.start()):
        line = text.count("\n", 0, block.start()) + 1
        if block.re is HIDDEN:
            yield Step(line, "run", block[1])
            continue
        mark = MARK.search(text[: block.start()])
        kind, word = mark.groups() if mark else ("run", "")
        if kind == "file":
            yield Step(line, f"file {word}", block[2])
        elif block[1] == "console":
            yield from _read_console(line, kind, word, block[2])


def _read_console(line: int, kind: str, word: str, text: str) -> Iterator[Step]:
    for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
        command, *rest = part.replace("\\\n", "").split("\n")
        expected = tuple(each.strip() for each in rest if each.strip(" …"))
        code = int(word) if kind == "exit" else 0
        yield Step(line, "run" if kind == "exit" else kind, command, expected, code)
