"""Model cards are Markdown, written by whoever trains; what is shown of them is safe.

No HTML of theirs, no pictures, and links only to web pages and mail.
"""

from collections.abc import Sequence
from typing import Any

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

LINKS = ("http://", "https://", "mailto:")
# A card has some thousand characters. One of a million would keep the portal busy for a minute,
# each time that somebody looks at it; whoever takes the card along has all of it.
LONGEST = 100_000


def render_markdown(text: str) -> SafeString:
    """Return a card as HTML, without its front matter and the title that the page has itself."""
    body = strip_front_matter(text).lstrip()[:LONGEST]
    title, _, rest = body.partition("\n")
    html: str = _markdown().render(rest if title.startswith("# ") else body)
    return mark_safe(html.strip())  # noqa: S308 - raw HTML is off, so every piece is escaped


def strip_front_matter(text: str) -> str:
    """Return the card without the keys that programs read."""
    parts = text.split("---\n", 2)
    return parts[2] if text.startswith("---\n") and len(parts) > 2 else text


def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    markdown.validateLink = lambda url: url.lower().startswith(LINKS)  # type: ignore[method-assign]
    # Wide ones scroll in a frame of their own, which the keyboard reaches.
    opened = '<div class="tablewrap" tabindex="0" role="group"><table>\n'
    markdown.add_render_rule("table_open", lambda *_: opened)
    markdown.add_render_rule("table_close", lambda *_: "</table></div>\n")
    markdown.add_render_rule("th_open", lambda *_: '<th scope="col">')
    markdown.add_render_rule("fence", _render_code)
    return markdown


def _render_code(_self: object, tokens: Sequence[Token], index: int, *_: Any) -> str:
    return f'<pre tabindex="0"><code>{escape(tokens[index].content)}</code></pre>\n'
