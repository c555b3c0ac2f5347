"""Model cards are Markdown; this reads the little that our cards use, and lets nothing else in."""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

HEADING = re.compile(r"(#{1,4}) +(.+)")
RULE_ROW = re.compile(r"\|[ :|-]+\|")
BOLD = re.compile(r"\*\*(.+?)\*\*")
FENCE = "```"
CODE = re.compile(r"`([^`]+)`")


def render_markdown(text: str) -> SafeString:
    """Return headings, paragraphs, lists, tables and code as HTML; all else stays text."""
    lines = strip_front_matter(text).strip().splitlines()
    if lines and lines[0].startswith("# "):  # the page has it as its own heading
        lines = lines[1:]
    parts = "\n".join(lines).split(f"\n{FENCE}")  # text and code take turns
    rendered = [
        _code(part) if number % 2 else "\n".join(_blocks(part.splitlines()))
        for number, part in enumerate(parts)
    ]
    return mark_safe("\n".join(rendered).strip())  # noqa: S308 - every piece of text is escaped


def strip_front_matter(text: str) -> str:
    """Return the card without the keys that programs read."""
    parts = text.split("---\n", 2)
    return parts[2] if text.startswith("---\n") and len(parts) > 2 else text


def _blocks(lines: Iterable[str]) -> Iterator[str]:
    for kind, group in groupby(lines, key=_kind):
        block = list(group)
        if kind == "heading":
            yield from (_heading(line) for line in block)
        elif kind == "list":
            yield f"<ul>{''.join(f'<li>{_inline(line.lstrip()[2:])}</li>' for line in block)}</ul>"
        elif kind == "table":
            yield _table(block)
        elif kind == "text":
            yield f"<p>{_inline(' '.join(block))}</p>"


def _code(part: str) -> str:
    """Return a block of code as it is; its first line names the language."""
    _, _, code = part.partition("\n")
    return f'<pre tabindex="0"><code>{escape(code)}</code></pre>'


def _kind(line: str) -> str:
    if not line.strip():
        return "blank"
    if HEADING.fullmatch(line):
        return "heading"
    if line.lstrip().startswith(("- ", "* ")):
        return "list"
    return "table" if line.startswith("|") else "text"


def _heading(line: str) -> str:
    match = HEADING.fullmatch(line)
    assert match is not None, "the kind of the line says so"
    level = len(match[1])
    return f"<h{level}>{_inline(match[2])}</h{level}>"


def _table(lines: list[str]) -> str:
    rows = [_cells(line) for line in lines if not RULE_ROW.fullmatch(line.strip())]
    head = "".join(f'<th scope="col">{cell}</th>' for cell in rows[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows[1:]
    )
    return (
        '<div class="tablewrap" tabindex="0" role="group"><table><thead><tr>'
        f"{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cells(line: str) -> list[str]:
    return [_inline(cell.strip()) or "&nbsp;" for cell in line.strip().strip("|").split("|")]


def _inline(text: str) -> str:
    escaped = str(escape(text))
    return CODE.sub(r"<code>\1</code>", BOLD.sub(r"<strong>\1</strong>", escaped))
